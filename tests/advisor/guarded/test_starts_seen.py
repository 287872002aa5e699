"""A look at a guarded cluster also tells how long starts took."""

from advisor.kubernetes import KubernetesCluster
from advisor.kubernetes_snapshot import LEARNED_EVERY
from tests.support import guarded_objects as of
from tests.support.guarded_api import GuardedApi
from tests.support.guarded_cluster import NOW
from tests.support.start_objects import a_claim, a_server


def test_a_look_tells_now_and_then_how_long_starts_took_and_asks_for_nothing_more(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    cluster.snapshot(NOW)
    before = [path for _, path, _ in api.asked]
    api.asked.clear()
    api.put(of.CLAIMS, a_claim(Launched=0, Registered=40, Initialized=90))
    api.put(of.PODS, a_server())

    assert cluster.snapshot(NOW + LEARNED_EVERY / 2).starts == ()
    seen = cluster.snapshot(NOW + LEARNED_EVERY).starts

    assert [(one.part, one.seconds) for one in seen if one.seconds > 1] == [
        ("boot", 90),
        ("weights", 215),
        ("engine", 70),
    ]
    assert {path for _, path, _ in api.asked} <= set(before)
