"""How long starts took, as a real API server and a real Karpenter tell it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from advisor.karpenter.nodepool import NodePoolSettings, nodepool
from advisor.kubernetes import KubernetesCluster
from advisor.lead_time import Part
from advisor.lead_time_observed import Observed
from tests.support.control_plane import ControlPlane, missing
from tests.support.kube_api import documents
from tests.support.offerings import offering
from tests.support.processes import wait_for
from tests.support.rig import PROGRAMS, Rig, deployment, is_true, rig
from tests.support.start_objects import a_pull, pulled
from tests.support.watched import as_account, grant

ROLE = Path(__file__).parents[2] / "deploy" / "rbac" / "lead-time.yaml"
CHEAP = replace(offering("g6.xlarge", "use1-az6"), price_per_hour=0.3, usd_per_hour=0.3)
BOOT_SECONDS = 6


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Rig]:
    """A cluster of one test's own, whose machines boot in `BOOT_SECONDS`."""
    if why := missing(*PROGRAMS):
        pytest.skip(why)
    with rig(tmp_path / "rig", [CHEAP]) as made:
        yield made


def test_karpenters_own_times_give_the_boot_and_the_kubelets_the_pull(cluster: Rig) -> None:
    grant(cluster.plane, list(documents(ROLE)))
    owner = nodepool([CHEAP], NodePoolSettings("inference", "gpu"), {})
    owner["spec"]["template"]["spec"].pop("startupTaints", None)
    cluster.use(owner, deployment("llm", 1), boot=f"{BOOT_SECONDS}s")
    wait_for(lambda: _is_initialized(cluster), "an initialized machine", 120)
    (node,) = cluster.nodes()
    host = {"component": "kubelet", "host": node["metadata"]["name"]}
    cluster.api.create(a_pull(pulled("2m10.813s"), source=host))

    seen = _seen(cluster.plane)

    boot = next(one for one in seen.durations if one.part == Part.BOOT)
    assert (boot.provider, boot.instance_type) == ("aws", "g6.xlarge")
    assert BOOT_SECONDS - 1 <= boot.seconds <= BOOT_SECONDS + 20
    (pull,) = [one for one in seen.durations if one.part == Part.IMAGE]
    assert pull.seconds == pytest.approx(130.813)


def _is_initialized(cluster: Rig) -> bool:
    claims = cluster.api.every("karpenter.sh/v1", "NodeClaim")
    return bool(claims) and all(is_true(one, "Initialized") for one in claims)


def _seen(plane: ControlPlane) -> Observed:
    with KubernetesCluster(kubeconfig=as_account(plane)["KUBECONFIG"]) as found:
        return found.starts()
