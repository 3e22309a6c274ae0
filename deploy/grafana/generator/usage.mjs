// The dashboard for people who pay: what is used, by whom, where the month will end, what it costs, and what nobody watches.
import { choices, dashboard, heading, line, link, marks } from "./dashboard.mjs";
import {
  GREEN, GREY, ORANGE, RED, bargauge, fixed, instant, named, ofQuery, range, stat, table, timeseries,
} from "./panels.mjs";
import { ACCOUNT, APPS, ITEMS, ONLY_APPS, allMedia, wholeAccount, withName } from "./promql.mjs";

const MINUTES = "locale";

// What the console calls the media, and a colour each: the dearer, the warmer.
const MEDIA = {
  audio: ["Audio", "#5794f2"],
  video_sd: ["Video SD", "#56a64b"],
  video_hd: ["Video HD", "#f2cc0c"],
  video_full_hd: ["Video Full HD", "#ff9830"],
  video_2k: ["Video 2K", "#e02f44"],
  video_4k: ["Video 4K", "#a352cc"],
  audio_video: ["Audio and video (single price)", "#8ab8ff"],
};
const mediaInColour = Object.entries(MEDIA).map(([media, [text, color]]) =>
  named(media, { displayName: text, ...fixed(color) }));
const mediaAsText = {
  type: "value",
  options: Object.fromEntries(Object.entries(MEDIA).map(([media, [text]], index) => [media, { text, index }])),
};

const today = (offset = "") =>
  wholeAccount((selector) => `app_day:trtc_usage_day_seconds:sum{${selector}, day="today"}${offset}`);
const monthSoFar = wholeAccount((selector) => allMedia("app_media:trtc_usage_month_seconds:sum", selector));
const forecast = wholeAccount((selector) => `app:trtc_usage_month_seconds:forecast{${selector}}`);

// Right after midnight "today" may still be the day before, until the first poll of the new day.
const DAY_HAS_BEGUN = "and on () vector((time() + 28800) % 86400) > 600";

const budgetUsed = `(app_media:trtc_usage_month_seconds:forecast or app:trtc_usage_month_seconds:forecast)
  / on (account, sdk_app_id, item, media)
  trtc_budget_month_seconds{${ITEMS}}`;

// The whole of the Beijing day that a step lies in, wherever in it: the last word said about it on the next day or, if that
// is still to come, on the day itself. Both look ahead from 08:00 in Beijing: that is midnight UTC, to which the one step
// of the subquery is aligned whatever time zone the dashboard is shown in.
const wholeDay = (selector) => `sum by (account, sdk_app_id, item) (last_over_time((
  last_over_time(app_day:trtc_usage_day_seconds:sum{${selector}, day="yesterday"}[23h] offset -39h)
  or ignoring (day)
  last_over_time(app_day:trtc_usage_day_seconds:sum{${selector}, day="today"}[24h] offset -16h)
)[23h59m:1d] offset -8h))`;
const unwatchedDay = `sum(clamp_min(
  sum by (account, item) (${wholeDay(`${ITEMS}, sdk_app_id="total"`)})
  - sum by (account, item) (${wholeDay(`${ITEMS}, sdk_app_id!="total"`)}), 0))`;

// One row for each app, item and media that is used at all this month.
const byAppAndMedia = (minutes) => {
  const used = `max by (account, sdk_app_id, item, media) (${minutes})
and on (account, sdk_app_id, item, media) app_media:trtc_usage_month_seconds:forecast > 0`;
  return `sum by (account, sdk_app_id, app_name, item, media) (${withName(used)})`;
};

// What media cost, once for each account whatever number of exporters shows it.
const costs = (metric) => `max by (account, currency, item, media) (${metric})`;

// By how much the estimate rose in the Beijing day that a step lies in, wherever in it: see wholeDay.
const costOfDay = `sum by (currency, item, media) (last_over_time((
  ${costs(`increase(trtc_cost_estimate_total{${ITEMS}}[1d] offset -16h)`)}
)[23h59m:1d] offset -8h))`;

const ofPackages = (metric) => `max by (account, package) (${metric}{${ACCOUNT}})`;

// The highest of three buckets: one that is late stands at zero until it comes, and would show as a dip.
const streamsByApp = `max_over_time(app:trtc_streams:avg5m{${APPS}}[15m])`;
const streamsByMedia = (media) => `sum by (media) (max_over_time(app_media:trtc_streams:avg5m{${APPS}, ${media}}[15m]))`;

