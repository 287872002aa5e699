"""Google Cloud's list prices: parts put together, and never in part."""

from datetime import UTC, datetime
from typing import Any

import pytest

from collector.providers.gcp import machine_types
from collector.providers.gcp.billing_skus import FEED, NAME, SKUS, parse
from tests.support.gcp import (
    KEY,
    TOKEN,
    answered,
    connection,
    gcp_at,
    machine_type,
    recorded,
    replay_url,
    replayed,
    script,
)
from tests.support.gcp import machine_types as page_of
from tests.support.loopback import NOW, run
from warehouse.records import OnDemandPrice, Pool, RunOutcome, Semantics, SpotPrice
from warehouse.store import Warehouse

MIDNIGHT = datetime(2026, 11, 23, 8, tzinfo=UTC)


def spot(name: str, price: float, region: str = "us-central1") -> SpotPrice:
    pool = Pool("gcp", region, "*", name)
    return SpotPrice(pool, MIDNIGHT, price, "USD", Semantics.INTERVAL, NAME, NOW)


def sku(description: str, nanos: int = 10_000_000, **changed: Any) -> dict[str, Any]:
    """A SKU; ``unit``, ``market``, ``regions`` and ``rates`` stand for their places in it."""
    unit = "GiBy.h" if " Ram " in description else "h"
    money = {"currencyCode": "USD", "units": "0", "nanos": nanos}
    rates = changed.get("rates", [{"startUsageAmount": 0, "unitPrice": money}])
    expression = {"usageUnit": changed.get("unit", unit), "tieredRates": rates}
    pricing = {"effectiveTime": "2026-11-23T08:00:00Z", "pricingExpression": expression}
    return {
        "skuId": "1",
        "description": description,
        "category": {"usageType": changed.get("market", "Preemptible")},
        "serviceRegions": changed.get("regions", ["us-central1"]),
        "pricingInfo": changed.get("pricing", [pricing]),
    }


def core(family: str, nanos: int = 10_000_000, **changed: Any) -> dict[str, Any]:
    return sku(f"Spot Preemptible {family} Instance Core running in Iowa", nanos, **changed)


def ram(family: str, nanos: int = 1_000_000, **changed: Any) -> dict[str, Any]:
    return sku(f"Spot Preemptible {family} Instance Ram running in Iowa", nanos, **changed)


def priced(*skus: dict[str, Any], **machine: Any) -> float | None:
    """The spot price of one machine by the SKUs; None if it has none."""
    row = machine_type(**machine)
    sold = list(machine_types.shapes(page_of(row)))
    found = list(parse([{"skus": [*skus]}], sold, observed_at=NOW))
    assert len(found) <= 1
    return found[0].price_per_hour if found else None


def test_the_recorded_list_becomes_prices_of_whole_machines_only() -> None:
    with replayed() as source:
        records = list(FEED.collect(source))

    # a3-highgpu-8g has the price of its GPUs and disks, but none of its cores: no price.
    # a2-highgpu-1g is not listed on demand.
    assert records == [
        spot("a2-highgpu-1g", 12 * 0.00948 + 85 * 0.001271 + 0.8802),
        spot("n2-standard-4", 4 * 0.00765 + 16 * 0.00103),
        OnDemandPrice("gcp", "us-central1", "n2-standard-4", MIDNIGHT, 0.194236, "USD", NAME, NOW),
    ]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 3, 3),
        (RunOutcome.OK, 3, 0),
    ]


@pytest.mark.parametrize(
    ("machine", "family"),
    [
        ("e2-standard-4", "E2"),
        ("n1-standard-4", "N1 Predefined"),
        ("n2d-standard-4", "N2D AMD"),
        ("n4-standard-4", "N4"),
        ("t2d-standard-4", "T2D AMD"),
        ("t2a-standard-4", "T2A Arm"),
        ("c2d-standard-4", "C2D AMD"),
        ("c3d-standard-4", "C3D"),
        ("c4a-standard-4", "C4A Arm"),
        ("m1-ultramem-40", "Memory-optimized"),
        ("h3-standard-88", "H3"),
    ],
)
def test_a_family_is_found_by_its_name_in_the_list(machine: str, family: str) -> None:
    assert priced(core(family), ram(family), name=machine) == pytest.approx(0.056)


