"""The commands that write Karpenter's objects: what goes where, and what is said beside it."""

from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.cli import Run, fill
from tests.support.crd import has_crd, judge
from tests.support.karpenter import CRD_FOLDER
from tests.support.market import a_price, a_shape, a_signal
from warehouse.records import OnDemandPrice, Pool, Record

PLACES = {
    "aws": ("us-east-1", ("use1-az4", "use1-az6"), ("g5.xlarge", "g6.xlarge")),
    "alibaba": (
        "cn-beijing",
        ("cn-beijing-k", "cn-beijing-l"),
        ("ecs.gn7i-c8g1.2xlarge", "ecs.gn6i-c8g1.2xlarge"),
    ),
    "gcp": ("us-central1", ("*",), ("g2-standard-8", "a2-highgpu-1g")),
    "azure": ("westus2", ("*",), ("Standard_NC4as_T4_v3", "Standard_NC8as_T4_v3")),
}


def facts(provider: str, at: datetime, *, with_prices_on_demand: bool = True) -> list[Record]:
    """Two types in each zone, without the second type in the last of several zones."""
    region, zones, types = PLACES[provider]
    pools = [Pool(provider, region, zone, name) for name, zone in product(types, zones)]
    records: list[Record] = [
        a_shape(name, provider=provider, gpu_name="NVIDIA L4") for name in types
    ]
    records += [
        a_price(0.5 + 0.1 * place, pool, at)
        for place, pool in enumerate(pools[: 3 if len(pools) > 3 else 2])
    ]
    if with_prices_on_demand:
        records += [
            OnDemandPrice(provider, region, name, at, 2.0, "USD", "test", at) for name in types
        ]
    return records


