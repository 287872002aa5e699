"""KServe's own manager on a rig: InferenceServices become Deployments, without Istio or Knative.

Its pods are the rig's: ready as long after they were bound as their annotation says.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from tests.support.authority import LOOPBACK
from tests.support.control_plane import FOLDER, START_SECONDS
from tests.support.kube_api import documents
from tests.support.kwok_market import Manifest
from tests.support.processes import Program, free_port
from tests.support.rig import PROGRAMS, READY_AFTER, Rig, environment

KSERVE_PROGRAMS = (*PROGRAMS, "kserve")
"""What `tests.support.control_plane.missing` must find."""

NAMESPACE = "kserve"
FILES = FOLDER / "kserve"
VERSION = "serving.kserve.io/v1beta1"

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    # This version calls what is Standard today RawDeployment, and takes no other word for it.
    "deploy": {"defaultDeploymentMode": "RawDeployment"},
    "ingress": {"disableIngressCreation": True, "disableIstioVirtualHost": True},
}
"""What differs from the configuration that KServe ships."""


def start_kserve(rig: Rig) -> Program:
    """Install KServe into the cluster and start its manager; it ends with the cluster."""
    api, folder = rig.api, rig.plane.folder / "kserve"
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    api.install_crds(FILES / "crds")
    api.create(_configuration())
    _keep_keys(rig)
    port, health = free_port(), free_port()
    command = [
        *(str(FOLDER / "bin" / "kserve"), f"--webhook-port={port}"),
        *(f"--health-probe-addr={LOOPBACK}:{health}", f"--metrics-addr={LOOPBACK}:{free_port()}"),
    ]
    # It looks for its certificate in the folder for temporary files, and nowhere else.
    settings = {"KUBECONFIG": str(rig.plane.kubeconfig()), "TMPDIR": str(folder)}
    program = rig.plane.run(command, "kserve", environment(settings))
    program.wait_until(lambda: _answers(health), START_SECONDS)
    for one in _webhooks(f"https://{LOOPBACK}:{port}", rig.plane.authority.bundle()):
        api.create(one)
    for path in sorted((FILES / "runtimes").glob("*.yaml")):
        for runtime in documents(path):
            api.create(runtime)
    return program


def on_kwok(service: Mapping[str, Any], *, ready_after: str) -> Manifest:
    """The InferenceService with pods that take that long until they are Ready on the rig.

    This version of KServe knows no mode Standard, which later ones call it: it would take the
    service for one of Knative's, and refuse its ``deploymentStrategy``.
    """
    predictor = service["spec"]["predictor"]
    marked = {**predictor.get("annotations", {}), READY_AFTER: ready_after}
    spec = {**service["spec"], "predictor": {**predictor, "annotations": marked}}
    about = service["metadata"]
    mode = {"serving.kserve.io/deploymentMode": "RawDeployment"}
    metadata = {**about, "annotations": {**about.get("annotations", {}), **mode}}
    return {**service, "metadata": metadata, "spec": spec}


def _configuration() -> Manifest:
    (found,) = documents(FILES / "configmap.yaml")
    data = {key: text for key, text in found["data"].items() if key != "_example"}
    for key, changes in SETTINGS.items():
        data[key] = json.dumps({**json.loads(data[key]), **changes})
    return {**found, "data": data}


def _keep_keys(rig: Rig) -> None:
    keys = rig.plane.authority.server("kserve-webhook-server")
    folder = rig.plane.folder / "kserve" / "k8s-webhook-server" / "serving-certs"
    folder.mkdir(parents=True)
    shutil.copyfile(keys.certificate, folder / "tls.crt")
    shutil.copyfile(keys.key, folder / "tls.key")


def _webhooks(url: str, bundle: str) -> Iterator[Manifest]:
    """KServe's webhooks, reached by address: no service of the cluster leads anywhere."""
    for one in documents(FILES / "webhooks.yaml"):
        for hook in one["webhooks"]:
            path = hook["clientConfig"]["service"]["path"]
            hook["clientConfig"] = {"url": f"{url}{path}", "caBundle": bundle}
        yield one


def _answers(port: int) -> bool:
    try:
        answer = httpx.get(f"http://{LOOPBACK}:{port}/readyz", trust_env=False, timeout=5)
    except httpx.TransportError:
        return False
    return answer.is_success