def test_c2_is_called_compute_optimized_without_the_word_instance() -> None:
    parts = [
        sku("Spot Preemptible Compute optimized Core running in Americas", 10_000_000),
        sku("Spot Preemptible Compute optimized Ram running in Americas", 1_000_000),
    ]

    assert priced(*parts, name="c2-standard-4") == pytest.approx(0.056)


@pytest.mark.parametrize(
    "name",
    [
        "f1-micro",
        "m2-ultramem-208",
        "n1-megamem-96",
        "a3-megagpu-8g",
        "x4-megamem-960",
        "ct5lp-hightpu-1t",
        "c4-standard-4-lssd",
        "z3-highmem-88",
    ],
)
def test_a_type_whose_parts_are_not_known_for_sure_has_no_price(name: str) -> None:
    families = ["C4", "Z3", "A3", "N1 Predefined", "Memory-optimized", "X4", "M2"]
    parts = [part(family) for family in families for part in (core, ram)]
    disks = {"partitionCount": 1} if name.startswith(("c4", "z3")) else None

    assert priced(*parts, name=name, bundledLocalSsds=disks) is None


@pytest.mark.parametrize(
    ("name", "share"), [("e2-micro", 0.25), ("e2-small", 0.5), ("e2-medium", 1)]
)
def test_a_shared_core_is_billed_by_its_share(name: str, share: float) -> None:
    price = priced(core("E2"), ram("E2"), name=name, guestCpus=2, memoryMb=1024)

    assert price == pytest.approx(share * 0.01 + 0.001)


@pytest.mark.parametrize(
    "description",
    [
        "Commitment v1: N2 Cpu in Americas for 1 Year",
        "Spot Preemptible N2 Sole Tenancy Instance Core running in Iowa",
        "Spot Preemptible N2 Custom Instance Core running in Iowa",
        "Spot Preemptible N2 Custom Extended Instance Ram running in Iowa",
        "Spot Preemptible DWS Defined Duration N2 Instance Core running in Iowa",
        "Spot Preemptible Calendar Mode N2 Instance Core running in Iowa",
        "Reserved N2 Instance Core in Iowa",
        "Spot Preemptible N2 Instance Core",
        # By its description it is on demand.
        "N2 Instance Core running in Iowa",
    ],
)
def test_what_looks_like_a_part_and_is_none_is_left_out(description: str) -> None:
    fine = [core("N2"), ram("N2")]

    assert priced(*fine, sku(description, 999_000_000)) == pytest.approx(0.056)
    assert priced(sku(description), ram("N2")) is None


def test_a_commitment_of_the_same_words_is_left_out() -> None:
    assert priced(core("N2", market="Commit1Yr"), ram("N2")) is None


def gpu(model: str, nanos: int = 500_000_000) -> dict[str, Any]:
    return sku(f"{model} GPU attached to Spot Preemptible VMs running in Iowa", nanos)


@pytest.mark.parametrize(
    ("accelerator", "model", "price"),
    [
        ("nvidia-l4", "Nvidia L4", 1.056),
        ("nvidia-tesla-a100", "Nvidia Tesla A100", 1.056),
        ("nvidia-a100-80gb", "Nvidia Tesla A100 80GB", 1.056),
        ("nvidia-h100-mega-80gb", "Nvidia H100 80GB Mega", 1.056),
        ("nvidia-a100-80gb", "Nvidia Tesla A100", None),
        ("nvidia-tesla-a100", "Nvidia Tesla A100 80GB", None),
        ("nvidia-l4", "Reserved Nvidia L4", None),
    ],
)
def test_a_gpu_is_priced_by_its_very_model_or_not_at_all(
    accelerator: str, model: str, price: float | None
) -> None:
    rows = [{"guestAcceleratorType": accelerator, "guestAcceleratorCount": 2}]

    found = priced(core("G2"), ram("G2"), gpu(model), name="g2-standard-24", accelerators=rows)

    assert found == pytest.approx(price)