@pytest.fixture(params=PLACES)
def provider(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def asked(provider: str, tmp_path: Path, **given: Any) -> list[str]:
    """The options that name a warehouse of this provider, filled now."""
    path = tmp_path / f"{provider}.duckdb"
    fill(path, *facts(provider, datetime.now(UTC), **given))
    return ["-p", provider, "-r", PLACES[provider][0], "--gpus", "1", "-w", str(path)]


def documents(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def check(provider: str, manifests: list[dict[str, Any]]) -> None:
    cloud = CRD_FOLDER[provider]
    assert manifests
    for manifest in manifests:
        assert has_crd(cloud, manifest)
        assert judge(cloud, manifest).errors == ()


def test_every_provider_gets_a_pair_by_zone_with_its_node_class(
    run: Run, tmp_path: Path, provider: str
) -> None:
    stub = {"aws": ["--cluster", "demo", "--role", "nodes"], "alibaba": ["--cluster", "demo"]}

    ended = run(
        *("nodepool", *asked(provider, tmp_path), "--per-zone", "--with-on-demand"),
        *stub.get(provider, ["--with-node-class"]),
    )

    manifests = documents(ended.out)
    assert ended.code == 0
    check(provider, manifests)
    zones = len(PLACES[provider][1])
    weights = [one["spec"]["weight"] for one in manifests if one["kind"] == "NodePool"]
    assert weights == [50] * zones + [1] * zones
    assert "also allow pools that were not ranked" not in ended.err


def test_a_zone_that_was_asked_for_binds_prices_of_the_whole_region(
    run: Run, tmp_path: Path
) -> None:
    ended = run("nodepool", *asked("gcp", tmp_path), "-z", "us-central1-a", "-z", "us-central1-c")

    (manifest,) = documents(ended.out)
    requirements = {one["key"]: one for one in manifest["spec"]["template"]["spec"]["requirements"]}
    zones = requirements["topology.kubernetes.io/zone"]["values"]
    assert zones == ["us-central1-a", "us-central1-c"]


def test_what_the_lists_allow_beside_the_choice_is_said(run: Run, tmp_path: Path) -> None:
    ended = run("nodepool", *asked("aws", tmp_path))

    assert "also allow pools that were not ranked: g6.xlarge in use1-az6." in ended.err


def test_options_of_a_nodepool_reach_it(run: Run, tmp_path: Path) -> None:
    ended = run(
        *("nodepool", *asked("aws", tmp_path), "--warming-taint", "--weight", "9"),
        *("--gpu-limit", "4", "--budget", "0; schedule=@daily; duration=8h", "--budget", "1"),
        *("--expire-after", "Never", "--termination-grace-period", "30m"),
    )

    (manifest,) = documents(ended.out)
    check("aws", [manifest])
    spec, template = manifest["spec"], manifest["spec"]["template"]["spec"]
    assert (spec["weight"], spec["limits"]) == (9, {"nvidia.com/gpu": "4"})
    assert spec["disruption"]["budgets"] == [
        {"nodes": "0", "schedule": "@daily", "duration": "8h"},
        {"nodes": "1"},
    ]
    assert (template["expireAfter"], template["terminationGracePeriod"]) == ("Never", "30m")
    assert template["startupTaints"][0]["key"] == "spotcast.io/warming"
    assert "until something takes it away" in ended.err


def test_new_nodes_wait_for_the_caches_that_are_named(run: Run, tmp_path: Path) -> None:
    caches = ("--warm-when", "dataset/serving/r1", "--warm-when", "localmodelcache/r1")
    asking = ("nodepool", *asked("aws", tmp_path))

    (manifest,) = documents(run(*asking, "--warming-taint", *caches).out)
    untainted = run(*asking, *caches)
    malformed = run(*asking, "--warming-taint", "--warm-when", "r1")

    said = manifest["metadata"]["annotations"]["spotcast.io/warm-when"]
    assert said == "dataset/serving/r1,localmodelcache/r1"
    assert "annotations" not in manifest["spec"]["template"].get("metadata", {})
    assert (untainted.code, malformed.code) == (2, 1)
    assert "give the warming taint as well" in untainted.err
    assert "write dataset/NAMESPACE/NAME or localmodelcache/NAME" in malformed.err


def test_a_limit_of_several_nodepools_is_said_to_be_each_ones_own(run: Run, tmp_path: Path) -> None:
    ended = run("nodepool", *asked("aws", tmp_path), "--per-zone", "--gpu-limit", "4")

    assert "Each of the 2 NodePools has the limit of 4 GPUs for itself." in ended.err


def test_a_fallback_without_list_prices_is_refused(run: Run, tmp_path: Path) -> None:
    options = asked("aws", tmp_path, with_prices_on_demand=False)

    ended = run("nodepool", *options, "--with-on-demand")

    assert (ended.code, ended.out) == (1, "")
    assert "nothing was chosen on demand" in ended.err


@pytest.mark.parametrize(
    "command", [["nodepool"], ["nodeoverlay"], ["nodeclaim", "--nodepool", "-"]]
)
def test_one_provider_and_one_region_are_wanted(
    run: Run, command: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    owner = tmp_path / "np.yaml"
    owner.write_text("kind: NodePool\nmetadata: {name: x}\n")
    given = [str(owner) if one == "-" else one for one in command]
    monkeypatch.setenv("SPOTCAST_WAREHOUSE", str(tmp_path / "none.duckdb"))

    ended = run(*given, "--provider", "aws")

    assert ended.code == 2
    assert "give one provider and one region" in ended.err


def with_risk(tmp_path: Path) -> list[str]:
    """Two types on AWS, of which one has a published risk."""
    options = asked("aws", tmp_path)
    at = datetime.now(UTC)
    fill(
        Path(options[-1]),
        a_signal(0.15, 0.20, pool=Pool("aws", "us-east-1", "*", "g5.xlarge"), observed_at=at),
    )
    return [*options, "--interruption-cost", "200"]


def test_overlays_carry_the_risk_and_say_what_they_do(run: Run, tmp_path: Path) -> None:
    ended = run("nodeoverlay", *with_risk(tmp_path), "--nodepool", "gpu-spot")

    manifests = documents(ended.out)
    assert ended.code == 0
    check("aws", manifests)
    added: dict[tuple[str, str], str] = {}
    for one in manifests:
        _, types, zones, kind = (wish["values"] for wish in one["spec"]["requirements"])
        assert kind == ["spot"]
        added |= dict.fromkeys(product(types, zones), one["spec"]["priceAdjustment"])
    # 17.5 % a month is 0.000264 an hour; at 200 USD each, 5.3 cents on prices of 50 and 60 cents:
    # 10.5 % and 8.8 %. The unknown risk, at 70 cents, goes after the dearest of them.
    assert added == {
        ("g5.xlarge", "use1-az4"): "+15.8%",
        ("g5.xlarge", "use1-az6"): "+10.3%",
        ("g6.xlarge", "use1-az4"): "+15.8%",
    }
    assert "capacity-optimized-prioritized" in ended.err
    assert "Risk unknown for 1 of 3 pools: they get a premium that puts them after" in ended.err
    assert "They hold until" in ended.err


def test_an_unknown_risk_gets_the_premium_that_was_set(run: Run, tmp_path: Path) -> None:
    ended = run("nodeoverlay", *asked("azure", tmp_path), "--unknown-premium", "50")

    (manifest,) = documents(ended.out)
    check("azure", [manifest])
    assert manifest["spec"]["priceAdjustment"] == "+55.2%"
    assert "they get the premium that was set, 50%" in ended.err
    assert "On Azure the overlaid price decides" in ended.err


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("gcp", "never asks for the price"), ("alibaba", "has no NodeOverlay")],
)
def test_overlays_that_would_change_nothing_are_refused_with_another_way(
    run: Run, tmp_path: Path, name: str, complaint: str
) -> None:
    ended = run("nodeoverlay", *asked(name, tmp_path))

    assert (ended.code, ended.out) == (1, "")
    assert complaint in ended.err
    assert "--per-zone" in ended.err


def test_overlays_without_any_known_risk_are_refused(run: Run, tmp_path: Path) -> None:
    ended = run("nodeoverlay", *asked("aws", tmp_path))

    assert ended.code == 1
    assert "the risk of every pool is unknown" in ended.err


def test_prune_lists_our_overlays_that_have_outlived_their_data(run: Run, tmp_path: Path) -> None:
    found = tmp_path / "found.yaml"
    written = run("nodeoverlay", *with_risk(tmp_path)).out
    found.write_text(written)
    assert run("nodeoverlay", "--prune", str(found)).out == ""

    items = documents(written)
    for one in items:
        past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        one["metadata"]["annotations"]["spotcast.io/expires-at"] = past
    mine = {"kind": "NodeOverlay", "metadata": {"name": "mine"}}
    found.write_text(yaml.safe_dump({"kind": "List", "items": [*items, mine]}))
    ended = run("nodeoverlay", "--prune", str(found))

    assert ended.code == 0
    assert ended.out.splitlines() == sorted(one["metadata"]["name"] for one in items)
    assert "held until" in ended.err


def test_prune_with_a_choice_lists_those_that_are_not_wanted_any_more(
    run: Run, tmp_path: Path
) -> None:
    found = tmp_path / "found.yaml"
    options = with_risk(tmp_path)
    written = documents(run("nodeoverlay", *options).out)
    old = yaml.safe_load(yaml.safe_dump(written[0]))
    old["metadata"]["name"] = "spotcast-risk-99.9"
    found.write_text(yaml.safe_dump_all([*written, old]))

    ended = run("nodeoverlay", *options, "--prune", str(found))

    assert ended.out == "spotcast-risk-99.9\n"
    assert "not wanted any more" in ended.err


def test_every_provider_gets_a_claim_of_a_pool_that_its_nodepool_allows(
    run: Run, tmp_path: Path, provider: str
) -> None:
    options, owner = asked(provider, tmp_path), tmp_path / "np.yaml"
    owner.write_text(run("nodepool", *options).out)
    _, zones, types = PLACES[provider]
    pin = [] if zones == ("*",) else ["-z", zones[0]]

    ended = run("nodeclaim", *options, "--nodepool", str(owner), "-t", types[1], *pin)

    (claim,) = documents(ended.out)
    assert ended.code == 0
    check(provider, [claim])
    asked_for = {one["key"]: one.get("values") for one in claim["spec"]["requirements"]}
    assert asked_for["node.kubernetes.io/instance-type"] == [types[1]]
    assert claim["metadata"]["labels"] == {"karpenter.sh/nodepool": "gpu-spot"}
    assert "Create one at a time" in ended.err
    assert "has no uid" in ended.err


def test_a_claim_skips_better_pools_that_the_nodepool_does_not_allow(
    run: Run, tmp_path: Path
) -> None:
    options, owner = asked("aws", tmp_path), tmp_path / "np.yaml"
    owner.write_text(run("nodepool", *options, "-t", "g6.xlarge").out)

    ended = run("nodeclaim", *options, "--nodepool", str(owner), "--request", "cpu=2")

    (claim,) = documents(ended.out)
    assert claim["spec"]["resources"]["requests"] == {"cpu": "2"}
    assert "2 better pools are not allowed by the NodePool" in ended.err
    refused = run("nodeclaim", *options, "--nodepool", str(owner), "-t", "g5.xlarge")
    assert refused.code == 1
    assert "allows none of the 2 pools" in refused.err


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: [", "cannot be read as YAML"),
        ("just words", "no manifest of Kubernetes"),
        ("kind: Node\nmetadata: {name: x}\n", "holds 0 NodePools"),
    ],
)
def test_a_file_that_holds_no_nodepool_is_named(
    run: Run, tmp_path: Path, text: str, complaint: str
) -> None:
    owner = tmp_path / "np.yaml"
    owner.write_text(text)

    ended = run("nodeclaim", "-p", "aws", "-r", "us-east-1", "--nodepool", str(owner))

    assert ended.code == 2
    assert complaint in ended.err


