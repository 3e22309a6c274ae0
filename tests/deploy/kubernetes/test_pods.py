"""What a schema does not know: that pods are restricted, that their parts fit together, and that the program takes its
arguments and its configuration."""

import os
import pathlib
import subprocess
import tempfile
import tomllib
import unittest

import yaml

from manifests import NAMES, PROGRAM, ROOT, exporter, manifests, of_kind, pod, workload

KEYS = "/run/secrets/trtc"
WEB = "/run/secrets/web"


def configuration(name):
    """The ConfigMap that a pod's volume names."""
    (wanted,) = (volume["configMap"]["name"] for volume in pod(name)["volumes"] if "configMap" in volume)
    (found,) = (each for each in of_kind(name, "ConfigMap") if each["metadata"]["name"] == wanted)
    return found["data"]["trtc-exporter.yml"]


def secret_files(settings):
    """Every value of a key like secret_key_file, however deep."""
    if isinstance(settings, list):
        return [path for part in settings for path in secret_files(part)]
    if isinstance(settings, dict):
        own = [value for key, value in settings.items() if key.endswith("_file")]
        return own + secret_files(list(settings.values()))
    return []


def named_ports(name):
    """By which names the rest of a rendering speaks of the exporter's port."""
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"]:
        if "httpGet" in exporter(name).get(probe, {}):
            yield exporter(name)[probe]["httpGet"]["port"]
    for service in of_kind(name, "Service"):
        yield from (port["targetPort"] for port in service["spec"]["ports"])
    for policy in of_kind(name, "NetworkPolicy"):
        yield from (port["port"] for port in policy["spec"]["ingress"][0]["ports"])
    for monitor in of_kind(name, "PodMonitor"):
        yield from (endpoint["port"] for endpoint in monitor["spec"]["podMetricsEndpoints"])


class Security(unittest.TestCase):
    """The standard `restricted` of https://kubernetes.io/docs/concepts/security/pod-security-standards/, and more."""

    def test_pods_share_nothing_with_their_node_and_get_no_token(self):
        for name in NAMES:
            with self.subTest(name=name):
                spec = pod(name)
                for shared in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"]:
                    self.assertNotIn(shared, spec)
                self.assertIs(spec["automountServiceAccountToken"], False)
                self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
                kinds = {key for volume in spec["volumes"] for key in volume if key != "name"}
                self.assertLessEqual(kinds, {"configMap", "secret", "emptyDir"})

    def test_containers_are_nobody_and_may_do_nothing(self):
        for name in NAMES:
            for container in pod(name)["containers"] + pod(name).get("initContainers", []):
                with self.subTest(name=name, container=container["name"]):
                    context = {**pod(name)["securityContext"], **container["securityContext"]}
                    self.assertIs(context["runAsNonRoot"], True)
                    self.assertGreater(context["runAsUser"], 0)
                    self.assertIs(context["allowPrivilegeEscalation"], False)
                    self.assertIs(context["readOnlyRootFilesystem"], True)
                    self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
                    self.assertNotIn("privileged", context)
                    self.assertFalse([port for port in container.get("ports", []) if "hostPort" in port])

    def test_no_secret_is_made_or_put_into_the_environment(self):
        for name in NAMES:
            with self.subTest(name=name):
                self.assertEqual(of_kind(name, "Secret"), [])
                self.assertNotIn("secretKeyRef", str(workload(name)))
                for volume in pod(name)["volumes"]:
                    if "secret" in volume:
                        self.assertEqual(volume["secret"]["defaultMode"], 0o440)
                        self.assertGreater(pod(name)["securityContext"]["fsGroup"], 0)


