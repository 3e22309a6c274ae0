// Holds a dashboard against the types that Grafana itself publishes. Each panel is held against its own type only, because
// "neither a row nor a panel" would say nothing about what is wrong with it.
import { fileURLToPath } from "node:url";
import Ajv from "ajv";
import { createGenerator } from "ts-json-schema-generator";

const types = new URL("../node_modules/@grafana/schema/dist/types/raw/", import.meta.url);
const ajv = new Ajv({ allErrors: true, strict: false });
// All types that are exported from a file of the package, as schemas by their names.
function schemas(file, names) {
  const generator = createGenerator({ path: fileURLToPath(new URL(file, types)), skipTypeCheck: true });
  return Object.fromEntries(names.map((name) => [name, generator.createSchema(name)]));
}

// The same type with every property optional.
const partial = (schema, name) => {
  const copy = structuredClone(schema);
  delete copy.definitions[name].required;
  return copy;
};

const core = schemas("dashboard/x/types.gen.d.ts", ["Dashboard", "Panel", "RowPanel", "FieldConfig"]);

// The types do not know yet what a query of Prometheus adds to an annotation.
Object.assign(core.Dashboard.definitions.AnnotationQuery.properties, {
  expr: { type: "string" },
  step: { type: "string" },
  titleFormat: { type: "string" },
  textFormat: { type: "string" },
  useValueForTime: { type: "boolean" },
});

const isDashboard = ajv.compile(core.Dashboard);
const isPanel = ajv.compile(core.Panel);
const isRow = ajv.compile(core.RowPanel);
const isField = ajv.compile(partial(core.FieldConfig, "FieldConfig"));

// What is special to a kind of panel: its options, and what its fields can have in "custom".
const kinds = new Map();
function kind(type, directory, withFields) {
  const found = schemas(`composable/${directory}/panelcfg/x/types.gen.d.ts`, withFields ? ["Options", "FieldConfig"] : ["Options"]);
  kinds.set(type, {
    isOptions: ajv.compile(found.Options),
    isCustom: withFields && ajv.compile(partial(found.FieldConfig, "FieldConfig")),
  });
}
kind("bargauge", "bargauge", false);
kind("heatmap", "heatmap", true);
kind("stat", "stat", false);
kind("state-timeline", "statetimeline", true);
kind("table", "table", true);
kind("timeseries", "timeseries", true);

const wrong = (validate, value, where) => {
  if (validate(value)) return [];
  return validate.errors.map(({ instancePath, message, params }) => {
    const detail = params.additionalProperty ?? params.allowedValues?.join(", ");
    return `${where}${instancePath}: ${message}${detail ? `: ${detail}` : ""}`;
  });
};

function panelProblems(panel) {
  const where = `panel ${panel.id} "${panel.title}"`;
  if (panel.type === "row") return wrong(isRow, panel, where);
  const known = kinds.get(panel.type);
  if (!known) return [`${where}: no schema is known for the type ${panel.type}`];

  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  const custom = (value, at) =>
    known.isCustom ? wrong(known.isCustom, value, `${where}${at}`) : [`${where}${at}: a ${panel.type} has no custom fields`];
  return [
    ...wrong(isPanel, panel, where),
    ...wrong(known.isOptions, panel.options, `${where}/options`),
    ...(defaults.custom ? custom(defaults.custom, "/fieldConfig/defaults/custom") : []),
    ...overrides.flatMap(({ properties = [] }, index) =>
      properties.flatMap(({ id, value }) => {
        const at = `/fieldConfig/overrides/${index}`;
        return id.startsWith("custom.")
          ? custom({ [id.slice("custom.".length)]: value }, at)
          : wrong(isField, { [id]: value }, `${where}${at}`);
      })),
  ];
}

// What is wrong with a dashboard by its types; empty when nothing is.
export const schemaProblems = (dashboard) => [
  ...wrong(isDashboard, { ...dashboard, panels: [] }, "dashboard"),
  ...(dashboard.panels ?? []).flatMap(panelProblems),
];
