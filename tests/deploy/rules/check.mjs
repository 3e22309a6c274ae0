// What promtool does not look at: that every alert says who, how bad and what to do, has its place in the runbook, and is
// tested both ways.
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";

const root = new URL("../../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");
const problems = [];
const claim = (holds, problem) => holds || problems.push(problem);

const rules = parse(read("deploy/prometheus/rules/alerts.yml")).groups.flatMap((group) => group.rules);
const names = rules.map((rule) => rule.alert);
const headings = [...read("deploy/runbook.md").matchAll(/^## (.+)$/gm)].map((match) => match[1]);

for (const { alert, for: patience, labels, annotations } of rules) {
  claim(["critical", "warning", "info"].includes(labels?.severity), `${alert}: no severity`);
  claim(patience, `${alert}: fires at the first sight, without "for"`);
  claim(annotations.summary?.length < 140, `${alert}: no summary, or one that is too long for a phone`);
  claim(annotations.description?.length > 80, `${alert}: the description does not say what to do`);
  claim(annotations.runbook_url === `deploy/runbook.md#${alert.toLowerCase()}`, `${alert}: runbook_url`);
  claim(headings.includes(alert), `${alert}: not in the runbook`);
}
for (const heading of headings) claim(names.includes(heading), `runbook: there is no alert ${heading}`);

const fires = new Set();
const silent = new Set();
for (const file of readdirSync(new URL("tests/deploy/rules/", root)).filter((name) => name.endsWith(".yml"))) {
  for (const test of parse(read(`tests/deploy/rules/${file}`), { merge: true }).tests) {
    for (const { alertname, exp_alerts } of test.alert_rule_test ?? []) {
      claim(names.includes(alertname), `${file}: there is no alert ${alertname}`);
      (exp_alerts.length ? fires : silent).add(alertname);
    }
    for (const { expr, exp_samples } of test.promql_expr_test ?? []) {
      const alert = expr.match(/ALERTS\{alertname="(\w+)"/)?.[1];
      if (alert && !exp_samples.length) silent.add(alert);
    }
  }
}
for (const alert of names) {
  claim(fires.has(alert), `${alert}: no test in which it fires`);
  claim(silent.has(alert), `${alert}: no test in which it stays silent`);
}

if (problems.length) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`${names.length} alerts: each explained, and tested both ways`);