class Roles(unittest.TestCase):
    """What TKE's webhook for pod identities goes by, in place of a Secret."""

    def test_the_service_account_has_a_role_and_the_pod_no_keys(self):
        for name in ["helm-role", "kustomize-role"]:
            with self.subTest(name=name):
                (account,) = of_kind(name, "ServiceAccount")
                self.assertEqual(pod(name)["serviceAccountName"], account["metadata"]["name"])
                annotations = account["metadata"]["annotations"]
                self.assertTrue(annotations["tke.cloud.tencent.com/role-arn"].startswith("qcs::cam::uin/"))
                self.assertEqual(annotations["tke.cloud.tencent.com/audience"], "sts.cloud.tencent.com")
                self.assertFalse([volume for volume in pod(name)["volumes"] if "secret" in volume])
                for account in yaml.safe_load(configuration(name))["accounts"]:
                    self.assertEqual(account["credentials"]["from"], "tke_oidc")

    def test_only_they_go_without_keys_from_a_secret(self):
        without = {name for name in NAMES if not any("secret" in volume for volume in pod(name)["volumes"])}
        self.assertEqual(without, {"helm-role", "kustomize-role", "helm-bare"})


class Wiring(unittest.TestCase):
    def test_what_is_mounted_is_there_and_what_is_there_is_mounted(self):
        for name in NAMES:
            with self.subTest(name=name):
                claims = workload(name)["spec"].get("volumeClaimTemplates", [])
                there = {each["name"] for each in pod(name)["volumes"]} | {each["metadata"]["name"] for each in claims}
                mounted = {mount["name"] for mount in exporter(name)["volumeMounts"]}
                self.assertEqual(mounted, there)
                self.assertIn("/data", {mount["mountPath"] for mount in exporter(name)["volumeMounts"]})

    def test_services_monitors_budgets_and_policies_select_the_pods(self):
        for name in NAMES:
            labels = workload(name)["spec"]["template"]["metadata"]["labels"]
            for manifest in manifests(name):
                spec = manifest.get("spec", {})
                if manifest["kind"] == "ServiceMonitor":
                    (service,) = of_kind(name, "Service")
                    selected = service["metadata"]["labels"]
                else:
                    selected = labels
                selector = spec.get("selector") or spec.get("podSelector")
                if selector:
                    with self.subTest(name=name, kind=manifest["kind"]):
                        self.assertLessEqual(selector.get("matchLabels", selector).items(), selected.items())

    def test_ports_are_those_of_the_container(self):
        for name in NAMES:
            with self.subTest(name=name):
                (port,) = exporter(name)["ports"]
                self.assertEqual(port["containerPort"], 10088)
                self.assertEqual(set(named_ports(name)), {port["name"]})
                (service,) = of_kind(name, "Service")
                (of_service,) = service["spec"]["ports"]
                # Nothing stands between, that could turn another port into this one.
                self.assertEqual((service["spec"]["clusterIP"], of_service["port"]), ("None", 10088))
                for monitor in of_kind(name, "ServiceMonitor"):
                    self.assertEqual(monitor["spec"]["endpoints"][0]["port"], of_service["name"])

    def test_probes_ask_what_they_are_for(self):
        for name in set(NAMES) - {"helm-protected"}:
            with self.subTest(name=name):
                self.assertEqual(exporter(name)["livenessProbe"]["httpGet"]["path"], "/-/healthy")
                if workload(name)["kind"] == "StatefulSet":
                    self.assertEqual(exporter(name)["startupProbe"]["httpGet"]["path"], "/-/healthy")
                    self.assertEqual(exporter(name)["readinessProbe"]["httpGet"]["path"], "/-/ready")

    def test_probes_need_no_password(self):
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"]:
            asks = exporter("helm-protected")[probe]
            self.assertNotIn("httpGet", asks)
            self.assertEqual(asks["exec"], {"command": ["/trtc-exporter", "healthcheck"]})
            # It takes up to 3 seconds to find that nobody answers.
            self.assertGreater(asks["timeoutSeconds"], 3)

    def test_a_large_state_has_minutes_to_be_opened(self):
        for name in NAMES:
            if workload(name)["kind"] == "StatefulSet":
                with self.subTest(name=name):
                    startup = exporter(name)["startupProbe"]
                    self.assertGreaterEqual(startup["periodSeconds"] * startup["failureThreshold"], 300)

    def test_an_app_s_readiness_does_not_hang_on_the_exporter_s(self):
        self.assertNotIn("readinessProbe", exporter("kustomize-sidecar"))

    def test_there_are_as_many_shards_as_pods(self):
        shards = {name: {each["name"]: each for each in exporter(name).get("env", [])} for name in NAMES}
        sharded = {name for name in NAMES if any(variable.startswith("TRTC_EXPORTER_SHARD") for variable in shards[name])}
        self.assertEqual(sharded, {"helm-sharded", "kustomize-sharded"})
        for name in ["helm-sharded", "kustomize-sharded"]:
            with self.subTest(name=name):
                replicas = workload(name)["spec"]["replicas"]
                self.assertGreater(replicas, 1)
                self.assertEqual(shards[name]["TRTC_EXPORTER_SHARD_COUNT"]["value"], str(replicas))
                field = shards[name]["TRTC_EXPORTER_SHARD_INDEX"]["valueFrom"]["fieldRef"]["fieldPath"]
                self.assertEqual(field, "metadata.labels['apps.kubernetes.io/pod-index']")
        for name in set(NAMES) - {"helm-sharded", "kustomize-sharded"}:
            self.assertEqual(workload(name)["spec"]["replicas"], 1)

    def test_images_without_other_wishes_are_of_this_version(self):
        version = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]
        for name in ["helm-default", "kustomize-standalone", "kustomize-role", "kustomize-sharded", "kustomize-sidecar"]:
            with self.subTest(name=name):
                self.assertEqual(exporter(name)["image"], f"trtc-exporter:{version}")
        self.assertEqual(exporter("helm-rules")["image"], "trtc-exporter:nightly")
        self.assertRegex(exporter("helm-everything")["image"], "^registry.example/.*/trtc-exporter@sha256:[0-9a-f]{64}$")


