// The dashboards as the files that are imported into Grafana, by file name.
import exporter from "./exporter.mjs";
import usage from "./usage.mjs";

const text = (dashboard) => `${JSON.stringify(dashboard, null, 2)}\n`;

export const texts = { "usage.json": text(usage), "exporter.json": text(exporter) };
