"""What a cluster's objects tell of starts, and what of it is no start."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.kubernetes_api import Answer, Ask, KubeApi
from advisor.kubernetes_starts import read_starts
from advisor.lead_time import ImagePull, Part
from advisor.lead_time_observed import Observed, go_seconds
from tests.support import guarded_objects as of
from tests.support.start_objects import BEGAN, IMAGE, a_claim, a_pull, a_server, at, pulled
from warehouse.records import StartDuration


def look(
    *,
    claim: dict[str, Any] | None = None,
    pods: tuple[dict[str, Any], ...] = (),
    events: tuple[dict[str, Any], ...] = (),
    image_pull: ImagePull = ImagePull.EAGER,
) -> Observed:
    lists = {
        "nodes": [of.a_node("n1")],
        "nodeclaims": [claim] if claim else [],
        "pods": list(pods),
        "events": list(events),
    }
    return read_starts(KubeApi(answering(lists, [])), image_pull)


def answering(lists: Mapping[str, list[Any]], asked: list[tuple[str, Mapping[str, str]]]) -> Ask:
    """A server of these lists, which notes what it was asked for."""

    def ask(method: str, version: str, path: str, **given: Any) -> Answer:
        del method, version
        asked.append((path, given["params"]))
        return Answer(200, {"items": lists[path], "metadata": {}})

    return ask


def of_part(seen: Observed, part: Part) -> list[StartDuration]:
    return [one for one in seen.durations if one.part == part]


def test_a_boot_runs_from_launched_to_initialized() -> None:
    (boot,) = look(claim=a_claim(Launched=5, Registered=44, Initialized=93)).durations

    assert (boot.part, boot.seconds, boot.subject) == ("boot", 88, "claim-n1")
    assert (boot.provider, boot.zone, boot.instance_type) == ("aws", "use1-az4", "g5.xlarge")
    assert boot.observed_at == BEGAN + timedelta(seconds=93)


def test_a_launch_that_was_refused_first_counts_from_when_it_was_not() -> None:
    claim = a_claim(Launched=600, Registered=640, Initialized=690)
    claim["metadata"]["creationTimestamp"] = at(0)

    assert [one.seconds for one in look(claim=claim).durations] == [90]


def test_a_boot_that_waited_for_our_own_taint_is_left_out() -> None:
    claim = a_claim(Launched=0, Registered=40, Initialized=500)
    claim["spec"]["startupTaints"] = [{"key": "spotcast.io/warming", "effect": "NoSchedule"}]

    seen = look(claim=claim)

    assert seen.durations == []
    assert sum(seen.left_out.values()) == 1


def test_a_machine_that_is_not_initialized_yet_tells_nothing() -> None:
    claim = a_claim(Launched=0, Registered=40)
    claim["status"]["conditions"].append(of.condition("Initialized", "Unknown"))

    assert look(claim=claim).durations == []


def test_a_pull_counts_without_the_wait_for_other_pulls() -> None:
    event = a_pull(pulled("2m10.813s", waiting="9m2.1s"))

    (pull,) = look(events=(event,)).durations

    assert (pull.part, pull.image, pull.way) == ("image", IMAGE, "eager")
    assert pull.seconds == pytest.approx(130.813)
    assert pull.size_gb == pytest.approx(9.354342327)


@pytest.mark.parametrize(
    "event",
    [
        a_pull(pulled("2s", size=40_000_000)),
        a_pull(f'Successfully pulled image "{IMAGE}" in 2m10s'),
        a_pull(f'Container image "{IMAGE}" already present on machine'),
        a_pull(pulled("soon")),
        a_pull(pulled("2m10s"), source={"component": "kubelet", "host": "elsewhere"}),
    ],
    ids=["small", "of unknown size", "already there", "no duration", "of an unknown node"],
)
def test_a_pull_that_tells_of_no_rate_is_left_out(event: dict[str, Any]) -> None:
    assert look(events=(event,)).durations == []


def test_weights_and_engine_come_from_the_pods_own_times() -> None:
    weights, engine = look(pods=(a_server(),)).durations

    assert (weights.part, weights.seconds, weights.way) == ("weights", 215, "storage-initializer")
    assert (engine.part, engine.seconds, engine.way) == ("engine", 70, None)
    assert {weights.model, engine.model} == {"hf://a/model"}


def test_a_probe_that_passes_before_the_model_is_there_tells_nothing() -> None:
    for probe in ({"tcpSocket": {"port": 8080}}, {"httpGet": {"path": "/v2/health/ready"}}, {}):
        pod = a_server()
        pod["spec"]["containers"][0]["readinessProbe"] = probe

        assert of_part(look(pods=(pod,)), Part.ENGINE) == []


def test_what_was_begun_more_than_once_is_left_out() -> None:
    pod = a_server()
    pod["status"]["containerStatuses"][0]["restartCount"] = 1
    pod["status"]["initContainerStatuses"][0]["restartCount"] = 2

    seen = look(pods=(pod,))

    assert seen.durations == []
    assert sum(seen.left_out.values()) == 2


def test_a_download_that_failed_or_runs_tells_nothing() -> None:
    for state in (
        {"terminated": {"exitCode": 1, "startedAt": at(0), "finishedAt": at(5)}},
        {"running": {"startedAt": at(0)}},
    ):
        pod = a_server()
        pod["status"]["initContainerStatuses"][0]["state"] = state

        assert of_part(look(pods=(pod,)), Part.WEIGHTS) == []


def test_an_engine_that_compiles_nothing_is_told_apart() -> None:
    pod = a_server()
    pod["spec"]["containers"][0]["args"].append("--enforce-eager")

    (engine,) = of_part(look(pods=(pod,)), Part.ENGINE)

    assert engine.way == "enforce-eager"


@pytest.mark.parametrize(
    ("labels", "arguments", "way", "model"),
    [
        ({}, ["--model", "a/model"], "direct", "a/model"),
        ({"fluid.io/dataset.m.sched": "required"}, ["--model=a/model"], "fluid", "a/model"),
        ({}, ["--model_id=a/model", "--load-format=runai_streamer"], "streamer", "a/model"),
        (
            {"serving.kserve.io/inferenceservice": "chat"},
            ["--model_dir=/mnt/models"],
            "direct",
            "default/chat",
        ),
    ],
)
def test_a_server_that_reads_its_weights_itself_tells_of_both_as_one(
    labels: dict[str, str], arguments: list[str], way: str, model: str
) -> None:
    pod = a_server()
    pod["metadata"]["annotations"], pod["metadata"]["labels"] = {}, labels
    pod["spec"]["containers"][0]["args"] = arguments
    del pod["status"]["initContainerStatuses"]

    (loading,) = look(pods=(pod,)).durations

    assert (loading.part, loading.seconds) == ("weights+engine", 70)
    assert (loading.way, loading.model) == (way, model)


def test_a_server_that_reads_its_weights_and_compiles_nothing_is_told_apart_from_neither() -> None:
    pod = a_server()
    pod["spec"]["containers"][0]["args"] = ["--model=a/model", "--enforce-eager"]
    del pod["status"]["initContainerStatuses"]

    seen = look(pods=(pod,))

    assert seen.durations == []
    assert sum(seen.left_out.values()) == 1


def test_a_pod_that_serves_no_model_tells_nothing() -> None:
    assert look(pods=(of.a_pod("web", "n1"),)).durations == []


def test_a_machine_of_which_only_the_cloud_is_known_tells_as_much() -> None:
    labels = {"kubernetes.azure.com/cluster": "c", "node.kubernetes.io/instance-type": "NC24"}
    node = of.a_node("n1", labels=labels)
    node["spec"]["providerID"] = "azure:///subscriptions/s/vm"
    lists: dict[str, list[Any]] = {"nodes": [node], "pods": [a_server()], "nodeclaims": []}

    seen = read_starts(KubeApi(answering({**lists, "events": []}, [])), ImagePull.EAGER)

    assert {(one.provider, one.zone, one.instance_type) for one in seen.durations} == {
        ("azure", None, "NC24")
    }


def test_a_machine_of_no_known_cloud_tells_nothing() -> None:
    node = of.a_node("n1", labels={})
    node["spec"]["providerID"] = "metal://n1"
    lists: dict[str, list[Any]] = {"nodes": [node], "pods": [a_server()], "nodeclaims": []}

    seen = read_starts(KubeApi(answering({**lists, "events": []}, [])), ImagePull.EAGER)

    assert seen.durations == []


def test_clocks_that_disagree_give_no_duration() -> None:
    seen = look(claim=a_claim(Launched=50, Registered=40, Initialized=45))

    assert seen.durations == []
    assert seen.left_out == {"parts that ended before they began": 1}


@given(st.integers(0, 10), st.integers(0, 59), st.floats(0, 59.9))
def test_gos_durations_are_read_as_they_are_written(hours: int, minutes: int, rest: float) -> None:
    text = (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "")

    found = go_seconds(f"{text}{rest:.3f}s")

    assert found == pytest.approx(3600 * hours + 60 * minutes + rest, abs=1e-3)


@pytest.mark.parametrize("text", ["", "soon", "5", "-3s", "1 h"])
def test_other_words_are_no_duration(text: str) -> None:
    assert go_seconds(text) is None


def test_a_look_reads_four_lists_and_each_once() -> None:
    lists = {
        "nodes": [of.a_node("n1")],
        "nodeclaims": [a_claim(Launched=0, Registered=40, Initialized=90)],
        "pods": [a_server()],
        "events": [a_pull(pulled("39.553s"))],
    }
    asked: list[tuple[str, Mapping[str, str]]] = []

    seen = read_starts(KubeApi(answering(lists, asked)), ImagePull.SOCI)

    assert [one.part for one in seen.durations] == ["boot", "weights", "engine", "image"]
    assert [one.way for one in of_part(seen, Part.IMAGE)] == ["soci"]
    whole = [path for path, given in asked if given.get("limit") != "1"]
    assert sorted(whole) == sorted(lists)
