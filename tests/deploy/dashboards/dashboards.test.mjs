// The dashboards of deploy/grafana are what their generator writes, and are right by Grafana's types and by the rules of this
// house; a broken one is told. Whether their queries find anything is tested by tests/it/dashboards.rs.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";
import { texts } from "../../../deploy/grafana/generator/texts.mjs";
import { lintProblems } from "./lint.mjs";
import { schemaProblems } from "./schema.mjs";

const deploy = new URL("../../../deploy/", import.meta.url);
const read = (path) => readFileSync(new URL(path, deploy), "utf8");
const files = readdirSync(new URL("grafana/", deploy)).filter((name) => name.endsWith(".json"));
const dashboards = Object.fromEntries(files.map((file) => [file, JSON.parse(read(`grafana/${file}`))]));
const alerts = parse(read("prometheus/rules/alerts.yml")).groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));

const problems = (file, dashboard) => [
  ...schemaProblems(dashboard),
  ...lintProblems(dashboard, { file, all: Object.values(dashboards), alerts }),
];

test("the files are what the generator writes: node deploy/grafana/generator/write.mjs", () => {
  assert.deepEqual(files.toSorted(), Object.keys(texts).toSorted());
  for (const file of files) assert.ok(read(`grafana/${file}`) === texts[file], `${file} is not up to date`);
});

for (const file of files) {
  test(`${file} is good`, () => assert.deepEqual(problems(file, dashboards[file]), []));
}

// What is broken, by what change to usage.json, and what has to be told.
const breakages = [
  ["an unknown key", (d) => (d.panles = []), /dashboard: must NOT have additional properties: panles/],
  ["a misspelled unit", (d) => (field(d, "unti", field(d, "unit")), field(d, "unit", undefined)), /properties: unti/],
  ["an unknown unit", (d) => field(d, "unit", "minuets"), /the unit minuets/],
  ["a place that is a text", (d) => (first(d).gridPos.x = "0"), /gridPos\/x: must be integer|gridPos\/x: must be number/],
  ["no options", (d) => (first(d).options = null), /options: must be object/],
  ["an option of another panel", (d) => (first(d).options.cellHeight = "sm"), /options: must NOT.*cellHeight/],
  ["an unknown draw style", (d) => (curve(d).fieldConfig.defaults.custom.drawStyle = "lines"), /drawStyle: must be equal/],
  ["an override of nothing", (d) => (curve(d).fieldConfig.overrides[0].properties[0].id = "colour"), /properties: colour/],
  ["an override of nothing special", (d) => (curve(d).fieldConfig.overrides[0].properties[1].id = "custom.style"), /properties: style/],
  ["an unknown type", (d) => (first(d).type = "singlestat"), /no schema is known for the type singlestat/],
  ["a dashboard without a version of the schema", (d) => delete d.schemaVersion, /required property 'schemaVersion'/],
  ["another uid", (d) => (d.uid = "Wq3xZ"), /uid Wq3xZ/],
  ["an id of one Grafana", (d) => (d.id = 7), /belongs to one Grafana/],
  ["an id given twice", (d) => (d.panels[1].id = d.panels[0].id), /same id/],
  ["no description", (d) => (first(d).description = ""), /no description/],
  ["an alert that there is not", (d) => (first(d).description += " See TrtcEverythingIsFine."), /no alert TrtcEverythingIsFine/],
  ["thresholds that fall", (d) => (first(d).fieldConfig.defaults.thresholds.steps = [null, 2, 1].map((value) => ({ value, color: "red" }))), /do not rise/],
  ["a hidden legend", (d) => (curve(d).options.legend.showLegend = false), /no legend/],
  ["a query without a legend", (d) => (curve(d).targets[0].legendFormat = ""), /a query has no legend/],
  ["an unknown key in a query", (d) => (first(d).targets[0].query = "up"), /unknown key query/],
  ["an empty query", (d) => (first(d).targets[0].expr = " "), /an empty query/],
  ["a query of neither kind", (d) => (first(d).targets[0].range = false), /neither of a range/],
  ["a panel over another", (d) => (d.panels[1].gridPos = d.panels[0].gridPos), /lies over panel/],
  ["a panel beyond the edge", (d) => (first(d).gridPos.x = 22), /outside the grid/],
  ["a fixed data source", (d) => (first(d).datasource.uid = "P1809F7CD0C75ACF3"), /a data source is not the variable/],
  ["a variable that there is not", (d) => (first(d).targets[0].expr += " + $offset"), /no variable offset/],
  ["a variable for nothing", (d) => d.templating.list.push({ name: "idle", type: "query", includeAll: true, multi: true }), /nothing uses the variable idle/],
  ["a variable for one value", (d) => (d.templating.list[1].multi = false), /takes one value only/],
  ["a link to nowhere", (d) => (d.links[0].url = "/d/trtc-nowhere"), /leads nowhere/],
  ["a link that sets what is not there", (d) => (d.links[0].url += "?var-media=audio"), /sets media/],
];
const first = (dashboard) => dashboard.panels[0];
const curve = (dashboard) => dashboard.panels.find(({ type }) => type === "timeseries");
const field = (dashboard, name, ...value) => {
  const { defaults } = first(dashboard).fieldConfig;
  if (!value.length) return defaults[name];
  if (value[0] === undefined) delete defaults[name];
  else defaults[name] = value[0];
};

for (const [what, breakIt, told] of breakages) {
  test(`told: ${what}`, () => {
    const broken = structuredClone(dashboards["usage.json"]);
    breakIt(broken);
    assert.match(problems("usage.json", broken).join("\n"), told);
  });
}

test("the provisioning files name one data source, and the folder of the dashboards", () => {
  const { datasources } = parse(read("grafana/provisioning/datasources/prometheus.yml"));
  assert.deepEqual(datasources.map(({ type, isDefault }) => [type, isDefault]), [["prometheus", true]]);
  const { providers } = parse(read("grafana/provisioning/dashboards/trtc.yml"));
  assert.deepEqual(providers.map(({ type, options }) => [type, options.path]), [["file", "/var/lib/grafana/dashboards"]]);
});
