"""When a cache is warm: only when everything that Fluid says proves it, and else why not."""

from datetime import timedelta
from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.replacement.records import Warmth
from advisor.serving.fluid_state import (
    DatasetState,
    Load,
    dataset_of,
    dataset_state,
    load_of,
    size_bytes,
)
from advisor.serving.fluid_warmth import CacheState, node_verdict, zone_verdict
from tests.support.caches import (
    LOADED_AT,
    READY_AT,
    TOTAL,
    a_dataset,
    a_load,
    a_state,
    a_worker,
    a_worker_pod,
)

LATER = LOADED_AT + timedelta(seconds=1)


def test_a_zone_with_a_whole_copy_is_warm() -> None:
    for zone in ("a", "b"):
        verdict = zone_verdict(a_state(), zone)
        assert (verdict.warmth, verdict.why) == (Warmth.WARM, "loaded by DataLoad r1-warm")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"phase": "Pending"}, "not bound yet (phase Pending)"),
        ({"phase": "", "runtime": None}, "not bound yet (phase unset)"),
        ({"is_ready": False}, "condition Ready is not True"),
        ({"workers": [a_worker("b"), a_worker("c")]}, "no cache worker is in a (but in b, c)"),
        ({"workers": [a_worker(None)]}, "no cache worker is in a (but in no zone)"),
        ({"workers": [a_worker("a", ready_since=None), a_worker("b")]}, "in a is Ready"),
        ({"workers": [a_worker("a", is_labelled=False)]}, "bears the label fluid.io/s-serving-r1"),
        ({"loads": []}, "no DataLoad of the whole Dataset is there"),
        ({"loads": [Load("x", "Executing", 2, None)]}, "(x is Executing)"),
        ({"loads": [Load("x", "", 2, None)]}, "(x is not begun)"),
        # The worker that came last holds nothing of what was loaded before.
        ({"workers": [a_worker("a", ready_since=LATER), a_worker("b")]}, "load once more"),
        ({"workers": [a_worker("a"), a_worker("b", ready_since=LOADED_AT)]}, "load once more"),
        ({"total_bytes": None}, "has not counted the data yet"),
        ({"cached_share": None}, "does not tell how much is cached"),
        ({"cached_share": 0.98}, "98.0% is cached"),
        # Jindo says 100 % of one copy and of half a model in two copies alike.
        ({"cached_bytes": TOTAL}, "1 of 2 copies are cached, whatever the percentage says"),
        ({"runtime": "alluxio", "cached_bytes": TOTAL}, "1 of 2 copies are cached"),
        ({"total_bytes": 0.0}, "0 of 2 copies"),
        # One copy can be in the other zone.
        ({"copies": 1}, "1 copies may all be on the 1 workers outside a"),
        ({"runtime": "juicefs"}, "one copy is spread over all workers, 1 of them outside a"),
    ],
)
def test_what_is_not_proven_is_cold_and_says_why(given: dict[str, Any], why: str) -> None:
    verdict = zone_verdict(a_state(**given), "a")

    assert verdict.warmth is Warmth.WARMING
    assert why in verdict.why


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"runtime": "thin", "cached_share": None}, "thin, does not tell"),
        ({"runtime": "vineyard"}, "vineyard, does not tell"),
        ({"runtime": "efc"}, "efc, does not tell"),
        ({"runtime": None}, "no runtime, or several"),
        ({"runtime": "juicefs", "is_community": True}, "each node fills a cache of its own"),
    ],
)
def test_what_its_runtime_never_tells_is_unknown_and_not_warm(
    given: dict[str, Any], why: str
) -> None:
    verdict = zone_verdict(a_state(**given), "a")

    assert verdict.warmth is Warmth.UNKNOWN
    assert why in verdict.why


@pytest.mark.parametrize(
    "given",
    [
        {"runtime": "alluxio", "cached_share": 2.0},
        # Without the sum of bytes the percentage has to do.
        {"cached_bytes": None},
        {"copies": 3},
        {"copies": 1, "workers": [a_worker("a")], "cached_bytes": TOTAL},
        {"runtime": "juicefs", "workers": [a_worker("a")], "cached_bytes": TOTAL},
        # A newer load that is still running takes nothing away.
        {
            "loads": [
                Load("old", "Complete", 2, LOADED_AT),
                Load("new", "Executing", 2, None),
            ]
        },
    ],
)
def test_a_whole_copy_counts_however_it_is_told(given: dict[str, Any]) -> None:
    assert zone_verdict(a_state(**given), "a").warmth is Warmth.WARM


@given(
    zones=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4),
    copies=st.integers(1, 4),
)
def test_a_zone_is_warm_only_if_each_way_to_spread_the_copies_leaves_one_in_it(
    zones: list[str], copies: int
) -> None:
    workers = [a_worker(zone, node=f"n{place}") for place, zone in enumerate(zones)]
    held = min(copies, len(workers))
    state = a_state(workers=workers, copies=copies, cached_bytes=held * TOTAL)

    verdict = zone_verdict(state, "a")

    # Each block is on any `held` of the workers.
    spreads = combinations(range(len(zones)), held)
    always = "a" in zones and all(any(zones[one] == "a" for one in spread) for spread in spreads)
    assert (verdict.warmth is Warmth.WARM) == always


@given(st.data())
def test_no_single_doubt_leaves_a_cache_warm(data: st.DataObject) -> None:
    doubts: dict[str, Any] = {
        "phase": "Failed",
        "is_ready": False,
        "runtime": "thin",
        "total_bytes": None,
        "cached_bytes": 1.5 * TOTAL,
        "cached_share": 0.5,
        "loads": [],
        "workers": [],
    }
    chosen = data.draw(st.sets(st.sampled_from(sorted(doubts)), min_size=1))

    state = a_state(**{name: doubts[name] for name in chosen})

    assert zone_verdict(state, "a").warmth is not Warmth.WARM


