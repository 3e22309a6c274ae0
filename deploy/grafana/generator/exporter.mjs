// The dashboard for people on call: are the figures fresh, does the upstream answer, is the exporter well.
import { choices, dashboard, heading, line, link, marks, variable } from "./dashboard.mjs";
import {
  GREEN, GREY, ORANGE, RED, fixed, heatmap, instant, mapped, named, ofQuery, range, stat, stateTimeline, table, timeseries,
} from "./panels.mjs";
import { ACCOUNT, ITEMS, ONLY_APPS, orNone, withName } from "./promql.mjs";

// One process each; several may show the same account.
const PROCESS = 'job=~"$job", instance=~"$instance"';
const RAW = `${ACCOUNT}, ${PROCESS}`;
const APPS = `${ITEMS}, sdk_app_id=~"$app|total"`;
const RAW_ITEMS = `${ITEMS}, ${PROCESS}`;
const RAW_ONLY_APPS = `${RAW_ITEMS}, ${ONLY_APPS}`;
const RAW_APPS = `${RAW_ITEMS}, sdk_app_id=~"$app|total"`;

// What was added within one step of the graph. With steps that are long beside the scrape interval, as in `counts`, the bars
// add up to what happened.
const perStep = (metric, selector) => `increase(${metric}{${selector}}[$__interval])`;

// What the documentation allows an account to ask in each second, by action.
const LIMITS = [
  ['action="DescribeTrtcInteractiveTime"', 20],
  // All others. That of the list of apps is documented nowhere.
  ['action!~"DescribeTrtcInteractiveTime|DescribeAppStatList"', 5],
];
const requestRate = `sum by (account, action) (rate(trtc_api_requests_total{${RAW}}[$__rate_interval]))`;
const limit = LIMITS
  .map(([actions, perSecond]) =>
    `max by (account, action) (0 * trtc_api_requests_total{${RAW}, ${actions}} + ${perSecond})`)
  .join("\nor ");

// Only codes that occur: all are there from the start, at 0.
const byCode = (metric) =>
  range(orNone(`sum by (code) (${perStep(metric, RAW)}) > 0`, "code"), "{{code}}");

const counts = {
  unit: "short",
  style: "bars",
  interval: "5m",
  field: { decimals: 0 },
  drawn: { axisSoftMax: 1 },
  legend: ["sum"],
};
const none = named("none", fixed(GREY));

const health = line(4,
  [3, stat("Apps that fail", {
    description:
      "How many apps, the total among them and each item by itself, are not up: their last poll brought no usage, and " +
      "their figures stand still. The alert TrtcPollFailing fires after 15 minutes; the log says why.",
    unit: "short",
    thresholds: [[0, GREEN], [1, RED]],
    field: { decimals: 0 },
    fill: true,
    queries: [range(`sum(1 - max by (account, sdk_app_id, item) (trtc_up{${RAW_APPS}}))`, "failing")],
  })],
  [3, stat("Oldest news", {
    description:
      "Age of the newest settled bucket, of the app where it is oldest. 20 to 30 minutes are normal; the upstream may " +
      "take 3 hours. The alert TrtcDataLate fires above 4.",
    unit: "s",
    thresholds: [[0, GREEN], [3600, ORANGE], [14400, RED]],
    field: { decimals: 0 },
    queries: [range(`max(app:trtc_usage_age_seconds:min{${APPS}})`, "oldest")],
  })],
  [3, stat("Polls failed, 1 h", {
    description:
      "Polls of the last hour that brought no usage after up to 3 attempts. Single ones are made up for by the next poll.",
    unit: "short",
    thresholds: [[0, GREEN], [1, ORANGE], [20, RED]],
    field: { decimals: 0 },
    queries: [range(`sum(increase(trtc_poll_failures_total{${RAW}}[1h]))`, "failed")],
  })],
  [3, stat("Throttled, 1 h", {
    description:
      "Requests of the last hour that the upstream refused by its rate limit. The exporter keeps the limit by itself, so somebody else " +
      "uses the account's: see TrtcThrottled in the runbook.",
    unit: "short",
    thresholds: [[0, GREEN], [1, ORANGE], [60, RED]],
    field: { decimals: 0 },
    queries: [range(`sum(increase(trtc_api_throttled_total{${RAW}}[1h]))`, "throttled")],
  })],
  [3, stat("Rate limit used", {
    description:
      "Requests per second over the documented limit of account and action, where it is highest. At 100 % today is " +
      "asked for less often than poll_interval says; nothing is lost.",
    unit: "percentunit",
    thresholds: [[0, GREEN], [0.8, ORANGE], [1, RED]],
    field: { decimals: 0 },
    queries: [range(`max(\n  ${requestRate}\n  / (${limit})\n)`, "used")],
  })],
  [3, stat("State saved", {
    description:
      "How long ago state was last saved, by the exporter where that is longest. Nothing is shown that is not saved. The " +
      "alert TrtcStateNotSaved fires when saves fail for 10 minutes.",
    unit: "s",
    thresholds: [[0, GREEN], [300, ORANGE], [900, RED]],
    field: { decimals: 0, noValue: "none kept" },
    queries: [range(`time() - min(trtc_exporter_state_last_save_timestamp_seconds{${PROCESS}} > 0)`, "ago")],
  })],
  [3, stat("Configuration", {
    description:
      "Whether every exporter could read its configuration when it last tried. A bad file changes nothing, but the " +
      "exporter would not start with it: trtc-exporter --config.check tells all problems.",
    unit: "short",
    thresholds: [[0, RED], [1, GREEN]],
    field: { mappings: mapped({ 0: ["bad", RED], 1: ["good", GREEN] }) },
    fill: true,
    queries: [range(`min(trtc_exporter_config_last_reload_successful{${PROCESS}})`, "last reload")],
  })],
  [3, stat("Version", {
    description: "Which versions of the exporter run.",
    unit: "short",
    show: "name",
    field: { color: { mode: "fixed", fixedColor: "blue" } },
    queries: [instant(`count by (version) (trtc_exporter_build_info{${PROCESS}})`, "{{version}}")],
  })],
);