def test_built_in_disks_are_priced_by_the_month() -> None:
    disk = sku(
        "SSD backed Local Storage attached to Spot Preemptible VMs in Iowa",
        73_000_000,
        unit="GiBy.mo",
    )
    machine = {"name": "c3-standard-4-lssd", "bundledLocalSsds": {"partitionCount": 2}}

    assert priced(core("C3"), ram("C3"), disk, **machine) == pytest.approx(0.056 + 750 * 0.0001)
    assert priced(core("C3"), ram("C3"), **machine) is None


def money(nanos: int, units: str = "0") -> dict[str, Any]:
    return {"currencyCode": "USD", "units": units, "nanos": nanos}


def test_a_free_first_tier_is_not_the_price() -> None:
    rates = [
        {"startUsageAmount": 0, "unitPrice": money(0)},
        {"startUsageAmount": 10, "unitPrice": money(20_000_000)},
    ]

    assert priced(core("N2", rates=rates), ram("N2")) == pytest.approx(0.096)


@pytest.mark.parametrize(
    "changed",
    [
        {"rates": [{"startUsageAmount": 0, "unitPrice": money(0)}]},
        {"rates": []},
        {"pricing": []},
        {"unit": "mo"},
        {"regions": ["europe-west4"]},
        {"regions": []},
    ],
)
def test_a_part_without_a_price_leaves_the_machine_without_one(changed: dict[str, Any]) -> None:
    assert priced(core("N2", **changed), ram("N2")) is None


def test_the_last_entry_of_the_timeline_counts() -> None:
    old, new = core("N2", 90_000_000)["pricingInfo"], core("N2")["pricingInfo"]

    assert priced(core("N2", pricing=[*old, *new]), ram("N2")) == pytest.approx(0.056)


def test_two_skus_that_disagree_on_a_part_leave_it_without_a_price() -> None:
    assert priced(core("N2"), core("N2"), ram("N2")) == pytest.approx(0.056)
    assert priced(core("N2"), core("N2", 11_000_000), ram("N2")) is None


def test_parts_in_two_currencies_are_not_added() -> None:
    yen = {"startUsageAmount": 0, "unitPrice": {**money(0, "2"), "currencyCode": "JPY"}}

    assert priced(core("N2", rates=[yen]), ram("N2")) is None


def test_a_sum_is_exact_until_it_is_stored() -> None:
    parts = [core("N2", 100_000_000), ram("N2", 12_500_000)]

    assert priced(*parts, guestCpus=1, memoryMb=16384) == 0.3


def asked(**given: Any) -> tuple[list[Any], list[dict[str, str]]]:
    """The headers and the query of each request for SKUs."""
    answers = {
        "/aggregated/machineTypes": recorded("compute.machineTypes.aggregatedList.json"),
        "/skus": recorded("billing.v1.skus.page2.json"),
    }
    with answered(script(answers), connections={"gcp": connection(**given)}) as (source, server):
        list(FEED.collect(source))
    return [one.headers for one in server.asked], [one.query for one in server.asked]


def test_the_key_goes_in_a_header_and_never_into_the_url() -> None:
    headers, queries = asked()

    assert [one.get("x-goog-api-key") for one in headers] == [None, KEY]
    assert [one.get("authorization") for one in headers] == [f"Bearer {TOKEN}", None]
    assert queries[1] == {"pageSize": "5000"}


def test_without_a_key_the_token_is_used() -> None:
    headers, _ = asked(api_key="")

    assert [one.get("authorization") for one in headers] == [f"Bearer {TOKEN}"] * 2


def test_the_recorded_pages_are_linked_by_their_token() -> None:
    with replay_url() as url, gcp_at(url) as source:
        pages = list(
            connection().pages(source, SKUS, {}, feed=NAME, permission="none", by_key=True)
        )

    assert [len(page["skus"]) for page in pages] == [8, 4]
