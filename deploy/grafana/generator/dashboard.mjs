// A whole dashboard from rows of panels: it gives each panel its id and its place, and adds what all dashboards have.

import { datasource } from "./panels.mjs";
import { ACCOUNT } from "./promql.mjs";

const WIDTH = 24;

// Columns side by side, whose widths add up to 24: [width, panel], or [width, [height, panel], [height, panel], ...] for
// panels below each other, whose heights add up to that of the line.
export const line = (height, ...columns) => ({ height, columns });

// A heading for the lines that follow; `repeat` makes one of each value of that variable.
export const heading = (title, repeat) => ({
  height: 1,
  row: { type: "row", title, collapsed: false, panels: [], ...(repeat && { repeat }) },
  columns: [],
});

function placed(lines) {
  const panels = [];
  const put = (panel, x, y, w, h) => panels.push({ id: panels.length + 1, ...panel, gridPos: { x, y, w, h } });
  let top = 0;
  for (const { height, columns, row } of lines) {
    if (row) put(row, 0, top, WIDTH, height);
    let left = 0;
    for (const [width, ...stack] of columns) {
      let y = top;
      for (const [h, panel] of Array.isArray(stack[0]) ? stack : [[height, stack[0]]]) {
        put(panel, left, y, width, h);
        y += h;
      }
      left += width;
    }
    top += height;
  }
  return panels;
}

const all = { selected: true, text: ["All"], value: ["$__all"] };

const prometheus = {
  name: "datasource",
  label: "Data source",
  type: "datasource",
  query: "prometheus",
  regex: "",
  refresh: 1,
  hide: 0,
  includeAll: false,
  multi: false,
};

// One or more values that a query finds. `all` is the regular expression that stands for all of them; without it they are
// listed one by one.
export const variable = (name, label, query, { regex = "", all: allValue } = {}) => ({
  name,
  label,
  type: "query",
  datasource,
  query: { qryType: query.startsWith("label_values") ? 1 : 3, query, refId: "PrometheusVariableQueryEditor-VariableQuery" },
  regex,
  current: all,
  refresh: 2,
  sort: 5,
  hide: 0,
  includeAll: true,
  multi: true,
  ...(allValue && { allValue }),
});

// What every dashboard lets one choose.
export const choices = [
  prometheus,
  variable("account", "Account", "label_values(trtc_app_info, account)", { all: ".+" }),
  variable("item", "Item", `label_values(trtc_up{${ACCOUNT}}, item)`, { all: ".+" }),
  variable("app", "App", `query_result(app:trtc_app_info:named{${ACCOUNT}, sdk_app_id!="total"})`, {
    regex: '/app_name="(?<text>[^"]+)".*sdk_app_id="(?<value>[^"]+)"/',
    all: ".+",
  }),
];

// Marks on all graphs, where and while a query has a result.
export const marks = (name, expr, iconColor, more) => ({
  name,
  datasource,
  enable: true,
  hide: false,
  iconColor,
  expr,
  step: "60s",
  ...more,
});

// A way to another dashboard that keeps time range and selection.
export const link = (title, uid, tooltip) => ({
  title,
  type: "link",
  url: `/d/${uid}`,
  tooltip,
  icon: "dashboard",
  tags: [],
  asDropdown: false,
  includeVars: true,
  keepTime: true,
  targetBlank: false,
});

export const dashboard = ({ uid, title, description, from, timezone, variables, annotations, links, lines }) => ({
  uid,
  title,
  description,
  tags: ["trtc"],
  schemaVersion: 41,
  version: 1,
  editable: true,
  graphTooltip: 1,
  refresh: "1m",
  time: { from, to: "now" },
  timezone,
  annotations: { list: annotations },
  templating: { list: variables },
  links,
  panels: placed(lines),
});
