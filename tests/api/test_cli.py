"""The command line, end to end: what it prints where, and how it ends."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import yaml

from api.commands.schema import data_page
from tests.support.cli import Run, fill
from tests.support.crd import judge
from tests.support.market import a_price, a_shape
from warehouse.records import Pool


def test_a_ranking_as_json_is_data_alone(run: Run, fresh: str) -> None:
    ended = run("rank", "--gpus", "1", "-o", "json", "-w", fresh)

    answer = json.loads(ended.out)
    assert ended.code == 0
    assert [row["instance_type"] for row in answer["offerings"]] == [
        "g4dn.xlarge",
        "g5.xlarge",
        "p3.2xlarge",
    ]
    best, second, last = answer["offerings"]
    assert (best["interrupted_band"], best["hazard_high_per_hour"]) == (">20%", None)
    assert second["saving_share"] == pytest.approx(0.6)
    assert (last["interrupted_band"], last["cost_usd_per_hour"]) == (None, None)
    assert (answer["is_stale"], answer["risk_basis"]) == (False, "published")
    assert "not a forecast" in ended.err


def test_an_answer_from_stale_data_is_given_and_ends_with_code_3(run: Run, stale: str) -> None:
    ended = run("rank", "--gpus", "1", "-o", "json", "-w", stale)

    assert ended.code == 3
    assert json.loads(ended.out)["is_stale"] is True
    assert "STALE: the newest price shown is 60 d old, the newest risk 60 d" in ended.err


def test_a_table_shows_unknown_as_unknown(run: Run, fresh: str) -> None:
    ended = run("rank", "--gpus", "1", "-w", fresh)

    rows = [line.split() for line in ended.out.splitlines()]
    assert rows[0][:3] == ["#", "TYPE", "REGION"]
    assert [row[1] for row in rows[1:]] == ["g4dn.xlarge", "g5.xlarge", "p3.2xlarge"]
    assert rows[3].count("unknown") == 4


def test_a_table_is_as_wide_as_it_is_in_a_narrow_window(
    run: Run, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    ended = run("rank", "-o", "wide", "-w", fresh)

    assert "…" not in ended.out
    assert "aws.spot_price_history" in ended.out


def test_csv_has_a_row_per_offering_and_empty_for_unknown(run: Run, fresh: str) -> None:
    ended = run("price", "-o", "csv", "-w", fresh)

    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert [row["instance_type"] for row in rows] == [
        "m7i.large",
        "p3.2xlarge",
        "g4dn.xlarge",
        "g5.xlarge",
    ]
    assert rows[0]["saving_share"] == ""
    assert rows[0]["price_observed_at"].endswith("Z")


def test_yaml_says_the_same_as_json(run: Run, fresh: str) -> None:
    as_json = json.loads(run("price", "-o", "json", "-w", fresh).out)
    as_yaml = yaml.safe_load(run("price", "-o", "yaml", "-w", fresh).out)

    for each in (as_json, as_yaml):
        each.pop("now")
        for row in each["offerings"]:
            row.pop("price_age_hours")
    assert as_yaml == as_json


def test_one_line_is_the_types_best_first(run: Run, fresh: str) -> None:
    ended = run("rank", "--gpus", "1", "-o", "one-line", "-w", fresh)

    assert ended.out == "g4dn.xlarge,g5.xlarge,p3.2xlarge\n"


@pytest.mark.parametrize(
    ("filters", "types"),
    [
        (["--type", "g5.*"], "g5.xlarge"),
        (["--type", "g5.*", "--type", "p3.*"], "g5.xlarge,p3.2xlarge"),
        (["--gpu-model", "t4"], "g4dn.xlarge"),
        (["--gpu-memory-min", "20 GiB"], "g5.xlarge"),
        (["--gpus", "0"], "m7i.large"),
        (["--max-price", "0.05"], "m7i.large"),
        (["--gpus", "1", "--sort", "price"], "p3.2xlarge,g4dn.xlarge,g5.xlarge"),
        (["--gpus", "1", "--sort", "saving", "--limit", "1"], "g5.xlarge"),
        (["--gpus", "1", "--sort", "type"], "g4dn.xlarge,g5.xlarge,p3.2xlarge"),
        (["--gpus", "1", "--sort", "risk"], "g5.xlarge,g4dn.xlarge,p3.2xlarge"),
        (["--zone", "use1-az4", "--region", "all", "--gpus", "0"], "m7i.large"),
    ],
)
def test_filters_and_order_in_the_users_words(
    run: Run, fresh: str, filters: list[str], types: str
) -> None:
    ended = run("rank", *filters, "-o", "one-line", "-w", fresh)

    assert (ended.out, ended.code) == (f"{types}\n", 0)


def test_a_limit_says_how_many_more_there_are(run: Run, fresh: str) -> None:
    ended = run("price", "--limit", "1", "-w", fresh)

    assert "3 more: --limit 0 shows all 4." in ended.err


def test_nothing_that_fits_says_which_wish_leaves_out_what(run: Run, fresh: str) -> None:
    ended = run("rank", "--gpus", "1", "--gpu-memory-min", "80 GiB", "-w", fresh)

    assert ended.code == 1
    assert ended.out == ""
    assert "None of the 4 offerings" in ended.err
    assert "'at least 80 GiB per GPU' excludes all that is left, and 3 fit without it" in ended.err


def test_a_region_without_prices_is_said(run: Run, fresh: str) -> None:
    ended = run("price", "--provider", "aws", "--region", "mars-1", "-w", fresh)

    assert (ended.code, ended.out) == (1, "")
    assert "no spot prices of aws in mars-1" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["rank", "--gpus", "-1"],
        ["rank", "--gpu-memory-min", "much"],
        ["rank", "--gpu-manufacturer", "intel"],
        ["rank", "--sort", "color"],
        ["nodepool", "--provider", "aws"],
        ["collect", "--feed", "aws.nothing"],
        ["import", "prices", "x.csv", "--map", "nonsense"],
        ["fly"],
    ],
)
def test_wrong_usage_ends_with_code_2_and_a_sentence(run: Run, arguments: list[str]) -> None:
    ended = run(*arguments)

    assert ended.code == 2
    assert ended.err.strip()


def test_a_warehouse_that_is_not_there_is_named_with_the_way_to_make_one(
    run: Run, tmp_path: Path
) -> None:
    ended = run("rank", "-w", str(tmp_path / "none.duckdb"))

    assert ended.code == 1
    assert "none.duckdb: no database there. `spotcast import`" in ended.err


def test_a_setting_that_is_no_number_ends_with_code_2(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPOTCAST_USD_PER_CNY", "seven")

    ended = run("price")

    assert ended.code == 2
    assert "SPOTCAST_USD_PER_CNY='seven': give a number above 0" in ended.err


def test_the_nodepool_of_aws_is_valid_and_says_what_it_rests_on(run: Run, fresh: str) -> None:
    ended = run("nodepool", "-p", "aws", "-r", "us-east-1", "--gpus", "1", "-w", fresh)

    manifest = yaml.safe_load(ended.out)
    assert ended.code == 0
    assert judge("aws", manifest).errors == ()
    assert manifest["metadata"]["annotations"]["spotcast.io/unknown-risk-pools"] == "1"
    requirements = {one["key"]: one for one in manifest["spec"]["template"]["spec"]["requirements"]}
    assert requirements["node.kubernetes.io/instance-type"]["values"] == [
        "g4dn.xlarge",
        "g5.xlarge",
        "p3.2xlarge",
    ]
    assert requirements["topology.k8s.aws/zone-id"]["values"] == ["use1-az4"]
    assert "Risk unknown for 1 of 3 pools" in ended.err


def test_the_nodepool_of_alibaba_has_the_providers_own_keys(run: Run, tmp_path: Path) -> None:
    path, at = tmp_path / "beijing.duckdb", datetime.now(UTC)
    pool = Pool("alibaba", "cn-beijing", "cn-beijing-k", "ecs.gn6v-c8g1.2xlarge")
    shape = a_shape(pool.instance_type, provider="alibaba", gpu_name="V100", gpu_memory_gib=16)
    fill(path, shape, a_price(12.2, pool, at, currency="CNY"))

    ended = run(
        "nodepool", "--provider", "alibaba", "--region", "cn-beijing", "--gpus", "1",
        "--cluster", "demo", "-w", str(path), "-o", "json",
    )  # fmt: skip

    nodepool, node_class = json.loads(ended.out)["items"]
    assert ended.code == 0
    assert judge("alibabacloud", nodepool).errors == ()
    assert judge("alibabacloud", node_class).errors == ()
    requirements = {
        one["key"].rsplit("/")[-1]: one.get("values")
        for one in nodepool["spec"]["template"]["spec"]["requirements"]
    }
    assert requirements["instance-category"] == ["gn"]
    assert requirements["instance-family"] == ["ecs.gn6v-c8g1"]
    assert "converted at 0.14 USD" in ended.err


def test_importing_reports_rows_and_the_bad_ones(run: Run, tmp_path: Path) -> None:
    path, database = tmp_path / "prices.csv", str(tmp_path / "new" / "spotcast.duckdb")
    path.write_text(
        "region,zone,instance_type,effective_at,Price,semantics,source\n"
        "us-east-1,use1-az4,g5.xlarge,2026-01-01,0.5,sample,mine\n"
        "us-east-1,use1-az4,g5.xlarge,2026-01-02,-1,sample,mine\n"
    )
    arguments = (
        "import", "prices", str(path), "-w", database,
        "--map", "Price=price_per_hour", "--set", "provider=aws", "--set", "currency=USD",
    )  # fmt: skip

    first, second = run(*arguments), run(*arguments)
    strict = run(*arguments, "--strict")

    assert first.code == 0
    assert "2 rows read, 1 new, 0 known already, 1 refused" in first.out
    assert f"{path}: row 2: price_per_hour -1.0 is not above 0" in first.err
    assert "2 rows read, 0 new, 1 known already, 1 refused" in second.out
    assert (strict.code, "Nothing was stored" in strict.err) == (1, True)


def test_one_file_that_cannot_be_read_does_not_stop_the_others(run: Run, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
    bad.write_text("<html>")
    pl.DataFrame(
        {
            "provider": ["aws"],
            "region": ["us-east-1"],
            "zone": ["use1-az4"],
            "instance_type": ["g5.xlarge"],
        }
    ).write_parquet(good)

    ended = run("import", "offerings", str(bad), str(good), "-w", str(tmp_path / "x.duckdb"))

    assert ended.code == 1
    assert "good.parquet: 1 rows read, 1 new" in ended.out
    assert "bad.parquet: cannot be read" in ended.err


def test_the_demo_says_loudly_that_it_is_simulated_and_ends_well(run: Run) -> None:
    ended = run("demo", "--simulated")

    assert ended.code == 0
    assert ended.out.count("SIMULATED MARKET") == 2
    document = ended.out[ended.out.index("apiVersion:") : ended.out.rindex("╭")]
    assert judge("aws", yaml.safe_load(document)).errors == ()


def test_the_demo_on_public_feeds_says_where_they_are_from(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "payloads" / "aws"
    folder.mkdir(parents=True)
    sizes = [
        {"size": size, "valueColumns": [{"name": "linux", "prices": {"USD": price}}]}
        for size, price in (
            ("g5.xlarge", "0.4312"),
            ("g6.xlarge", "0.3127"),
            ("p3.2xlarge", "N/A*"),
        )
    ]
    region = {"region": "us-east-1", "instanceTypes": [{"type": "gpu", "sizes": sizes}]}
    page = {"config": {"rate": "perhr", "currencies": ["USD"], "regions": [region]}}
    (folder / "website_spot_json.json").write_text(json.dumps(page))
    advice = {"Linux": {"g5.xlarge": {"s": 57, "r": 4}, "g6.xlarge": {"s": 61, "r": 1}}}
    bands = [{"index": 1, "label": "5-10%"}, {"index": 4, "label": ">20%"}]
    advisor = {"ranges": bands, "spot_advisor": {"us-east-1": advice}}
    (folder / "spot_advisor.json").write_text(json.dumps(advisor))

    ended = run("demo", "--replay", str(tmp_path / "payloads"))

    assert ended.code == 0
    assert "SIMULATED" not in ended.out
    assert ended.out.count("Public feeds of AWS") == 2
    assert ended.out.index("g6.xlarge") < ended.out.index("g5.xlarge")
    assert "kind: NodePool" in ended.out


def test_the_demo_without_public_feeds_simulates_and_says_why(run: Run, tmp_path: Path) -> None:
    ended = run("demo", "--replay", str(tmp_path))

    assert ended.code == 0
    assert "No public feeds (aws.website_spot: the folder holds no payload" in ended.err
    assert "SIMULATED MARKET" in ended.out


def test_a_seed_gives_one_market_and_another_seed_another(run: Run) -> None:
    def prices(seed: str) -> list[str]:
        lines = run("demo", "--simulated", "--seed", seed).out.splitlines()
        return [line.rsplit("  ", 1)[0] for line in lines if "us-east-1" in line]

    first = prices("1")
    assert first == prices("1")
    assert first != prices("2")


def test_the_schema_page_goes_to_standard_output_or_a_file(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "data.md"

    printed, written = run("schema"), run("schema", "--output", str(page))

    assert printed.out == page.read_text() == data_page()
    assert written.out == ""


def test_the_version_is_the_distributions(run: Run) -> None:
    assert run("version").out == run("--version").out == "spotcast 0.1.0\n"