const freshness = line(7,
  [12, timeseries("Age of the newest bucket, by app", {
    description:
      "Now minus the TimeKey of the newest settled bucket: a saw of 5-minute teeth. Dashed: an hour, and the 4 hours of " +
      "TrtcDataLate. If all rise together while polls succeed, the upstream is late.",
    unit: "s",
    marked: true,
    thresholds: [[0, "transparent"], [3600, ORANGE], [14400, RED]],
    drawn: { fillOpacity: 0 },
    queries: [
      range(withName(`max by (account, sdk_app_id) (app:trtc_usage_age_seconds:min{${APPS}})`), "{{app_name}}"),
    ],
    field: {
      links: [{
        title: "Usage of ${__field.labels.app_name}",
        url: "/d/trtc-usage?${account:queryparam}&var-app=${__field.labels.sdk_app_id}&${__url_time_range}",
      }],
    },
  })],
  [12, heatmap("How late buckets arrive", {
    description:
      "First sight of a bucket minus its TimeKey, how many buckets each. The upstream needs 5 to 12 minutes as a rule, up " +
      "to 3 hours at times. Higher rows fill while an outage is caught up on.",
    unit: "s",
    interval: "10m",
    queries: [
      range(`sum by (le) (${perStep("trtc_usage_arrival_lag_seconds_bucket", RAW)})`, "{{le}}", { format: "heatmap" }),
    ],
  })],
);

const polls = line(6,
  [12, stateTimeline("Polls, by app", {
    description:
      "Whether the last poll of each app succeeded, of all its items, by trtc_up. While it fails, figures stand still.",
    unit: "short",
    thresholds: [[0, RED], [1, GREEN]],
    states: { 0: ["failing", RED], 1: ["up", GREEN] },
    queries: [
      range(
        withName(`min by (account, sdk_app_id) (max by (account, sdk_app_id, item) (trtc_up{${RAW_APPS}}))`),
        "{{app_name}}"),
    ],
  })],
  [12, timeseries("Failed polls, by code", {
    description:
      "Polls that brought no usage after up to 3 attempts, by the code that the last one ended with. README.md has a table " +
      "of codes: where the fault is, and how often is asked again.",
    ...counts,
    queries: [byCode("trtc_poll_failures_total")],
    overrides: [none],
  })],
);

const upstream = line(7,
  [8, timeseries("Requests per second", {
    description:
      "Requests sent, and the documented limit of account and action, dashed. The exporter never exceeds it, or what " +
      "requests_per_second says.",
    unit: "reqps",
    legend: ["mean", "max"],
    queries: [
      range(requestRate, "{{account}} {{action}}"),
      range(limit, "{{account}} {{action}} limit"),
    ],
    overrides: [
      ofQuery("B", {
        ...fixed(RED), "custom.fillOpacity": 0, "custom.lineWidth": 1, "custom.lineStyle": { fill: "dash", dash: [6, 6] },
      }),
    ],
  })],
  [8, timeseries("Failed requests, by code", {
    description:
      "Requests without a usable answer, retries among them, by code. README.md has a table of codes: where the fault is, " +
      "and how often is asked again.",
    ...counts,
    queries: [byCode("trtc_api_request_failures_total")],
    overrides: [none],
  })],
  [8, timeseries("Request latency", {
    description: "From sending to the last byte of the answer, of all actions together.",
    unit: "s",
    legend: ["mean", "max"],
    queries: [0.5, 0.9, 0.99].map((quantile) =>
      range(
        `histogram_quantile(${quantile}, sum by (le) (
  rate(trtc_api_request_duration_seconds_bucket{${RAW}}[$__rate_interval])))`,
        `p${quantile * 100}`)),
  })],
);

