"""What was rendered, by the file's name: helm-VALUES and kustomize-OVERLAY."""

import functools
import os
import pathlib

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = os.environ["PROGRAM"]
NAMES = sorted(path.stem for path in pathlib.Path(os.environ["RENDERED"]).glob("*.yaml"))


@functools.cache
def manifests(name):
    """All manifests of one rendering, each of them something. They are read once, so nobody may change them."""
    text = (pathlib.Path(os.environ["RENDERED"]) / f"{name}.yaml").read_text()
    return [manifest for manifest in yaml.safe_load_all(text) if manifest is not None]


def of_kind(name, kind):
    return [manifest for manifest in manifests(name) if manifest["kind"] == kind]


def workload(name):
    """The one thing in a rendering that makes pods."""
    (found,) = of_kind(name, "StatefulSet") + of_kind(name, "Deployment")
    return found


def pod(name):
    return workload(name)["spec"]["template"]["spec"]


def exporter(name):
    """The exporter's container."""
    (found,) = (container for container in pod(name)["containers"] if container["name"] == "trtc-exporter")
    return found