@pytest.mark.parametrize(
    ("name", "kinds", "said"),
    [
        ("aws", ["PodTemplate", "CapacityBuffer"], "gate CapacityBuffer"),
        ("gcp", ["PodTemplate", "CapacityBuffer"], "gate CapacityBuffer"),
        ("azure", ["PriorityClass", "Deployment"], "azure has no CapacityBuffer"),
        ("alibaba", ["PriorityClass", "Deployment"], "alibaba has no CapacityBuffer"),
    ],
)
def test_room_is_kept_as_the_provider_can(run: Run, name: str, kinds: list[str], said: str) -> None:
    ended = run(
        *("buffer", "-p", name, "--nodepool", "a", "--nodepool", "b", "--replicas", "3"),
        *("--request", "nvidia.com/gpu=1", "--request", "memory=14Gi"),
    )

    manifests = documents(ended.out)
    assert ended.code == 0
    assert [one["kind"] for one in manifests] == kinds
    assert manifests[1]["spec"]["replicas"] == 3
    assert said in ended.err
    assert "Keeps 3 x 1 nvidia.com/gpu, 14Gi memory free in a, b" in ended.err


def test_pause_pods_can_be_had_where_there_are_buffers(run: Run) -> None:
    ended = run("buffer", "-p", "aws", "--nodepool", "a", "--kind", "pause-pods")

    assert [one["kind"] for one in documents(ended.out)] == ["PriorityClass", "Deployment"]
    refused = run("buffer", "-p", "azure", "--nodepool", "a", "--kind", "capacity-buffer")
    assert refused.code == 1
    assert "does not ship it" in refused.err


@pytest.mark.parametrize(
    ("request_", "code", "complaint"),
    [
        (["--request", "much"], 2, "write each resource once"),
        (["--request", "cpu=1", "--request", "cpu=2"], 2, "write each resource once"),
        (["--request", "cpu=much"], 1, "'much' is no quantity"),
    ],
)
def test_requests_are_read_with_care(
    run: Run, request_: list[str], code: int, complaint: str
) -> None:
    ended = run("buffer", "-p", "aws", "--nodepool", "a", *request_)

    assert (ended.code, ended.out) == (code, "")
    assert complaint in ended.err


def test_an_object_of_stale_data_is_written_and_ends_with_code_3(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    fill(path, *facts("gcp", datetime.now(UTC) - timedelta(days=60)))

    ended = run("nodepool", "-p", "gcp", "-r", "us-central1", "--gpus", "1", "-w", str(path))

    assert ended.code == 3
    check("gcp", documents(ended.out))
    assert "STALE" in ended.err
