"""Bad answers to each of Google Cloud's feeds: told by the right error, nothing stored."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from collector.errors import ImplausibleError, SourceChangedError, SourceError
from collector.profiles import WorkloadProfile
from collector.provider import Feed
from collector.providers.gcp import PROVIDER
from tests.support.gcp import (
    ANSWERS,
    PAYLOADS,
    Asked,
    answered,
    as_recorded,
    is_about_region,
    recorded,
)
from tests.support.loopback import BAD_ANSWERS, Answer, run, stored
from warehouse.records import RunOutcome
from warehouse.store import Warehouse

FEEDS = {feed.name: feed for feed in PROVIDER.feeds}
PROFILE = WorkloadProfile("batch", "gcp", ("n2-standard-4", "n2d-standard-4"), 50)

ASKED_LAST = {
    "gcp.machine_types": "/aggregated/machineTypes",
    "gcp.billing_skus": "/skus",
    "gcp.capacity_history": "/advice/capacityHistory",
    "gcp.capacity_advice": "/advice/capacity",
    "gcp.preemptions": "/operations",
    "gcp.audit_events": ":pull",
    "gcp.instances": "/aggregated/instances",
}
"""Which of a feed's requests is answered badly; those before it are answered well."""

SPOILED = [
    ("gcp.machine_types", '"guestCpus": 4', '"guestCpus": "4"', "guestCpus is '4', not a number"),
    ("gcp.machine_types", '"guestCpus": 4', '"guestCpus": 4.5', "not a whole number"),
    ("gcp.machine_types", '"memoryMb"', '"memory"', "us-central1-a n2-standard-4: missing"),
    ("gcp.machine_types", '"X86_64"', '"RISCV"', "architecture is 'RISCV'"),
    ("gcp.machine_types", "zones/us-central1-a", "zones/nowhere", "not the name of a zone"),
    ("gcp.machine_types", '"guestAcceleratorCount"', '"count"', "a2-highgpu-1g: missing"),
    ("gcp.machine_types", "#machineTypeAgg", "#other", "kind is 'compute#otherregatedList'"),
    ("gcp.machine_types", '"items"', '"rows"', "missing 'items'"),
    ("gcp.billing_skus", '"skus"', '"rows"', "the list of SKUs: missing 'skus'"),
    ("gcp.billing_skus", '"units": "2"', '"units": 2', "SKU AAAA-0009-H100: units is 2"),
    ("gcp.billing_skus", '"nanos": 253000000', '"nanos": "1"', "nanos is '1', not a number"),
    ("gcp.billing_skus", '"units": "2"', '"units": "two"', "invalid literal for int"),
    ("gcp.billing_skus", '"description"', '"text"', "SKU AAAA-0009-H100: missing"),
    ("gcp.billing_skus", '"usageType"', '"type"', "missing 'usageType'"),
    ("gcp.billing_skus", '"effectiveTime"', '"time"', "missing 'effectiveTime'"),
    ("gcp.billing_skus", "T08:00:00Z", "T08:00:00", "without a time zone"),
    ("gcp.billing_skus", '"nextPageToken": ""', '"nextPageToken": 7', "nextPageToken is 7"),
    ("gcp.capacity_history", '"preemptionRate"', '"rate"', "us-central1-a n2-standard-4: missing"),
    ("gcp.capacity_history", "0.041", '"4%"', "preemptionRate is '4%', not a number"),
    ("gcp.capacity_history", '"startTime"', '"from"', "missing 'startTime'"),
    ("gcp.capacity_history", "2026-11-18T08", "2026-11-19T08", "not after its start"),
    ("gcp.capacity_history", '"n2-standard-4"', '"n2-standard-8"', "the answer is about"),
    (
        "gcp.capacity_history",
        "zones/us-central1-a",
        "zones/us-central1-b",
        "about n2-standard-4 in",
    ),
    ("gcp.capacity_history", '"preemptionHistory": [', '"preemptionHistory": [1,', "not a list"),
    ("gcp.capacity_advice", '"obtainability"', '"score"', "missing 'obtainability'"),
    ("gcp.capacity_advice", "0.8", "8", "obtainability is 8.0, not from 0 to 1"),
    ("gcp.capacity_advice", "0.8", "NaN", "obtainability is nan, not from 0 to 1"),
    ("gcp.capacity_advice", '"3600s"', '"1h"', "estimatedUptime is '1h', not seconds"),
    ("gcp.capacity_advice", '"shards"', '"parts"', "missing 'shards'"),
    ("gcp.capacity_advice", "us-central1-a", "us-central1-b", "which was not asked for"),
    ("gcp.preemptions", '"insertTime"', '"time"', "missing 'insertTime'"),
    ("gcp.preemptions", '"targetLink"', '"link"', "missing 'targetLink'"),
    ("gcp.preemptions", "/instances/spot", "/disks/spot", "not the path of a machine"),
    ("gcp.preemptions", '"targetId": "4567890123456789012"', '"targetId": 45', "targetId is 45"),
    ("gcp.preemptions", "#operationList", "#list", "kind is 'compute#list'"),
    ("gcp.preemptions", '"operationType"', '"type"', "missing 'operationType'"),
    ("gcp.audit_events", '"receivedMessages"', '"messages"', "missing 'receivedMessages'"),
    ("gcp.audit_events", '"ackId"', '"ack"', "missing 'ackId'"),
    ("gcp.audit_events", '"messageId"', '"id"', "missing 'messageId'"),
    ("gcp.instances", '"TERMINATED"', '"FROZEN"', "status is 'FROZEN', which is not known"),
    ("gcp.instances", '"machineType"', '"type"', "spot-worker-1: missing 'machineType'"),
    ("gcp.instances", '"scheduling"', '"schedule"', "spot-worker-1: missing 'scheduling'"),
    ("gcp.instances", "2026-11-23T06:00:10.000-08:00", "six o'clock", "Invalid isoformat"),
    ("gcp.instances", "#instanceAgg", "#agg", "kind is 'compute#aggregatedList'"),
]
"""A feed, what is replaced in its recorded answer, by what, and words that the error has."""