const quota = line(6,
  [8, timeseries("Wait for the rate limit", {
    description:
      "How long a request waited in the exporter, on average, until the rate limit allowed it. It rises when there are more " +
      "apps than the limit can serve within poll_interval.",
    unit: "s",
    legend: ["mean", "max"],
    queries: [
      range(
        `sum by (account, action) (rate(trtc_api_rate_limit_wait_seconds_total{${RAW}}[$__rate_interval]))
/ sum by (account, action) (rate(trtc_api_requests_total{${RAW}}[$__rate_interval]))`,
        "{{account}} {{action}}"),
    ],
  })],
  [8, timeseries("Throttled requests", {
    description:
      "Requests refused by the upstream's own rate limit. After one the exporter pauses and goes on at half the rate for a " +
      "minute. Stays 0 while nobody else uses the account's limit.",
    ...counts,
    queries: [range(`sum by (account, action) (${perStep("trtc_api_throttled_total", RAW)})`, "{{account}} {{action}}")],
  })],
  [8, timeseries("Polls per minute", {
    description: "Polls that ended, well or badly: one for each app and date. Most are of today, at one per poll_interval.",
    unit: "short",
    legend: ["mean", "max"],
    queries: [
      range(`sum by (account, item) (rate(trtc_polls_total{${RAW_ITEMS}}[$__rate_interval])) * 60`, "{{account}} {{item}}"),
    ],
  })],
);

const access = line(6,
  [7, table("Actions in use", {
    description:
      "By which action each item is asked for: the policy has to allow it. With action: auto it changes when the upstream " +
      "retires one, which the alert TrtcItemActionChanged tells.",
    unit: "string",
    queries: [instant(`max by (account, item, action) (trtc_item_action_info{${RAW_ITEMS}})`, "action")],
    columns: { account: "Account", item: "Item", action: "Action" },
    sortBy: [{ displayName: "Account", desc: false }],
  })],
  [10, table("Credentials", {
    description:
      "Where the keys in use come from, the role they are of, when temporary ones expire, and how many attempts to renew " +
      "them failed in the last hour. The alert TrtcCredentialsExpire fires when attempts fail for 5 minutes.",
    unit: "string",
    queries: [
      instant(`max by (account, instance, source, role) (trtc_credentials_info{${RAW}})`, "source"),
      instant(`max by (account, instance) (trtc_credentials_expiry_timestamp_seconds{${RAW}}) * 1000`, "expiry"),
      instant(`sum by (account, instance) (increase(trtc_credentials_refresh_failures_total{${RAW}}[1h]))`, "failed"),
    ],
    columns: {
      account: "Account",
      instance: "Exporter",
      source: "Source",
      role: "Role",
      "Value #B": "Expire",
      "Value #C": "Failed, 1 h",
    },
    sortBy: [{ displayName: "Account", desc: false }],
    overrides: [
      named("Expire", { unit: "dateTimeAsLocal" }),
      named("Failed, 1 h", { unit: "short", decimals: 0 }),
    ],
  })],
  [7, table("Discovered apps", {
    description:
      "Of accounts whose configuration names no apps: how many the exporter polls because the upstream lists them, and when " +
      "it last did. It is asked every hour; the alert TrtcAppsNotListed fires after 3 hours without an answer.",
    unit: "string",
    field: { noValue: "all are named" },
    queries: [
      instant(`max by (account, instance) (trtc_discovered_apps{${RAW}})`, "apps"),
      instant(`max by (account, instance) (trtc_discovery_last_success_timestamp_seconds{${RAW}} > 0) * 1000`, "listed"),
    ],
    columns: { account: "Account", instance: "Exporter", "Value #A": "Apps", "Value #B": "Listed" },
    sortBy: [{ displayName: "Account", desc: false }],
    overrides: [
      named("Apps", { unit: "short", decimals: 0 }),
      named("Listed", { unit: "dateTimeAsLocal" }),
    ],
  })],
);

