// What types cannot say: rules of this house for dashboards that somebody has to read at night.

// Ids of Grafana's units, of which an unknown one would be shown as a word behind the number.
const UNITS = ["bps", "bytes", "dateTimeAsLocal", "locale", "percentunit", "reqps", "s", "short", "string"];
const QUERY_KEYS = [
  "datasource", "editorMode", "expr", "format", "instant", "interval", "legendFormat", "range", "refId",
];
const BUILT_IN = ["__all", "__interval", "__rate_interval", "__url_time_range", "__field"];
const WIDTH = 24;

const named = (panel) => `panel ${panel.id} "${panel.title}"`;
const unique = (values) => new Set(values).size === values.length;

// Every value of this key, however deep.
function* valuesOf(key, value) {
  if (value === null || typeof value !== "object") return;
  for (const [name, inner] of Object.entries(value)) {
    if (name === key) yield inner;
    yield* valuesOf(key, inner);
  }
}

// The variables that a text names, as $name, ${name} or ${name:format}.
const variablesIn = (text) => [...text.matchAll(/\$(?:(\w+)|\{(\w+)[^}]*\})/g)].map((match) => match[1] ?? match[2]);

function* identity(dashboard, file) {
  if (dashboard.uid !== `trtc-${file.replace(/\.json$/, "")}`) yield `uid ${dashboard.uid} is not that of the file: links would break`;
  if (dashboard.id !== undefined) yield "it has an id, which belongs to one Grafana";
  if (!(dashboard.description?.length > 40)) yield "no description";
  if (!unique(dashboard.panels.map(({ id }) => id))) yield "two panels have the same id";
  if (!unique(dashboard.panels.map(({ title }) => title))) yield "two panels have the same title";
}

function* explained(panel, alerts) {
  if (!(panel.description?.length > 25)) yield "no description";
  for (const [alert] of panel.description?.matchAll(/Trtc[A-Z]\w+/g) ?? []) {
    if (!alerts.includes(alert)) yield `there is no alert ${alert}`;
  }
}

function* readable({ type, options, targets, fieldConfig: { defaults, overrides } }) {
  const overridden = overrides.flatMap(({ properties }) => properties.filter(({ id }) => id === "unit"));
  for (const unit of [defaults.unit, ...overridden.map(({ value }) => value)]) {
    if (!UNITS.includes(unit)) yield `the unit ${unit} is none that is known here`;
  }
  const steps = defaults.thresholds?.steps ?? [];
  if (steps[0]?.value !== null) yield "the first threshold does not begin at minus infinity";
  if (steps.some(({ value }, index) => index > 1 && value <= steps[index - 1].value)) yield "thresholds do not rise";
  if (!defaults.color?.mode) yield "no colour";
  if (["timeseries", "state-timeline"].includes(type) && !options.legend?.showLegend) yield "no legend";
  if (targets.some(({ legendFormat }) => !legendFormat)) yield "a query has no legend";
}

function* asks({ targets }) {
  if (!targets?.length) yield "no query";
  if (!unique(targets.map(({ refId }) => refId))) yield "two queries have the same refId";
  for (const target of targets) {
    for (const key of Object.keys(target)) {
      if (!QUERY_KEYS.includes(key)) yield `a query has the unknown key ${key}`;
    }
    if (!target.expr?.trim()) yield "an empty query";
    if (target.range === target.instant) yield "a query is neither of a range nor of an instant";
  }
}

function* laidOut(panels) {
  for (const [index, panel] of panels.entries()) {
    const { x, y, w, h } = panel.gridPos;
    if (x < 0 || w < 1 || x + w > WIDTH) yield `${named(panel)}: outside the grid`;
    for (const other of panels.slice(0, index)) {
      const { x: left, y: top, w: width, h: height } = other.gridPos;
      if (x < left + width && left < x + w && y < top + height && top < y + h) {
        yield `${named(panel)}: lies over ${named(other)}`;
      }
    }
  }
}

function* oneSource(dashboard) {
  for (const source of valuesOf("datasource", dashboard)) {
    if (source?.uid !== "${datasource}" || source.type !== "prometheus") {
      yield `a data source is not the variable but ${JSON.stringify(source)}`;
    }
  }
  if (dashboard.templating.list[0]?.type !== "datasource") yield "the first variable is not the data source";
}

function* variables(dashboard) {
  const list = dashboard.templating.list;
  const declared = list.map(({ name }) => name);
  const used = new Set(variablesIn(JSON.stringify(dashboard)));
  for (const name of used) {
    if (!declared.includes(name) && !BUILT_IN.includes(name)) yield `there is no variable ${name}`;
  }
  for (const { name, type, includeAll, multi } of list) {
    if (!used.has(name)) yield `nothing uses the variable ${name}`;
    if (type === "query" && !(includeAll && multi)) yield `the variable ${name} takes one value only`;
  }
}

function* links(dashboard, all) {
  const urls = [...(dashboard.links ?? []), ...[...valuesOf("links", dashboard.panels)].flat()].map(({ url }) => url);
  for (const url of urls) {
    const [, uid, query = ""] = url?.match(/^\/d\/([\w-]+)(?:\?(.*))?$/) ?? [];
    const target = all.find((other) => other.uid === uid);
    if (!target) {
      yield `the link ${url} leads nowhere`;
      continue;
    }
    const known = target.templating.list.map(({ name }) => name);
    const given = [...query.matchAll(/var-(\w+)=|\$\{(\w+):queryparam\}/g)].map((match) => match[1] ?? match[2]);
    for (const name of given) {
      if (!known.includes(name)) yield `the link ${url} sets ${name}, which ${uid} does not have`;
    }
  }
  if (!dashboard.links?.length) yield "no link to another dashboard";
}

// What is wrong with a dashboard by the rules of this house. `all` are the dashboards that links can lead to, `alerts` the
// names that descriptions may speak of.
export function lintProblems(dashboard, { file, all, alerts }) {
  const panels = dashboard.panels.filter(({ type }) => type !== "row");
  return [
    ...identity(dashboard, file),
    ...panels.flatMap((panel) =>
      [...explained(panel, alerts), ...readable(panel), ...asks(panel)].map((problem) => `${named(panel)}: ${problem}`)),
    ...laidOut(dashboard.panels),
    ...oneSource(dashboard),
    ...variables(dashboard),
    ...links(dashboard, all),
  ];
}
