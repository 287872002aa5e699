"""Google's own description of its APIs, and Google's own client, against what we ask and read."""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import googleapiclient
import pytest
from googleapiclient.discovery import build
from googleapiclient.http import build_http

from collector.profiles import WorkloadProfile
from collector.providers.gcp import PROVIDER
from collector.providers.gcp.billing_skus import FEED as SKUS
from collector.providers.gcp.instances import ALIVE, BETWEEN, OVER
from collector.providers.gcp.machine_types import FEED as MACHINE_TYPES
from tests.support.gcp import (
    ANSWERS,
    PROJECT,
    Asked,
    answered,
    as_recorded,
    recorded,
    replay_url,
    replayed,
)
from warehouse.records import AvailableType, SpotPrice

DOCUMENTS = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"
PROFILE = WorkloadProfile("batch", "gcp", ("n2-standard-4",), 50)


def document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOCUMENTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


COMPUTE, BILLING, PUBSUB = (
    document("compute.v1"),
    document("cloudbilling.v1"),
    document("pubsub.v1"),
)

METHODS: dict[str, tuple[dict[str, Any], str]] = {
    "/aggregated/machineTypes": (COMPUTE, "machineTypes.aggregatedList"),
    "/skus": (BILLING, "services.skus.list"),
    "/advice/capacityHistory": (COMPUTE, "advice.capacityHistory"),
    "/advice/capacity": (COMPUTE, "advice.capacity"),
    "/zones": (COMPUTE, "zones.list"),
    "/operations": (COMPUTE, "zoneOperations.list"),
    "/aggregated/instances": (COMPUTE, "instances.aggregatedList"),
    "/instances": (COMPUTE, "instances.list"),
    ":pull": (PUBSUB, "projects.subscriptions.pull"),
    ":acknowledge": (PUBSUB, "projects.subscriptions.acknowledge"),
}


def method_of(end: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The API's description and its method."""
    api, path = METHODS[end]
    *resources, name = path.split(".")
    holder = api
    for resource in resources:
        holder = holder["resources"][resource]
    found: dict[str, Any] = holder["methods"][name]
    return api, found


def unknown_fields(
    value: Any, schema: dict[str, Any], api: dict[str, Any], at: str
) -> Iterator[str]:
    """What in ``value`` the schema does not have, by its path, and values that no enum has."""
    schema = api["schemas"][schema["$ref"]] if "$ref" in schema else schema
    if isinstance(value, list):
        for one in value:
            yield from unknown_fields(one, schema["items"], api, f"{at}[]")
    elif isinstance(value, dict) and "additionalProperties" in schema:
        for name, one in value.items():
            yield from unknown_fields(one, schema["additionalProperties"], api, f"{at}.{name}")
    elif isinstance(value, dict):
        for name, one in value.items():
            if name not in schema["properties"]:
                yield f"{at}.{name}"
            else:
                yield from unknown_fields(one, schema["properties"][name], api, f"{at}.{name}")
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value}"


@pytest.fixture(scope="module")
def asked() -> list[Asked]:
    """Every request of every feed, acknowledgements included."""
    found: list[Asked] = []
    for feed in PROVIDER.feeds:
        given = {"instance_types": ("n2-standard-4",), "profiles": (PROFILE,)}
        with answered(as_recorded, **given) as (source, server):
            list(feed.collect(source))
            for tell in source.progress.after_stored:
                tell()
            found += server.asked
    return found


def end_of(asked: Asked) -> str:
    return next(end for end in METHODS if asked.url.endswith(end))


def test_every_path_and_parameter_that_we_ask_for_is_described(asked: list[Asked]) -> None:
    assert {end_of(one) for one in asked} == set(METHODS)
    for one in asked:
        api, method = method_of(end_of(one))
        names = {"project": PROJECT, "zone": "us-central1-a", "region": "us-central1"}
        path = method.get("flatPath", method["path"]).format(
            **names, projectsId=PROJECT, subscriptionsId="spot-events", servicesId="6F81-5844-456A"
        )
        assert (one.method, f"https://{one.url}") == (
            method["httpMethod"],
            f"{api['rootUrl']}{api['servicePath']}{path}",
        )
        assert set(one.query) <= set(method["parameters"])


