"""That the chart hands on rules and dashboards as their sources have them, and what its values are for."""

import json
import pathlib
import subprocess
import tempfile
import unittest

import yaml

from manifests import ROOT, exporter, manifests, of_kind, workload

MONITORS = {"ServiceMonitor": ("helm-everything", "endpoints"), "PodMonitor": ("helm-sharded", "podMetricsEndpoints")}


def rules(name):
    """The PrometheusRules of a rendering, by what their names end in."""
    return {each["metadata"]["name"].rsplit("-", 1)[1]: each["spec"] for each in of_kind(name, "PrometheusRule")}


class Rules(unittest.TestCase):
    def test_they_are_those_of_the_sources(self):
        self.assertEqual(rules("helm-rules").keys(), {"usage", "alerts"})
        for part, spec in rules("helm-rules").items():
            source = (ROOT / f"deploy/prometheus/rules/{part}.yml").read_text()
            self.assertEqual(spec, yaml.safe_load(source))

    def test_the_runbook_is_where_the_values_say(self):
        alerts = [rule for group in rules("helm-everything")["alerts"]["groups"] for rule in group["rules"]]
        for alert in alerts:
            wanted = "https://git.example/trtc-exporter/deploy/runbook.md#" + alert["alert"].lower()
            self.assertEqual(alert["annotations"]["runbook_url"], wanted)

    def test_budgets_are_what_the_values_say(self):
        (group,) = rules("helm-everything")["budget"]["groups"]
        account = {"account": "main", "item": "interactive"}
        wanted = [
            ("10000000 * 60", {**account, "sdk_app_id": "total"}),
            ("2500000.5 * 60", {**account, "sdk_app_id": "1400243510", "media": "video_full_hd"}),
            ("1 * 60", {**account, "sdk_app_id": "4294967295"}),
        ]
        self.assertEqual([(rule["expr"], rule["labels"]) for rule in group["rules"]], wanted)
        self.assertEqual({rule["record"] for rule in group["rules"]}, {"trtc_budget_month_seconds"})

    def test_promtool_takes_them(self):
        for name in ["helm-rules", "helm-everything"]:
            for part, spec in rules(name).items():
                with self.subTest(name=name, part=part), tempfile.TemporaryDirectory() as folder:
                    path = pathlib.Path(folder) / "rules.yml"
                    path.write_text(yaml.safe_dump(spec))
                    ended = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, timeout=60)
                    self.assertEqual(ended.returncode, 0, ended.stderr)


class Dashboards(unittest.TestCase):
    def test_they_are_those_of_the_sources(self):
        found = {}
        for each in of_kind("helm-rules", "ConfigMap"):
            found.update(each["data"])
        del found["trtc-exporter.yml"]
        self.assertEqual(found.keys(), {"trtc-usage.json", "trtc-exporter.json"})
        for key, text in found.items():
            source = (ROOT / "deploy/grafana" / key.removeprefix("trtc-")).read_text()
            self.assertEqual(json.loads(text), json.loads(source))

    def test_the_sidecar_of_grafana_finds_them(self):
        found = [each for each in of_kind("helm-rules", "ConfigMap") if "grafana_dashboard" in each["metadata"]["labels"]]
        self.assertEqual(len(found), 2)
        for each in found:
            self.assertEqual(each["metadata"]["annotations"], {"grafana_folder": "TRTC"})


class Monitors(unittest.TestCase):
    def test_there_is_none_that_nobody_asked_for(self):
        for name in ["helm-default", "helm-bare"]:
            self.assertNotIn("monitoring.coreos.com/v1", {each["apiVersion"] for each in manifests(name)})

    def test_an_instance_is_a_pod_s_name_whatever_its_address(self):
        for kind, (name, endpoints) in MONITORS.items():
            with self.subTest(kind=kind):
                (monitor,) = of_kind(name, kind)
                (endpoint,) = monitor["spec"][endpoints]
                (relabeling,) = endpoint["relabelings"]
                self.assertEqual(relabeling["targetLabel"], "instance")
                self.assertEqual(relabeling["sourceLabels"], ["__meta_kubernetes_namespace", "__meta_kubernetes_pod_name"])


    def test_an_endpoint_can_be_told_how_to_get_in(self):
        (monitor,) = of_kind("helm-protected", "ServiceMonitor")
        (endpoint,) = monitor["spec"]["endpoints"]
        self.assertEqual(endpoint["scheme"], "https")
        self.assertLessEqual({"port", "relabelings", "tlsConfig", "basicAuth"}, endpoint.keys())
        self.assertIn("--web.config.file=/run/secrets/web/web.yml", exporter("helm-protected")["args"])


class Changes(unittest.TestCase):
    def test_the_readme_s_values_are_what_it_says(self):
        kinds = {each["kind"] for each in manifests("helm-readme")}
        self.assertGreaterEqual(kinds, {"StatefulSet", "ServiceMonitor", "PrometheusRule"})
        self.assertEqual(exporter("helm-readme")["image"], exporter("kustomize-overlay")["image"])

    def test_an_overlay_brings_its_own_configuration(self):
        (own,) = of_kind("kustomize-overlay", "ConfigMap")
        (base,) = of_kind("kustomize-standalone", "ConfigMap")
        self.assertIn("1400000001", own["data"]["trtc-exporter.yml"])
        self.assertNotEqual(own["metadata"]["name"], base["metadata"]["name"])

    def test_another_configuration_is_another_pod(self):
        def checksum(name):
            return workload(name)["spec"]["template"]["metadata"]["annotations"]["checksum/config"]

        self.assertEqual(checksum("helm-default"), checksum("helm-rules"))
        self.assertEqual(len({checksum(name) for name in ["helm-default", "helm-bare", "helm-everything"]}), 3)

    def test_what_is_left_out_is_not_there(self):
        kinds = {each["kind"] for each in manifests("helm-bare")}
        self.assertEqual(kinds, {"ConfigMap", "Service", "StatefulSet"})
        self.assertNotIn("resources", exporter("helm-bare"))
        self.assertEqual(exporter("helm-default")["resources"]["limits"], {"memory": "64Mi"})

    def test_flags_are_handed_on(self):
        for flag in ["--log.level=warn", "--log.format=json", "--web.enable-lifecycle", "--web.max-requests=10"]:
            self.assertIn(flag, exporter("helm-everything")["args"])

    def test_the_environment_is_handed_on(self):
        self.assertEqual(exporter("helm-everything")["env"], [{"name": "HTTPS_PROXY", "value": "http://192.0.2.7:3128"}])
        self.assertEqual(len(exporter("helm-sharded")["env"]), 3)
