"""Every manifest against its published schema, in which unknown keys are errors."""

import functools
import unittest

import jsonschema
import kubernetes_validate
from cloudcoil.models.prometheus_operator import v1 as operator

from manifests import NAMES, manifests

# The oldest that the documentation promises, and the newest that is known here.
VERSIONS = ["1.28", "1.37"]


def strict(schema):
    """The same schema, refusing what it does not name."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    refusing = {key: strict(part) for key, part in schema.items()}
    if isinstance(schema.get("properties"), dict):
        refusing.setdefault("additionalProperties", False)
    if isinstance(schema.get("pattern"), str):
        # Go lets flags stand anywhere, Python at the start.
        refusing["pattern"] = schema["pattern"].replace("^(?i)", "(?i)^")
    return refusing


@functools.cache
def of_the_operator(kind):
    schema = strict(getattr(operator, kind).model_json_schema(by_alias=True))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def problem(manifest):
    """What its schema has against a manifest, if anything."""
    try:
        if manifest["apiVersion"] == "monitoring.coreos.com/v1":
            of_the_operator(manifest["kind"]).validate(manifest)
        else:
            for version in VERSIONS:
                kubernetes_validate.validate(manifest, version, strict=True)
    except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
        return error.message
    return None


class Schemas(unittest.TestCase):
    def test_every_manifest_is_what_its_kind_may_be(self):
        for name in NAMES:
            for manifest in manifests(name):
                with self.subTest(name=name, kind=manifest["kind"]):
                    self.assertIsNone(problem(manifest))

    def test_a_misspelt_key_is_noticed_in_each_kind(self):
        kinds = {manifest["kind"]: manifest for name in NAMES for manifest in manifests(name)}
        for kind in ["StatefulSet", "Deployment", "ServiceMonitor", "PodMonitor", "PrometheusRule"]:
            self.assertIn(kind, kinds)
        for kind, manifest in kinds.items():
            with self.subTest(kind=kind):
                self.assertIn("speck", problem({**manifest, "speck": {}}) or "")
                if "spec" in manifest:
                    misspelt = {**manifest, "spec": {**manifest["spec"], "selectr": {}}}
                    self.assertIn("selectr", problem(misspelt) or "")

    def test_no_name_is_given_twice(self):
        for name in NAMES:
            with self.subTest(name=name):
                given = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests(name)]
                self.assertEqual(len(given), len(set(given)))