const counting = line(7,
  [8, timeseries("Revisions", {
    description:
      "Seconds by which the upstream changed buckets that were already shown, of the selected apps: raised above the line, " +
      "lowered below it. Most buckets grow for some minutes after they first appear.",
    unit: "s",
    style: "bars",
    interval: "5m",
    legend: ["sum"],
    queries: [["up", "raised"], ["down", "lowered"]].map(([direction, text]) =>
      range(
        `sum(max by (account, sdk_app_id, item) (
  ${perStep("trtc_usage_revised_seconds_total", `${RAW_ONLY_APPS}, direction="${direction}"`)}
))`,
        text)),
    overrides: [
      named("raised", fixed(GREEN)),
      named("lowered", {
        ...fixed(ORANGE), "custom.transform": "negative-Y", "custom.stacking": { mode: "normal", group: "B" },
      }),
    ],
  })],
  [8, timeseries("Counters ahead of the upstream", {
    description:
      "Seconds that were credited and then taken back. A counter never falls, so it waits until later usage has made up for " +
      "it. trtc_usage_day_seconds is right meanwhile.",
    unit: "s",
    legend: ["lastNotNull", "max"],
    queries: [
      range(
        withName(`sum by (account, sdk_app_id) (
  min by (account, sdk_app_id, item, media) (trtc_usage_overcounted_seconds{${RAW_APPS}}))`),
        "{{app_name}}"),
    ],
  })],
  [8, timeseries("Rejected rows", {
    description:
      "Rows left out of answers because they make no sense: TimeKey unreadable or days away, a negative or absurd value, " +
      "another app than the one asked for. Stays 0 while the upstream keeps to its documentation.",
    ...counts,
    queries: [
      range(`sum by (account, item) (${perStep("trtc_usage_rejected_rows_total", RAW_ITEMS)})`, "{{account}} {{item}}"),
    ],
  })],
);

const process = line(6,
  [6, timeseries("Memory", {
    description: "Resident memory of each exporter. README.md says how it grows with the number of apps.",
    unit: "bytes",
    queries: [range(`process_resident_memory_bytes{${PROCESS}}`, "{{instance}}")],
  })],
  [6, timeseries("CPU", {
    description: "Share of one core that each exporter uses.",
    unit: "percentunit",
    queries: [range(`rate(process_cpu_seconds_total{${PROCESS}}[$__rate_interval])`, "{{instance}}")],
  })],
  [6, timeseries("Open files", {
    description: "Open file descriptors of each exporter as a share of its limit, connections among them.",
    unit: "percentunit",
    marked: true,
    thresholds: [[0, GREEN], [0.8, RED]],
    queries: [range(`process_open_fds{${PROCESS}} / process_max_fds{${PROCESS}}`, "{{instance}}")],
  })],
  [6, timeseries("Time since state was saved", {
    description:
      "Of each exporter, at most a poll's distance while all is well. No line where no state is kept (--storage.path=).",
    unit: "s",
    queries: [range(`time() - (trtc_exporter_state_last_save_timestamp_seconds{${PROCESS}} > 0)`, "{{instance}}")],
  })],
);

const exporters = line(4,
  [24, table("Exporters", {
    description: "Every exporter: build, when it was started, and when it last read its configuration well.",
    unit: "string",
    queries: [
      instant(`max by (job, instance, version, revision, rustc) (trtc_exporter_build_info{${PROCESS}})`, "build"),
      instant(`max by (job, instance) (process_start_time_seconds{${PROCESS}}) * 1000`, "start"),
      instant(
        `max by (job, instance) (trtc_exporter_config_last_reload_success_timestamp_seconds{${PROCESS}}) * 1000`,
        "reload"),
    ],
    columns: {
      job: "Job",
      instance: "Instance",
      version: "Version",
      revision: "Revision",
      rustc: "Compiler",
      "Value #B": "Started",
      "Value #C": "Configuration read",
    },
    sortBy: [{ displayName: "Instance", desc: false }],
    overrides: ["Started", "Configuration read"].map((name) => named(name, { unit: "dateTimeAsLocal" })),
  })],
);

export default dashboard({
  uid: "trtc-exporter",
  title: "TRTC / Exporter",
  description:
    "Whether the usage figures are fresh, the upstream answers and the exporters are well. The alerts it speaks of have " +
    "their places in deploy/runbook.md. Needs the recording rules of deploy/prometheus/rules.",
  from: "now-6h",
  timezone: "browser",
  variables: [
    ...choices,
    variable("job", "Job", "label_values(trtc_exporter_build_info, job)"),
    variable("instance", "Exporter", 'label_values(trtc_exporter_build_info{job=~"$job"}, instance)'),
  ],
  annotations: [
    marks("Alerts", `ALERTS{alertname=~"Trtc.+", alertstate="firing"}`, RED, { titleFormat: "{{alertname}}" }),
    marks("Starts", `process_start_time_seconds{${PROCESS}} * 1000`, "blue", {
      titleFormat: "{{instance}} started",
      useValueForTime: true,
    }),
  ],
  links: [link("Usage", "trtc-usage", "What is used, by app and tier")],
  lines: [
    health,
    heading("Freshness"), freshness, polls,
    heading("Upstream"), upstream, quota,
    heading("Access"), access,
    heading("Counting"), counting,
    heading("Process"), process, exporters,
  ],
});
