// The kinds of panels that the dashboards use, with everything they have in common said once. A panel here has neither id
// nor place yet: dashboard.mjs gives it both.

// Which Prometheus: always the one that the variable says.
export const datasource = { type: "prometheus", uid: "${datasource}" };

export const GREEN = "green";
export const ORANGE = "orange";
export const RED = "red";
export const GREY = "#8e8e8e";

// [from, colour] pairs, the first of which holds from minus infinity.
const steps = (pairs) => ({
  mode: "absolute",
  steps: pairs.map(([value, color], index) => ({ color, value: index ? value : null })),
});

// A query, drawn over the time of the dashboard.
export const range = (expr, legendFormat, more = {}) => ({ expr, legendFormat, range: true, instant: false, ...more });

// A query for the newest value only.
export const instant = (expr, legendFormat, more = {}) => ({ expr, legendFormat, range: false, instant: true, ...more });

const letters = "ABCDEFGHIJ";
const numbered = (queries) =>
  queries.map((query, index) => ({ datasource, editorMode: "code", refId: letters[index], ...query }));

function panel(type, title, parts, options) {
  const { description, queries, unit, color, thresholds, custom, field, overrides = [], ...rest } = parts;
  return {
    type,
    title,
    description,
    datasource,
    targets: numbered(queries),
    fieldConfig: {
      defaults: {
        unit,
        color: { mode: color },
        thresholds: steps(thresholds ?? [[0, GREEN]]),
        ...(custom && { custom }),
        ...field,
      },
      overrides,
    },
    options,
    ...rest,
  };
}

// One rule for the fields of this name: properties as an object.
export const named = (name, properties) => override({ id: "byName", options: name }, properties);

// The same for all fields that a query brings.
export const ofQuery = (refId, properties) => override({ id: "byFrameRefID", options: refId }, properties);

const override = (matcher, properties) => ({
  matcher,
  properties: Object.entries(properties).map(([id, value]) => ({ id, value })),
});

// A colour that a series has whatever its neighbours are.
export const fixed = (color) => ({ color: { mode: "fixed", fixedColor: color } });

const STYLES = {
  line: { drawStyle: "line", lineWidth: 2, fillOpacity: 8, stacking: { mode: "none", group: "A" } },
  stack: { drawStyle: "line", lineWidth: 1, fillOpacity: 55, stacking: { mode: "normal", group: "A" } },
  bars: { drawStyle: "bars", lineWidth: 0, fillOpacity: 85, stacking: { mode: "normal", group: "A" } },
};

// Curves in one of the styles, with these figures in the legend; `marked` draws the thresholds as dashed lines, `drawn` has
// whatever else is special about how they are drawn.
export function timeseries(title, { style = "line", marked = false, drawn, legend = ["lastNotNull", "max"], ...rest }) {
  const custom = {
    ...STYLES[style],
    showPoints: "never",
    spanNulls: false,
    thresholdsStyle: { mode: marked ? "dashed" : "off" },
    axisSoftMin: 0,
    ...drawn,
  };
  return panel("timeseries", title, { color: "palette-classic", custom, ...rest }, {
    legend: { showLegend: true, displayMode: "list", placement: "bottom", calcs: legend },
    tooltip: { mode: "multi", sort: "desc", hideZeros: false },
  });
}

// One number, coloured by thresholds, or the whole panel with `fill`. `show: "name"` shows what the legend says instead.
export function stat(title, { show = "value", fill = false, ...rest }) {
  return panel("stat", title, { color: "thresholds", ...rest }, {
    colorMode: fill ? "background_solid" : "value",
    graphMode: "none",
    justifyMode: "auto",
    orientation: "auto",
    percentChangeColorMode: "standard",
    reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
    showPercentChange: false,
    textMode: show,
    wideLayout: true,
  });
}

// A bar for each series, against a common maximum.
export function bargauge(title, rest) {
  return panel("bargauge", title, { color: "thresholds", ...rest }, {
    displayMode: "basic",
    legend: { showLegend: false, displayMode: "list", placement: "bottom", calcs: [] },
    maxVizHeight: 300,
    minVizHeight: 16,
    minVizWidth: 8,
    namePlacement: "auto",
    orientation: "horizontal",
    reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
    showUnfilled: true,
    sizing: "auto",
    valueMode: "color",
  });
}

// Rows of labels and values, made from instant queries in the format "table". `columns` names what is shown, in order.
export function table(title, { queries, columns, sortBy, overrides = [], ...rest }) {
  const order = Object.keys(columns);
  const more = {
    queries: queries.map((query) => ({ ...query, format: "table" })),
    overrides,
    custom: { align: "auto", cellOptions: { type: "auto" }, inspect: false, filterable: true },
    transformations: [
      { id: "merge", options: {} },
      { id: "filterFieldsByName", options: { include: { names: order } } },
      {
        id: "organize",
        options: {
          excludeByName: {},
          includeByName: {},
          indexByName: Object.fromEntries(order.map((name, index) => [name, index])),
          renameByName: columns,
        },
      },
    ],
    ...rest,
  };
  return panel("table", title, { color: "thresholds", ...more }, {
    cellHeight: "sm",
    showHeader: true,
    frameIndex: 0,
    sortBy: sortBy ?? [],
  });
}

// How many observations fell into which bucket of a histogram, over time.
export function heatmap(title, rest) {
  const custom = { scaleDistribution: { type: "linear" } };
  return panel("heatmap", title, { color: "thresholds", custom, ...rest }, {
    calculate: false,
    cellGap: 1,
    color: {
      mode: "scheme",
      scheme: "Blues",
      scale: "exponential",
      exponent: 0.5,
      steps: 64,
      reverse: false,
      fill: "dark-orange",
    },
    exemplars: { color: "rgba(255,0,255,0.7)" },
    filterValues: { le: 1e-9 },
    legend: { show: true },
    rowsFrame: { layout: "auto" },
    showValue: "never",
    tooltip: { mode: "single", showColorScale: true, yHistogram: false },
    yAxis: { axisPlacement: "left", reverse: false, unit: rest.unit },
  });
}

// Which state each series was in. `states` maps a value to its text and colour.
export function stateTimeline(title, { states, ...rest }) {
  const field = { mappings: mapped(states) };
  const custom = { fillOpacity: 80, lineWidth: 0 };
  return panel("state-timeline", title, { color: "thresholds", custom, field, ...rest }, {
    alignValue: "left",
    legend: { showLegend: true, displayMode: "list", placement: "bottom", calcs: [] },
    mergeValues: true,
    rowHeight: 0.8,
    showValue: "never",
    tooltip: { mode: "multi", sort: "none" },
  });
}

// Texts and colours in place of values: { 0: ["failing", RED] }.
export const mapped = (states) => [
  {
    type: "value",
    options: Object.fromEntries(
      Object.entries(states).map(([value, [text, color]], index) => [value, { text, color, index }]),
    ),
  },
];
