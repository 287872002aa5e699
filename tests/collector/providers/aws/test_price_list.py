"""AWS' bulk price list, read as it streams in."""

import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from collector.errors import (
    NotOfferedError,
    SourceChangedError,
    SourceError,
    SourceUnavailableError,
)
from collector.providers.aws import price_list
from collector.providers.aws.price_list import FEED, NAME
from tests.support.loopback import (
    BAD_ANSWERS,
    NOW,
    Answer,
    Loopback,
    Request,
    loopback,
    run,
    source_at,
    stored,
)
from tests.support.public_feeds import PAYLOADS, replayed_page
from warehouse.records import OnDemandPrice, Record, RunOutcome
from warehouse.store import Warehouse

INDEX = (PAYLOADS / "aws" / "pricing.bulk.region_index.json").read_bytes()
OFFER = (PAYLOADS / "aws" / "pricing.bulk.offer.json").read_bytes()
REGION = "us-east-1"
STARTED = datetime(2026, 11, 1, tzinfo=UTC)
MEGABYTE = 2**20


def price(instance_type: str, amount: float, currency: str = "USD") -> OnDemandPrice:
    return OnDemandPrice("aws", REGION, instance_type, STARTED, amount, currency, NAME, NOW)


def product(instance_type: str = "g5.xlarge", **changed: Any) -> dict[str, Any]:
    """A product as the list has it; ``changed`` are its attributes, None for one left out."""
    given = {**price_list.PLAIN_LINUX, "instanceType": instance_type, "regionCode": REGION}
    attributes = {name: value for name, value in {**given, **changed}.items() if value is not None}
    return {"productFamily": "Compute Instance", "attributes": attributes}


def term(usd: str = "1.006", unit: str = "Hrs", **changed: Any) -> dict[str, Any]:
    dimension = {"unit": unit, "pricePerUnit": {"USD": usd}}
    given = {"effectiveDate": "2026-11-01T00:00:00Z", "priceDimensions": {"T.D": dimension}}
    return {"T": {**given, **changed}}


def offer(products: dict[str, Any], terms: dict[str, Any]) -> bytes:
    return json.dumps({"products": products, "terms": {"OnDemand": terms}}).encode()


def parsed(body: bytes, size: int = 1000) -> list[OnDemandPrice]:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return list(price_list.parse(pieces, region=REGION, observed_at=NOW))


def served(
    answer: Answer, *, index: bytes = INDEX, region: str = REGION
) -> tuple[list[Record], Loopback]:
    """What the feed yields from an index and the answer for the region's file."""

    def script(request: Request) -> Answer:
        return Answer(index) if request.url.endswith("region_index.json") else answer

    with loopback(script) as server, source_at(server.url, region) as source:
        return list(FEED.collect(source)), server


def test_the_recorded_list_becomes_a_price_in_force_since_its_own_date() -> None:
    with replayed_page(FEED, REGION) as source:
        prices = list(FEED.collect(source))

    assert prices == [price("m7g.xlarge", 0.1632)]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed_page(FEED, REGION) as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 1, 1),
        (RunOutcome.UNCHANGED, None, 0),
    ]


def test_the_index_leads_to_the_regions_file() -> None:
    _, server = served(Answer(OFFER))

    host = "pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonEC2"
    assert [one.url for one in server.requests] == [
        f"{host}/current/region_index.json",
        f"{host}/20261120184821/us-east-1/index.json",
    ]


def test_china_has_a_list_of_its_own_in_yuan() -> None:
    path = "/offers/v1.0/cn/AmazonEC2/1/cn-north-1/index.json"
    index = json.dumps({"regions": {"cn-north-1": {"currentVersionUrl": path}}}).encode()
    dimensions = {"D": {"unit": "Hrs", "pricePerUnit": {"CNY": "9.5"}}}
    body = offer({"S": product(regionCode="cn-north-1")}, {"S": term(priceDimensions=dimensions)})

    (found,), server = served(Answer(body), index=index, region="cn-north-1")

    assert isinstance(found, OnDemandPrice)
    assert (found.region, found.price_per_hour, found.currency) == ("cn-north-1", 9.5, "CNY")
    host = "pricing.cn-north-1.amazonaws.com.cn/offers/v1.0/cn/AmazonEC2"
    assert [one.url for one in server.requests] == [
        f"{host}/current/region_index.json",
        f"{host}/1/cn-north-1/index.json",
    ]


def test_a_region_without_a_list_is_not_offered() -> None:
    with pytest.raises(NotOfferedError, match="has no region mars-east-1"):
        served(Answer(OFFER), region="mars-east-1")


def test_only_plain_linux_machines_are_kept() -> None:
    look_alikes = [
        product(operatingSystem="Windows"),
        product(preInstalledSw="SQL Std"),
        product(tenancy="Dedicated"),
        product(capacitystatus="UnusedCapacityReservation"),
        product(licenseModel="Bring your own license"),
        product(licenseModel=None),
        product(marketoption="CapacityBlock"),
        product(regionCode="us-east-1-atl-1"),
        {"productFamily": "Storage", "attributes": {}},
        {"sku": "no family"},
    ]
    others = {f"O{number}": one for number, one in enumerate(look_alikes)}
    kept = {"A": product(), "B": product("p5.48xlarge", marketoption="OnDemand")}

    prices = parsed(offer(others | kept, {sku: term() for sku in others | kept}))

    assert prices == [price("g5.xlarge", 1.006), price("p5.48xlarge", 1.006)]


