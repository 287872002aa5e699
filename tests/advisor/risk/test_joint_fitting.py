"""From traces to a joint model: windows, the fit, its judgement, and the file it is kept in."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from advisor.risk.errors import ArtifactError, TicksError, TooFewSamplesError
from advisor.risk.grid import GridPool
from advisor.risk.joint import groups_of
from advisor.risk.joint_artifact import (
    joint_card_of,
    load_joint,
    parse_joint,
    save_joint,
    shipped_joint,
)
from advisor.risk.joint_distribution import INDEPENDENT, WHOLE_POOLS, Causes
from advisor.risk.joint_fitting import START, Thinned, causes_for, causes_of, fit_joint
from advisor.risk.joint_judging import FittedOn, judge, verdicts
from advisor.risk.joint_windows import Windows, windows_of
from advisor.risk.traces import Traces
from tests.support.lifetimes import a_lost, a_running, lifetimes_of
from tests.support.ticks import START as SINCE
from tests.support.ticks import ticks_of
from warehouse.records import ProbeKind

UP, DOWN = True, False


def states(*up: bool) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array(up, dtype=np.bool_)


def bursts(
    *,
    pools: int = 2,
    machines: int = 4,
    windows: int = 600,
    per_hour: float = 0.3,
    together: bool,
    seed: int = 1,
    day: int = 0,
) -> Windows:
    """A campaign in which each pool is lost as a whole, or each machine by itself."""
    chance = np.random.default_rng(seed)
    q = -np.expm1(-per_hour / 12)
    shape = (windows, pools)
    lost = (
        machines * (chance.random(shape) < q).astype(np.int64)
        if together
        else chance.binomial(machines, q, shape)
    )
    return Windows(
        campaign=f"campaign-{day}",
        kind="held_fleet",
        pools=tuple(
            GridPool("aws", f"r-{pool}", f"r-{pool}a", f"g{pool}.xlarge", machines)
            for pool in range(pools)
        ),
        width_s=300.0,
        start_s=np.asarray(86_400.0 * day + 300.0 * np.arange(windows), dtype=np.float64),
        at_risk=np.full(shape, machines, dtype=np.int64),
        lost=lost,
        hazard_per_hour=np.full(shape, per_hour),
    )


def test_a_window_counts_what_was_there_and_what_of_it_was_lost() -> None:
    ticks = ticks_of({"us-east-1a": states(UP, UP, DOWN, UP), "us-east-1b": states(UP, UP, UP, UP)})
    (found,) = windows_of(Traces(ticks, None))
    assert found.at_risk.tolist() == [[1, 1], [1, 1]]
    assert found.lost.tolist() == [[0, 0], [1, 0]]
    assert found.width_s == 300.0


def test_a_fleet_loses_as_many_as_it_shrinks_by_within_a_window() -> None:
    fleet = ticks_of({"us-east-1a": states(UP, UP, UP, UP, UP)}).with_columns(
        pl.Series("available", [4, 4, 1, 4, 3]), target_capacity=pl.lit(4)
    )
    (found,) = windows_of(Traces(fleet, None))
    assert found.at_risk[:, 0].tolist() == [4, 4, 4]
    assert found.lost[:, 0].tolist() == [0, 3, 1] or found.lost[:, 0].tolist()[1:] == [3, 0]


def test_a_window_is_as_wide_as_one_looks() -> None:
    slow = ticks_of({"us-east-1a": states(*[UP] * 6), "us-east-1b": states(*[UP] * 6)})
    slow = slow.with_columns(pl.col("offset_s") * 2)
    (found,) = windows_of(Traces(slow, None))
    assert found.width_s == 600.0


def test_machines_that_go_in_the_same_five_minutes_are_in_one_window() -> None:
    lives = [
        a_lost("one", 0, 31),
        a_lost("two", 0, 33),
        a_running("three", 0, 120),
        a_running("four", 0, 120),
    ]
    (found,) = windows_of(Traces(None, lifetimes_of(lives)))
    total = found.lost.sum(axis=1)
    assert total.max() == 2
    assert total.sum() == 2
    assert found.at_risk[int(total.argmax())].sum() == 4


def test_one_machine_alone_has_no_joint_loss() -> None:
    assert windows_of(Traces(ticks_of({"us-east-1a": states(UP, DOWN, UP)}), None)) == []


def test_the_risk_of_a_window_is_told_from_before_it() -> None:
    rng = np.random.default_rng(3)
    first = {zone: rng.random(80) < 0.8 for zone in ("us-east-1a", "us-east-1b")}
    other = {zone: np.where(np.arange(80) < 40, up, ~up) for zone, up in first.items()}
    (one,), (two,) = (windows_of(Traces(ticks_of(of), None)) for of in (first, other))
    common = np.intersect1d(one.start_s, two.start_s)
    common = common[common < SINCE.timestamp() + 40 * 300]
    rows = [np.searchsorted(of.start_s, common) for of in (one, two)]
    assert common.size > 10
    assert one.hazard_per_hour[rows[0]] == pytest.approx(two.hazard_per_hour[rows[1]])


def test_ticks_that_lack_a_column_are_refused() -> None:
    ticks = ticks_of({"us-east-1a": states(UP, UP)}).drop("offset_s")
    with pytest.raises(TicksError, match="columns missing: offset_s"):
        windows_of(Traces(ticks, None))


def _within_pool(causes: Causes) -> float:
    """How much of the risk takes several machines of one pool at once: share times kill."""
    return sum(one.share * one.kill for one in (*causes.pool, *causes.wide))


def test_the_fit_tells_bursts_from_single_losses() -> None:
    rng = np.random.default_rng(0)
    burst = fit_joint([bursts(together=True)], rng)
    single = fit_joint([bursts(together=False)], rng)
    assert _within_pool(burst.causes) > 0.4
    assert _within_pool(single.causes) < 0.1
    assert single.causes.own > 0.5


def test_the_same_windows_and_seed_give_the_same_model() -> None:
    windows = [bursts(together=True, windows=300)]
    one, other = (fit_joint(windows, np.random.default_rng(5)) for _ in range(2))
    assert one == other
    assert len({draw.own for draw in one.draws}) > 1


def test_parameters_are_always_causes_whose_shares_are_whole() -> None:
    for parameters in (START, START + 30, START - 30):
        causes = causes_of(parameters)
        assert causes.own >= 0
        shared = sum(one.share for one in (*causes.pool, *causes.wide))
        assert shared + causes.own == pytest.approx(1.0)
        assert all(0 < one.kill <= 1 and 0 < one.hit <= 1 for one in causes.wide)


def test_a_launch_probe_finds_nothing_in_a_pool_that_is_hit() -> None:
    causes = causes_of(START)
    assert causes_for(causes, ProbeKind.LAUNCH_PROBE).zone.kill == 1.0
    assert causes_for(causes, ProbeKind.HELD_FLEET) == causes


def test_thinned_windows_stand_for_all_of_them() -> None:
    windows = bursts(together=False, windows=500)
    thin = Thinned.of(windows)
    assert thin.weight.sum() == pytest.approx(500)
    assert thin.windows.lost.sum() == windows.lost.sum()
    assert thin.weight.size < 500


def test_nothing_lost_is_nothing_to_fit() -> None:
    quiet = bursts(together=True)
    quiet = replace(quiet, lost=0 * quiet.lost)
    with pytest.raises(TooFewSamplesError, match="nothing to fit"):
        fit_joint([quiet], np.random.default_rng(0))


def test_where_losses_come_in_bursts_the_model_beats_independence_on_a_later_campaign() -> None:
    earlier = bursts(together=True, windows=300)
    later = bursts(together=True, windows=300, seed=2, day=30)
    found = judge([earlier, later], FittedOn.EARLIER, np.random.default_rng(0))
    assert {one.campaign for one in found} == {"campaign-30"}
    pair = next(one for one in found if one.k == 2)
    assert pair.gain["independent"][0] > 0
    assert pair.seen_windows == (later.lost.sum(axis=1) >= 2).sum()
    both = judge([earlier, later], FittedOn.OTHERS, np.random.default_rng(0))
    assert {one.campaign for one in both} == {"campaign-0", "campaign-30"}


def test_where_machines_are_lost_singly_the_promise_of_independence_holds() -> None:
    model = replace(shipped_joint()[0], causes=INDEPENDENT, draws=())
    judged = bursts(together=False)
    for one in verdicts(model, judged, np.random.default_rng(0)):
        assert (one.promised_low, one.promised_high) == pytest.approx((one.promised,) * 2)
        assert one.holds, one
        assert one.gain["independent"] == (0.0, 0.0, 0.0)


def test_a_wrong_promise_does_not_hold() -> None:
    model = replace(shipped_joint()[0], causes=INDEPENDENT, draws=())
    found = verdicts(model, bursts(together=True), np.random.default_rng(0))
    assert not next(one for one in found if one.k == 4).holds
    whole = replace(model, causes=WHOLE_POOLS)
    assert all(
        one.holds for one in verdicts(whole, bursts(together=True), np.random.default_rng(0))
    )


def test_to_judge_takes_two_campaigns() -> None:
    with pytest.raises(TooFewSamplesError, match="at least two campaigns"):
        judge([bursts(together=True)], FittedOn.OTHERS, np.random.default_rng(0))


def test_a_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    windows = [bursts(together=True, windows=300)]
    model = fit_joint(windows, np.random.default_rng(1))
    card = joint_card_of(windows, name="mine", data="a test", code_version="1")
    save_joint(tmp_path / "joint.json", model, card)
    again, read = load_joint(tmp_path / "joint.json")
    assert again == model
    assert (read.version, read.first_at, read.campaigns[0]["windows"]) == (
        "mine",
        "1970-01-01",
        300,
    )


def test_a_file_that_is_no_joint_model_is_refused(tmp_path: Path) -> None:
    model, card = shipped_joint()
    save_joint(tmp_path / "joint.json", model, card)
    text = (tmp_path / "joint.json").read_text(encoding="utf-8")
    whole = json.loads(text)
    for broken, reason in (
        ("{}", "not a joint model's file"),
        (text[:100], "not a joint model's file"),
        (json.dumps({**whole, "format": 9}), "format 9"),
        (text.replace("joint-2026-11", "joint-2026-12"), "checksum"),
    ):
        with pytest.raises(ArtifactError, match=reason):
            parse_joint(broken, name="joint.json")
    with pytest.raises(ArtifactError, match="cannot be read"):
        load_joint(tmp_path / "absent.json")


def test_shares_beyond_one_are_refused_even_with_a_right_checksum(tmp_path: Path) -> None:
    model, card = shipped_joint()
    zone = replace(model.causes.zone, share=0.9)
    save_joint(tmp_path / "j.json", replace(model, causes=replace(model.causes, zone=zone)), card)
    with pytest.raises(ArtifactError, match="more than 1 together"):
        load_joint(tmp_path / "j.json")


def test_the_shipped_model_says_what_it_was_fitted_on() -> None:
    model, card = shipped_joint()
    kinds = {one["kind"] for one in card.campaigns}
    assert {"launch_probe", "held_instance", "held_fleet", "instance_lifetime"} <= kinds
    assert len(model.draws) >= 20
    assert 0 < model.causes.own < 1


def test_pools_share_what_their_names_say() -> None:
    pools = [
        GridPool("aws", "r", "ra", "g5.xlarge", 1),
        GridPool("aws", "r", "rb", "g5.2xlarge", 1),
        GridPool("aws", "s", "sa", "g5.xlarge", 1),
    ]
    groups = groups_of(pools)
    assert groups.family.tolist() == [0, 0, 1]
    assert groups.instance_type.tolist() == [0, 1, 2]
    assert groups.zone.tolist() == [0, 1, 2]
    assert groups.region.tolist() == [0, 0, 1]
    assert timedelta(seconds=bursts(together=True).width_s) == timedelta(minutes=5)