def test_every_field_that_we_send_is_described(asked: list[Asked]) -> None:
    bodies = [one for one in asked if one.method == "POST"]

    assert bodies
    for one in bodies:
        api, method = method_of(end_of(one))
        assert list(unknown_fields(one.body, method["request"], api, "")) == []


@pytest.mark.parametrize("end", METHODS)
def test_every_field_of_the_recorded_answers_is_described(end: str) -> None:
    api, method = method_of(end)

    assert list(unknown_fields(recorded(ANSWERS[end]), method["response"], api, "")) == []


def test_the_states_of_a_machine_are_those_that_are_described() -> None:
    states = COMPUTE["schemas"]["Instance"]["properties"]["status"]["enum"]

    assert set(states) == ALIVE | BETWEEN | OVER


def test_the_description_would_notice_a_field_that_is_not_there() -> None:
    api, method = method_of("/advice/capacity")

    wrong = {"recommendations": [{"scores": {"luck": 1}, "shards": [{"provisioningModel": "X"}]}]}

    assert list(unknown_fields(wrong, method["response"], api, "")) == [
        ".recommendations[].scores.luck",
        ".recommendations[].shards[].provisioningModel: X",
    ]


class Redirected:
    """The HTTP of Google's client, sent to the replay server as ours is."""

    def __init__(self, server: str) -> None:
        self._http: Any = build_http()
        self._server = server

    def request(self, uri: str, *given: Any, **named: Any) -> Any:
        """The answer of the server instead of the host."""
        return self._http.request(uri.replace("https:/", self._server, 1), *given, **named)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()


@contextmanager
def official(api: str) -> Generator[Any]:
    """Google's own client of an API, whose Google is the folder of recorded answers."""
    with replay_url() as url:
        client = build(api, "v1", http=Redirected(url), static_discovery=True)
        try:
            yield client
        finally:
            client.close()


def pages_of(first: Any, follow: Callable[..., Any]) -> list[dict[str, Any]]:
    """All pages, linked by Google's own client."""
    pages, request = [], first
    while request is not None:
        pages.append(request.execute())
        request = follow(request, pages[-1])
    return pages


def test_the_official_client_reads_the_same_machine_types() -> None:
    with official("compute") as client:
        types = client.machineTypes()
        pages = pages_of(
            types.aggregatedList(project=PROJECT, maxResults=500), types.aggregatedList_next
        )
    facts = [
        (scope.removeprefix("zones/"), row["name"])
        for page in pages
        for scope, found in page["items"].items()
        for row in found.get("machineTypes", [])
    ]

    with replayed() as source:
        ours = [one.pool for one in MACHINE_TYPES.collect(source) if isinstance(one, AvailableType)]
    assert facts == [(pool.zone, pool.instance_type) for pool in ours]


def test_the_official_client_reads_the_same_prices() -> None:
    with official("cloudbilling") as client:
        skus = client.services().skus()
        pages = pages_of(skus.list(parent="services/6F81-5844-456A", pageSize=5000), skus.list_next)
    nanos = {
        row["description"]: row["pricingInfo"][-1]["pricingExpression"]["tieredRates"][0][
            "unitPrice"
        ]
        for page in pages
        for row in page["skus"]
    }
    core = nanos["Spot Preemptible N2 Instance Core running in Americas"]["nanos"]
    ram = nanos["Spot Preemptible N2 Instance Ram running in Americas"]["nanos"]

    with replayed() as source:
        (ours,) = [
            one.price_per_hour
            for one in SKUS.collect(source)
            if isinstance(one, SpotPrice) and one.pool.instance_type == "n2-standard-4"
        ]
    assert len(pages) == 2
    assert ours == pytest.approx((4 * core + 16 * ram) / 1e9)