const against = (title, offset, before) => stat(title, {
  description:
    `Today so far, the whole account, over what ${before} had come to at this time, by the upstream's own sums. ` +
    `Needs Prometheus to have seen ${before}.`,
  unit: "percentunit",
  thresholds: [[0, GREEN], [0.25, ORANGE], [1, RED]],
  field: { decimals: 0, noValue: "no history yet" },
  queries: [range(`sum(${today()})\n/ (sum(${today(` offset ${offset}`)}) > 0) - 1\n${DAY_HAS_BEGUN}`, `against ${before}`)],
});

const totals = line(4,
  [4, stat("Today so far (minutes)", {
    description:
      "Minutes of the Beijing day that runs, of all media and all apps of the selected accounts: also of apps that are " +
      "not configured, where the account's total is polled. The upstream shows usage 5 minutes to 3 hours late.",
    unit: MINUTES,
    field: { decimals: 0, color: { mode: "fixed", fixedColor: "blue" } },
    queries: [range(`sum(${today()}) / 60`, "today")],
  })],
  [4, against("Today against yesterday", "1d", "yesterday")],
  [4, against("Today against last week", "7d", "the same day of last week")],
  [4, stat("Month so far (minutes)", {
    description:
      "Minutes of the Beijing month that runs, of all media and all apps of the selected accounts: the days that " +
      "Prometheus has seen, and today.",
    unit: MINUTES,
    field: { decimals: 0, color: { mode: "fixed", fixedColor: "blue" } },
    queries: [range(`sum(${monthSoFar}) / 60`, "month so far")],
  })],
  [4, stat("Month forecast (minutes)", {
    description:
      "Where the month will end: the month so far, and days like those of the last week for what is left of it.",
    unit: MINUTES,
    field: { decimals: 0, color: { mode: "fixed", fixedColor: "blue" } },
    queries: [range(`sum(${forecast}) / 60`, "forecast")],
  })],
  [4, stat("Budget by month's end", {
    description:
      "The forecast over the budget that comes off worst. Budgets are in deploy/prometheus/rules/budget.yml; the alert " +
      "TrtcBudgetForecastExceeded fires above 100 %.",
    unit: "percentunit",
    thresholds: [[0, GREEN], [0.8, ORANGE], [1, RED]],
    field: { decimals: 0, noValue: "no budget" },
    queries: [range(`max(\n${budgetUsed}\n)`, "worst budget")],
  })],
);

const now = line(9,
  [16, timeseries("Streams at once, by app", {
    description:
      "Streams at once: 20 of them for an hour are 1,200 minutes. The highest of three 5-minute buckets, drawn when " +
      "Prometheus saw them: about 20 minutes after it happened. Red dots: the alert TrtcUsageSpike, far more than is " +
      "usual for the app at this time of day.",
    unit: "short",
    queries: [
      range(withName(`sum by (account, sdk_app_id) (${streamsByApp})`), "{{app_name}}"),
      range(
        withName(`sum by (account, sdk_app_id) (
  ${streamsByApp}
  and on (account, sdk_app_id, item) ALERTS{alertname="TrtcUsageSpike"}
)`),
        "{{app_name}}: spike"),
    ],
    overrides: [
      ofQuery("B", {
        ...fixed(RED),
        "custom.drawStyle": "points",
        "custom.showPoints": "always",
        "custom.pointSize": 7,
        "custom.hideFrom": { legend: true, tooltip: false, viz: false },
      }),
    ],
    field: {
      links: [{
        title: "Only ${__field.labels.app_name}",
        url:
          "/d/trtc-usage?${account:queryparam}&${item:queryparam}&var-app=${__field.labels.sdk_app_id}&" +
          "${__url_time_range}",
      }],
    },
  })],
  [8, timeseries("Today, yesterday, last week (minutes)", {
    description:
      "How the account's minutes add up over the Beijing day, beside yesterday and the same day of last week. Always " +
      "today, whatever time range is selected.",
    unit: MINUTES,
    field: { decimals: 0 },
    timeFrom: "now/d",
    legend: ["lastNotNull"],
    queries: [
      range(`sum(${today()}) / 60\n${DAY_HAS_BEGUN}`, "today"),
      range(`sum(${today(" offset 1d")}) / 60\n${DAY_HAS_BEGUN}`, "yesterday"),
      range(`sum(${today(" offset 7d")}) / 60\n${DAY_HAS_BEGUN}`, "last week"),
    ],
    overrides: [
      named("today", { ...fixed("blue"), "custom.lineWidth": 3, "custom.fillOpacity": 20 }),
      named("yesterday", { ...fixed(GREY), "custom.fillOpacity": 0 }),
      named("last week", {
        ...fixed(GREY), "custom.fillOpacity": 0, "custom.lineStyle": { fill: "dash", dash: [6, 6] },
      }),
    ],
  })],
);