IMPLAUSIBLE = [
    ("gcp.machine_types", '"memoryMb": 16384', '"memoryMb": -1', "memory_gib"),
    ("gcp.machine_types", '"guestCpus": 4,', '"guestCpus": 0,', "vcpu 0.0 is not above 0"),
    ("gcp.capacity_history", "0.041", "1.041", "is no share"),
    ("gcp.capacity_history", "0.041", "NaN", "is not a finite number"),
    ("gcp.preemptions", '"2026-11-23T09:42', '"2026-11-24T09:42', "is in the future"),
    ("gcp.instances", "2026-11-23T06:00:10", "2026-11-24T06:00:10", "is in the future"),
]


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    """One for all tests: none may leave a fact in it."""
    with Warehouse.in_memory() as opened:
        yield opened


def failed_run(warehouse: Warehouse, feed: Feed, bad: Any) -> tuple[str, type | None]:
    """Run the feed on one bad answer: the run's error, and the class that the feed raised."""

    def answer(asked: Asked) -> Any:
        is_last = asked.url.endswith(ASKED_LAST[feed.name]) and not is_about_region(asked)
        return bad if is_last else as_recorded(asked)

    raised = None
    with answered(answer, instance_types=("n2-standard-4",), profiles=(PROFILE,)) as (source, _):
        result = run(warehouse, feed, source).result
        try:
            list(feed.collect(source))
        except SourceError as error:
            raised = type(error)
    assert result.outcome is RunOutcome.FAILED
    assert stored(warehouse) == {}
    return result.error or "", raised


def spoiled(name: str, old: str, new: str) -> Answer:
    file = PAYLOADS / "gcp" / ANSWERS[ASKED_LAST[name]]
    text = file.read_text(encoding="utf-8")
    assert old in text
    return Answer(text.replace(old, new).encode())


@pytest.mark.parametrize("name", FEEDS)
@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_a_bad_answer_fails_the_run_by_the_right_error(
    warehouse: Warehouse, name: str, kind: str
) -> None:
    answer, expected = BAD_ANSWERS[kind]

    error, raised = failed_run(warehouse, FEEDS[name], answer)

    assert raised is not None
    assert issubclass(raised, expected)
    assert error.startswith(f"{name}: ")


@pytest.mark.parametrize(("name", "old", "new", "words"), SPOILED)
def test_a_changed_form_is_told_with_its_place(
    warehouse: Warehouse, name: str, old: str, new: str, words: str
) -> None:
    error, raised = failed_run(warehouse, FEEDS[name], spoiled(name, old, new))

    assert raised is SourceChangedError
    assert error.startswith(f"{name}: ")
    assert words in error


@pytest.mark.parametrize(("name", "old", "new", "words"), IMPLAUSIBLE)
def test_what_cannot_be_true_is_not_stored(
    warehouse: Warehouse, name: str, old: str, new: str, words: str
) -> None:
    error, raised = failed_run(warehouse, FEEDS[name], spoiled(name, old, new))

    assert raised in {None, ImplausibleError}
    assert error.startswith(f"{name}: ")
    assert words in error


PAGED: dict[str, Callable[[str], Any]] = {
    "gcp.machine_types": lambda token: {
        **recorded("compute.machineTypes.aggregatedList.json"),
        "nextPageToken": token,
    },
    "gcp.billing_skus": lambda token: {
        **recorded("billing.v1.skus.page2.json"),
        "nextPageToken": token,
    },
    "gcp.preemptions": lambda token: {
        **recorded("zoneOperations.list.preempted.json"),
        "nextPageToken": token,
    },
    "gcp.instances": lambda token: {
        **recorded("compute.instances.aggregatedList.json"),
        "nextPageToken": token,
    },
}


@pytest.mark.parametrize("name", PAGED)
def test_a_token_that_leads_back_is_reported(warehouse: Warehouse, name: str) -> None:
    error, raised = failed_run(warehouse, FEEDS[name], PAGED[name]("same"))

    assert raised is SourceChangedError
    assert "the page token repeats" in error


def test_the_answers_that_are_spoiled_are_good_before() -> None:
    assert set(ASKED_LAST) == set(FEEDS)
    given = {"profiles": (PROFILE,), "instance_types": ("n2-standard-4",)}
    # The second page of prices has none of a whole machine; test_billing_skus reads both.
    for name in set(FEEDS) - {"gcp.billing_skus"}:
        with answered(as_recorded, **given) as (source, _):
            assert list(FEEDS[name].collect(source))