def test_a_price_of_0_or_of_another_unit_is_left_out() -> None:
    products = {sku: product(f"g{sku}.xlarge") for sku in ("4", "5", "6")}
    terms = {"4": term("0.0000000000"), "5": term(unit="Quantity"), "6": term()}

    assert parsed(offer(products, terms)) == [price("g6.xlarge", 1.006)]


def test_reserved_terms_are_not_read() -> None:
    body = offer({"A": product()}, {"A": term()}).removesuffix(b"}}") + b', "Reserved": {"A": '

    assert parsed(body) == [price("g5.xlarge", 1.006)]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_it_does_not_matter_where_pieces_end(size: int) -> None:
    assert parsed(OFFER, size) == [price("m7g.xlarge", 0.1632)]


def large_offer(count: int) -> Iterator[bytes]:
    """A list of ``count`` products of 8 kB, each priced, that nobody holds whole."""
    padded = product(operatingSystem="Windows", description="x" * 8000)
    yield b'{"products": {"A": ' + json.dumps(product()).encode()
    for number in range(count):
        yield f', "W{number}": {json.dumps(padded)}'.encode()
    yield b'}, "terms": {"OnDemand": {"A": ' + json.dumps(term()).encode()
    for number in range(count):
        yield f', "W{number}": {json.dumps(term())}'.encode()
    yield b'}, "Reserved": {}}}'


def test_a_list_of_30_megabytes_is_read_in_less_than_one() -> None:
    read = 0

    def counted() -> Iterator[bytes]:
        nonlocal read
        for piece in large_offer(4_000):
            read += len(piece)
            yield piece

    tracemalloc.start()
    try:
        prices = list(price_list.parse(counted(), region=REGION, observed_at=NOW))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert prices == [price("g5.xlarge", 1.006)]
    assert read > 30 * MEGABYTE
    assert peak < MEGABYTE


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (OFFER[:900], "us-east-1: cut short or not JSON"),
        (OFFER[:-1000], "us-east-1: cut short or not JSON"),
        (offer({}, {}), "us-east-1: no product is a plain Linux machine"),
        (OFFER.replace(b"operatingSystem", b"os"), "no product is a plain Linux machine"),
        (offer({"A": product(instanceType=None)}, {}), "product A: missing 'instanceType'"),
        (offer({"A": "B"}, {}), "product A: A is 'B', not an object"),
        (offer({"A": product()}, {"A": {"T": {}}}), "us-east-1 g5.xlarge: missing 'priceDim"),
        (offer({"A": product()}, {"A": term("free")}), "g5.xlarge: could not convert"),
        (offer({"A": product()}, {"A": term(effectiveDate="soon")}), "Invalid isoformat"),
        (OFFER.replace(b"USD", b"EUR"), "m7g.xlarge: pricePerUnit has neither USD nor CNY"),
    ],
)
def test_a_changed_form_is_told_with_its_place(body: bytes, words: str) -> None:
    with pytest.raises(SourceChangedError) as raised:
        parsed(body)

    assert str(raised.value).startswith("aws.price_list: ")
    assert words in str(raised.value)


@pytest.mark.parametrize("part", ["index", "offer"])
@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_a_bad_answer_fails_by_the_right_error(kind: str, part: str) -> None:
    answer, expected = BAD_ANSWERS[kind]

    def script(request: Request) -> Answer:
        is_index = request.url.endswith("region_index.json")
        return Answer(INDEX) if is_index and part == "offer" else answer

    with (
        loopback(script) as server,
        source_at(server.url, REGION) as source,
        pytest.raises(SourceError, match=r"^aws\.price_list: ") as raised,
    ):
        list(FEED.collect(source))

    assert isinstance(raised.value, expected)


def test_a_stream_that_breaks_off_stores_nothing() -> None:
    whole = offer(
        {"A": product(), "B": product("g6.xlarge")}, {"A": term(), "B": term(), "C": term()}
    )
    cut = Answer(whole[:-60], declared_size=len(whole))

    def script(request: Request) -> Answer:
        return Answer(INDEX) if request.url.endswith("region_index.json") else cut

    with (
        loopback(script) as server,
        source_at(server.url, REGION) as source,
        Warehouse.in_memory() as warehouse,
    ):
        result = run(warehouse, FEED, source).result
        left = stored(warehouse)

    assert (result.outcome, left) == (RunOutcome.FAILED, {})
    assert (result.error or "").startswith("aws.price_list: no connection")
    with pytest.raises(SourceUnavailableError):
        served(cut)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (term("-1"), "on_demand_price aws/us-east-1/g5.xlarge"),
        (term("NaN"), "is not a finite number"),
        (term(effectiveDate="2027-01-01T00:00:00Z"), "is in the future"),
    ],
)
def test_a_price_that_cannot_be_true_is_not_stored(given: dict[str, Any], words: str) -> None:
    body = offer({"A": product()}, {"A": given})

    def script(request: Request) -> Answer:
        return Answer(INDEX if request.url.endswith("region_index.json") else body)

    with (
        loopback(script) as server,
        source_at(server.url, REGION) as source,
        Warehouse.in_memory() as warehouse,
    ):
        result = run(warehouse, FEED, source).result
        left = stored(warehouse)

    assert (result.outcome, left) == (RunOutcome.FAILED, {})
    assert words in (result.error or "")