const days = line(9,
  [12, timeseries("Minutes per day, by app", {
    description:
      "Minutes of each Beijing day of the last two weeks, by the last word that Prometheus heard of it; the last bar is " +
      "today. Grey: apps that are not configured, as the account's total less all that are.",
    unit: MINUTES,
    style: "bars",
    drawn: { barWidthFactor: 0.8, barAlignment: 1 },
    field: { decimals: 0 },
    timeFrom: "14d",
    interval: "1d",
    legend: ["sum"],
    queries: [
      range(`${withName(`sum by (account, sdk_app_id) (${wholeDay(APPS)})`)} / 60`, "{{app_name}}"),
      range(`${unwatchedDay} / 60`, "not configured"),
    ],
    overrides: [named("not configured", fixed(GREY))],
  })],
  [12, timeseries("Streams at once, by tier", {
    description:
      "The same streams by what they are billed as. Audio and video at a single price, of old accounts, is a sum of its " +
      "own and drawn as a line.",
    unit: "short",
    style: "stack",
    legend: ["mean", "max"],
    queries: [
      range(streamsByMedia('media!="audio_video"'), "{{media}}"),
      range(`${streamsByMedia('media="audio_video"')} > 0`, "{{media}}"),
    ],
    overrides: [
      ...mediaInColour,
      named("audio_video", { "custom.stacking": { mode: "none" }, "custom.fillOpacity": 0, "custom.lineWidth": 2 }),
    ],
  })],
);

const byAppAndTier = table("Billable minutes, by app and tier", {
  description:
    "As the bill counts: the seconds of a day add up by app and tier and are then rounded up to minutes. The month's are " +
    "those of its days; its forecast is by seconds, so at most a minute per day less. Where this and the bill differ, the " +
    "bill wins.",
  unit: MINUTES,
  field: { decimals: 0 },
  queries: [
    instant(byAppAndMedia(`trtc_usage_billable_minutes{${APPS}, day="today"}`), "today"),
    instant(byAppAndMedia(`trtc_usage_billable_minutes{${APPS}, day="yesterday"}`), "yesterday"),
    instant(byAppAndMedia(`trtc_usage_month_billable_minutes{${APPS}}`), "month so far"),
    instant(byAppAndMedia(`ceil(app_media:trtc_usage_month_seconds:forecast{${APPS}} / 60)`), "forecast"),
  ],
  columns: {
    app_name: "App",
    item: "Item",
    media: "Tier",
    "Value #A": "Today",
    "Value #B": "Yesterday",
    "Value #C": "Month so far",
    "Value #D": "Month forecast",
  },
  sortBy: [{ displayName: "Month forecast", desc: true }],
  overrides: [
    named("App", { unit: "string" }),
    named("Item", { unit: "string" }),
    named("Tier", { unit: "string", mappings: [mediaAsText] }),
    named("Month forecast", {
      "custom.cellOptions": { type: "gauge", mode: "basic", valueDisplayMode: "text" },
      min: 0,
      ...fixed("blue"),
    }),
  ],
});

const budgets = bargauge("Budgets by month's end", {
  description:
    "The month's forecast over each budget of deploy/prometheus/rules/budget.yml: of an app or of all apps together, of one " +
    "tier or of all.",
  unit: "percentunit",
  thresholds: [[0, GREEN], [0.8, ORANGE], [1, RED]],
  field: { decimals: 0, min: 0, max: 1.2, noValue: "no budget" },
  queries: [instant(withName(budgetUsed), "{{app_name}} {{media}}")],
});

const unwatched = timeseries("Usage nobody watches", {
  description:
    "Share of today's and yesterday's usage by apps that are not configured: the account's total less all configured apps. " +
    "The alert TrtcUsageUnwatched fires above 5 %. Empty where the total is not polled.",
  unit: "percentunit",
  marked: true,
  thresholds: [[0, GREEN], [0.05, RED]],
  drawn: { axisSoftMax: 0.08 },
  field: { min: 0, decimals: 0 },
  queries: [range(`account:trtc_usage_unwatched:ratio{${ITEMS}}`, "{{account}} {{item}}")],
});

const bill = line(11, [16, byAppAndTier], [8, [5, budgets], [6, unwatched]]);

