"""The whole path on real controllers: KServe, the autoscaler, Karpenter and the guard.

A corrected InferenceService is served from a NodePool of ours; its pool turns risky, and it is
handed over with all of its replicas Ready at every moment. ``pytest -s`` shows the timelines.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import pod_metrics
from tests.support.control_plane import missing
from tests.support.crd import FOLDER as CRDS
from tests.support.fluid_rig import NAMESPACE, WARM_WITH_CACHE, FluidCacheRig
from tests.support.kserve_rig import KSERVE_PROGRAMS, start_kserve
from tests.support.kserve_stage import POOLS, ZONES, Served
from tests.support.processes import wait_for
from tests.support.stage import staged
from tests.support.timeline import Timeline

HELD_SECONDS = 10.0


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A cluster with KServe and a guard, where all is watched."""
    if why := missing(*KSERVE_PROGRAMS):
        pytest.skip(why)
    with staged(tmp_path, POOLS) as stage:
        api = stage.rig.api
        start_kserve(stage.rig)
        api.install_crds(CRDS / "fluid")
        api.install([pod_metrics.CRD])
        api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        account = {"name": "default", "namespace": NAMESPACE}
        default = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}
        wait_for(lambda: api.find(default) is not None, "an account for pods")
        timeline = Timeline(api, stage.rig.plane.client)
        found = Served(stage, timeline)
        found.watch()
        stage.guard()
        try:
            yield found
        finally:
            timeline.stop()


def test_a_service_is_handed_over_with_all_of_its_replicas_ready_once_its_cache_is_warm(
    served: Served,
) -> None:
    stage, cache, (bad, safe) = served.stage, FluidCacheRig(served.stage.rig, ZONES), POOLS
    served.serve(2, 4, **WARM_WITH_CACHE)
    served.wait(lambda: len(served.warming()) == 2, "two nodes warming")
    cache.load("first")
    served.wait(lambda: served.is_served_by(2), "the service Ready")
    stage.located()
    old = served.nodes_in(bad)

    cache.start_worker(safe.pool.zone)
    served.turn(bad, 0.9)
    served.wait(lambda: len(served.warming()) == len(old) > 0, "as many new nodes warming")
    new = served.warming()
    assert served.keeps(new, HELD_SECONDS)
    cache.load("second")
    served.wait(lambda: stage.are_over(old), "handed over")

    stage.guards[0].stop()
    served.tell()
    assert min(served.ready) >= 2
    assert (served.nodes_in(bad), len(served.nodes_in(safe))) == ([], 2)
    assert (served.sizes(), served.templates(), stage.ours()) == ((2, 4, 2), 1, [])
    assert served.autoscaler() == "hpa"


def test_a_service_of_one_replica_and_no_more_is_never_without_it(served: Served) -> None:
    stage = served.stage
    served.serve(1, 1)
    served.wait(lambda: len(served.warming()) == 1, "a node warming")
    served.speak_of(served.warming(), warm=True)
    served.wait(lambda: served.is_served_by(1), "the service Ready")
    old = stage.located()
    # Its spread over zones goes before the price.
    bad, safe = sorted(POOLS, key=served.nodes_in, reverse=True)

    served.turn(bad, 0.9)
    served.wait(lambda: len(served.warming()) == 1, "a new node warming")
    new = served.warming()
    served.speak_of(new, warm=False)
    assert served.keeps(new, HELD_SECONDS)
    served.speak_of(new, warm=True)
    served.wait(lambda: stage.are_over(old), "handed over")

    stage.guards[0].stop()
    served.tell()
    assert min(served.ready) >= 1
    assert served.nodes_in(safe) == new
    assert (served.sizes(), served.templates(), stage.ours()) == ((1, 1, 1), 1, [])