class Configurations(unittest.TestCase):
    def test_secret_files_are_in_the_folder_that_the_secret_is_mounted_to(self):
        for name in NAMES:
            with self.subTest(name=name):
                mounts = {mount["mountPath"] for mount in exporter(name)["volumeMounts"]}
                for path in secret_files(yaml.safe_load(configuration(name))):
                    self.assertEqual(os.path.dirname(path), KEYS)
                    self.assertIn(KEYS, mounts)

    def test_the_program_takes_each_pod_s_arguments_and_configuration(self):
        for name in NAMES:
            with self.subTest(name=name):
                ended = checked(name, configuration(name))
                self.assertEqual(ended.returncode, 0, ended.stderr)

    def test_the_program_would_refuse_what_it_does_not_know(self):
        ended = checked("helm-default", configuration("helm-default") + "nonsense: 1\n")
        self.assertEqual(ended.returncode, 2)
        self.assertIn("nonsense", ended.stderr)


def checked(name, text):
    """Runs the program as a pod would, to check its configuration, with made-up keys in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        keys = pathlib.Path(folder) / "keys"
        keys.mkdir()
        for path in secret_files(yaml.safe_load(text)):
            (keys / os.path.basename(path)).write_text("fake-key-of-a-test\n")
            (keys / os.path.basename(path)).chmod(0o600)
        (pathlib.Path(folder) / "trtc-exporter.yml").write_text(text.replace(KEYS, str(keys)))
        if WEB in {mount["mountPath"] for mount in exporter(name)["volumeMounts"]}:
            (pathlib.Path(folder) / "web.yml").write_text("rate_limit: { interval: 1s, burst: 10 }\n")
        arguments = [each.replace("/etc/trtc-exporter", folder).replace(WEB, folder) for each in exporter(name)["args"]]
        shard = {each["name"]: each.get("value", "0") for each in exporter(name).get("env", [])}
        return subprocess.run([PROGRAM, *arguments, "--config.check"], env=shard, capture_output=True, text=True, timeout=30)