const spent = line(9,
  [4, [4, stat("Cost of the month so far", {
    description:
      "What the month has cost so far by the prices and packages of accounts[].billing, in their currency: an estimate. " +
      "Media without a price are left out.",
    unit: "locale",
    field: { decimals: 2, noValue: "no prices", color: { mode: "fixed", fixedColor: "blue" } },
    queries: [range(`sum by (currency) (${costs(`trtc_cost_month_estimate{${ITEMS}}`)})`, "{{currency}}")],
  })], [5, stat("Cost, 24 h", {
    description:
      "By how much the estimate rose within the last 24 hours. What the upstream tells late counts when it is told.",
    unit: "locale",
    field: { decimals: 2, noValue: "no prices", color: { mode: "fixed", fixedColor: "blue" } },
    queries: [
      range(`sum by (currency) (${costs(`increase(trtc_cost_estimate_total{${ITEMS}}[1d])`)})`, "{{currency}}"),
    ],
  })]],
  [12, timeseries("Cost per day, by item and tier", {
    description:
      "By how much the estimate rose on each Beijing day of the last two weeks; the last bar is today. Days that " +
      "Prometheus has not seen are missing, and so are media without a price.",
    unit: "locale",
    style: "bars",
    drawn: { barWidthFactor: 0.8, barAlignment: 1 },
    field: { decimals: 2, noValue: "no prices" },
    timeFrom: "14d",
    interval: "1d",
    legend: ["sum"],
    queries: [range(costOfDay, "{{item}} {{media}} ({{currency}})")],
  })],
  [8, bargauge("Cost of the month, by item and tier", {
    description: "What the month has cost so far by the prices of accounts[].billing, the dearest first.",
    unit: "locale",
    field: { decimals: 2, min: 0, noValue: "no prices", color: { mode: "fixed", fixedColor: "blue" } },
    queries: [
      instant(
        `sort_desc(sum by (currency, item, media) (${costs(`trtc_cost_month_estimate{${ITEMS}}`)}))`,
        "{{item}} {{media}} ({{currency}})"),
    ],
  })],
);

const prepaid = line(7,
  [12, table("Packages", {
    description:
      "What is left of prepaid packages, when they will be used up at the pace of the last seven complete days, and when " +
      "they expire. The alerts TrtcPackageEndsSoon and TrtcPackageExpires tell of the last days.",
    unit: "string",
    field: { noValue: "no packages" },
    queries: [
      instant(ofPackages("trtc_package_minutes_left"), "left"),
      instant(`${ofPackages("trtc_package_end_timestamp_seconds")} * 1000`, "end"),
      instant(`${ofPackages("trtc_package_expiry_timestamp_seconds")} * 1000`, "expiry"),
    ],
    columns: {
      account: "Account",
      package: "Package",
      "Value #A": "Minutes left",
      "Value #B": "Ends",
      "Value #C": "Expires",
    },
    sortBy: [{ displayName: "Ends", desc: false }],
    overrides: [
      named("Minutes left", { unit: MINUTES, decimals: 0 }),
      ...["Ends", "Expires"].map((name) => named(name, { unit: "dateTimeAsLocal" })),
    ],
  })],
  [12, timeseries("Minutes left of packages", {
    description:
      "How packages are used up. One that renews jumps up with each month; one that has expired has none left.",
    unit: MINUTES,
    field: { decimals: 0, noValue: "no packages" },
    legend: ["lastNotNull"],
    queries: [range(ofPackages("trtc_package_minutes_left"), "{{package}}")],
  })],
);

const relayed = line(7,
  [24, timeseries("Relayed bandwidth, by app", {
    description:
      "Bandwidth of relaying to CDNs in the newest settled bucket, of accounts that have the item relay. It is no time of " +
      "use, and in no other panel.",
    unit: "bps",
    field: { noValue: "nothing is relayed" },
    legend: ["mean", "max"],
    queries: [
      range(
        withName(
          `max by (account, sdk_app_id) (trtc_relay_bandwidth_bits_per_second{${ACCOUNT}, ${ONLY_APPS}})`),
        "{{app_name}}"),
    ],
  })],
);

export default dashboard({
  uid: "trtc-usage",
  title: "TRTC / Usage",
  description:
    "What the accounts use and what it costs, by app and tier, and where the month will end. Days and months are Beijing's, " +
    "as on the bill. Needs the recording rules of deploy/prometheus/rules.",
  from: "now-2d",
  timezone: "Asia/Shanghai",
  variables: choices,
  annotations: [
    marks("Spikes", `ALERTS{alertname="TrtcUsageSpike", alertstate="firing", ${APPS}}`, RED, {
      titleFormat: "Spike of {{app_name}}",
      textFormat: "Far more streams than usual at this time of day.",
    }),
  ],
  links: [link("Exporter", "trtc-exporter", "How fresh the figures are, and whether polls succeed")],
  lines: [
    totals,
    heading("Account $account", "account"), now, days, bill,
    heading("Costs and packages of $account", "account"), spent, prepaid,
    heading("Relaying by $account", "account"), relayed,
  ],
});