def test_a_node_holds_a_part_only_if_a_worker_is_on_it() -> None:
    assert node_verdict(a_state(), "node-a", "a").warmth is Warmth.WARM
    assert node_verdict(a_state(), "gpu-1", "a").why.endswith("no cache worker is on gpu-1")
    assert node_verdict(a_state(phase=""), "node-a", "a").warmth is Warmth.WARMING


def test_a_dataset_is_read_as_its_controller_left_it() -> None:
    found = dataset_state(a_dataset())

    assert found == DatasetState(
        *("serving", "r1", "", "Bound"),
        is_ready=True,
        runtime="jindo",
        is_community=False,
        total_bytes=TOTAL,
        cached_bytes=2 * TOTAL,
        cached_share=1.0,
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, ("", True, None, None, None, None)),
        (
            {
                "ufsTotal": "[Calculating]",
                "cacheStates": {"cachedPercentage": "N/A", "cached": "N/A"},
            },
            ("", True, None, None, None, None),
        ),
        (
            {"runtimes": [{"type": "jindo"}, {"type": "thin"}], "ufsTotal": "0.00B"},
            ("", True, None, 0.0, None, None),
        ),
        (
            {"phase": "Bound", "conditions": [{"type": "Ready", "status": "False"}]},
            ("Bound", False, None, None, None, None),
        ),
    ],
)
def test_what_a_dataset_does_not_say_is_none(
    status: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    one = dataset_state({"metadata": {"name": "r1"}, "status": status})

    found = one.phase, one.is_ready, one.runtime, one.total_bytes, one.cached_bytes
    assert (*found, one.cached_share) == expected
    assert one.namespace == "default"


def test_a_dataset_with_a_metadata_address_is_of_the_community_edition() -> None:
    secret = {"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    for place, name in product(("mount", "shared"), ("metaurl", "token")):
        options = [{"name": name, **secret}]
        mount = {"mountPoint": "juicefs:///", "encryptOptions": options}
        spec = {"mounts": [mount]} if place == "mount" else {"sharedEncryptOptions": options}
        found = dataset_state({"metadata": {"name": "r1"}, "spec": spec})
        assert found.is_community == (name == "metaurl")


@pytest.mark.parametrize(
    ("name", "id_", "label"),
    [
        ("r1", "serving-r1", "fluid.io/s-serving-r1"),
        # 62 characters with the prefix are written out, 63 are not.
        ("r" * 43, f"serving-{'r' * 43}", f"fluid.io/s-serving-{'r' * 43}"),
        ("r" * 44, f"serving-{'r' * 44}", "fluid.io/s-some-uid"),
        ("r" * 55, "some-uid", "fluid.io/s-some-uid"),
    ],
)
def test_long_names_are_replaced_by_the_datasets_uid(name: str, id_: str, label: str) -> None:
    manifest = a_dataset(name)
    manifest["metadata"]["uid"] = "some-uid"

    found = dataset_state(manifest)

    assert (found.id, found.label) == (id_, label)
    assert len(label) < 63


@pytest.mark.parametrize(
    ("given", "load"),
    [
        (a_load(), Load("r1-warm", "Complete", 2, LOADED_AT)),
        (a_load(phase="Executing", conditions=[]), Load("r1-warm", "Executing", 2, None)),
        (a_load(phase="Failed"), Load("r1-warm", "Failed", 2, None)),
        (
            a_load(phase="Pending", conditions=[], lastSuccessfulTime=READY_AT.isoformat()),
            Load("r1-warm", "Pending", 2, READY_AT),
        ),
        (a_load(replicas=0), Load("r1-warm", "Complete", 1, LOADED_AT)),
    ],
)
def test_a_load_is_read_with_its_copies_and_its_end(given: dict[str, Any], load: Load) -> None:
    assert load_of(given) == (("serving", "r1"), load)


def test_a_load_of_everything_names_no_path_and_one_of_a_part_does_not_count() -> None:
    whole, part = a_load(), a_load()
    del whole["spec"]["target"], whole["status"]
    part["spec"]["target"] = [{"path": "/tokenizer"}]

    assert load_of(whole) == (("serving", "r1"), Load("r1-warm", "", 1, None))
    assert load_of(part) is None
    assert load_of({"metadata": {"name": "r1"}}) is None


def test_only_the_pods_of_workers_are_workers() -> None:
    assert dataset_of(a_worker_pod("w-0", "n1")) == "serving-r1"
    assert dataset_of(a_worker_pod("m-0", "n1", role="jindofs-master")) is None
    assert dataset_of({"metadata": {"name": "llm"}}) is None


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("61.00GiB", TOTAL),
        ("61GB", TOTAL),
        ("0.00B", 0.0),
        ("1KiB", 1024.0),
        ("[Calculating]", None),
        ("N/A", None),
        ("", None),
        ("GiB", None),
    ],
)
def test_sizes_are_read_as_fluid_writes_them(text: str, size: float | None) -> None:
    assert size_bytes(text) == size


def test_the_last_of_several_loads_counts() -> None:
    loads = [Load("one", "Complete", 1, LOADED_AT), Load("two", "Complete", 2, LATER)]
    for order in (loads, loads[::-1]):
        found = CacheState(a_state().dataset, order).last_load
        assert found is not None
        assert found.name == "two"
