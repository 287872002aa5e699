"""Samples of single machines: what is a loss, what cuts a window, and what is known of a pool."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.risk.dataset import Samples, joined, samples
from advisor.risk.errors import TicksError, TooFewSamplesError
from advisor.risk.fitting import fit
from advisor.risk.history import FIELDS
from advisor.risk.lifetimes import samples_of_lifetimes
from advisor.risk.splits import leave_one_out, splits_between, walk_forward
from advisor.risk.traces import Traces
from tests.support.lifetimes import (
    MINUTE,
    START,
    Life,
    a_lost,
    a_running,
    lifetimes_of,
    steady_lives,
)
from tests.support.ticks import random_states, ticks_of

QUARTER, HOUR, SIX_HOURS, DAY = range(4)
PREEMPTIBLE = datetime(2020, 3, 1, tzinfo=UTC)

LOST = a_lost("lost", 0, 60)
STOPPED = Life("stopped", 0, 60, 60)
RUNNING = a_running("running", 0, 180)


def labels(rows: Samples, name: str, place: int) -> dict[float | None, list[int]]:
    """Ages in minutes at which the machine has each label; None stands for no label."""
    trace = [one.trace_id for one in rows.traces].index(f"study/{name}")
    found = dict[float | None, list[int]]()
    mine = rows.trace == trace
    for label, offset in zip(rows.label[place, mine], rows.offset_s[mine], strict=True):
        found.setdefault(None if np.isnan(label) else float(label), []).append(int(offset / 60))
    return found


def every_5(first: int, last: int) -> list[int]:
    return list(range(first, last + 1, 5))


@pytest.fixture
def rows() -> Samples:
    """A machine that is taken after an hour, one that is stopped then, one that runs for three."""
    return samples_of_lifetimes(lifetimes_of([LOST, STOPPED, RUNNING]))


def test_a_machine_that_is_taken_is_lost_in_the_windows_that_reach_its_end(rows: Samples) -> None:
    assert labels(rows, "lost", QUARTER) == {0.0: every_5(0, 40), 1.0: [45, 50, 55]}
    assert labels(rows, "lost", HOUR) == {1.0: every_5(0, 55)}


def test_a_stop_by_the_user_leaves_the_windows_that_it_cuts_without_label(rows: Samples) -> None:
    assert labels(rows, "stopped", QUARTER) == {0.0: every_5(0, 40), None: [45, 50, 55]}
    assert labels(rows, "stopped", HOUR) == {None: every_5(0, 55)}


def test_a_machine_that_still_runs_is_kept_until_it_was_last_seen(rows: Samples) -> None:
    assert labels(rows, "running", QUARTER) == {0.0: every_5(0, 165), None: [170, 175, 180]}
    assert labels(rows, "running", HOUR) == {0.0: every_5(0, 120), None: every_5(125, 180)}


def test_the_end_of_the_study_cuts_windows_with_a_loss_as_well(rows: Samples) -> None:
    for name, last in (("lost", 55), ("stopped", 55), ("running", 180)):
        assert labels(rows, name, SIX_HOURS) == {None: every_5(0, last)}


def test_the_limit_of_24_hours_cuts_by_age_and_is_no_loss() -> None:
    capped = Life("capped", 0, 24 * 60 + 6, 24 * 60 + 6, reason="preempted_24h_cap")
    early = Life("early", 0, 600, 600, is_lost=True)
    watch = Life("watch", 3000, 4200, 4200)
    lives = [replace(one, provider="gcp", since=PREEMPTIBLE) for one in (capped, early, watch)]

    rows = samples_of_lifetimes(lifetimes_of(lives))

    assert labels(rows, "capped", HOUR) == {
        0.0: every_5(0, 23 * 60),
        None: every_5(23 * 60 + 5, 24 * 60 + 5),
    }
    assert labels(rows, "capped", DAY) == {0.0: [0], None: every_5(5, 24 * 60 + 5)}
    assert labels(rows, "early", DAY) == {1.0: [0], None: every_5(5, 595)}
    assert rows.evidence.history.drops[-1].max() == 1


@pytest.mark.parametrize(
    ("provider", "since", "is_loss"),
    [("gcp", PREEMPTIBLE, False), ("gcp", START, True), ("aws", PREEMPTIBLE, True)],
)
def test_a_preemption_at_24_hours_is_the_limit_where_there_was_one(
    provider: str, since: datetime, *, is_loss: bool
) -> None:
    old = Life("old", 0, 1439, 1445, is_lost=True, provider=provider, since=since)
    watch = Life("watch", 0, 2000, provider=provider, since=since)

    rows = samples_of_lifetimes(lifetimes_of([old, watch]))

    assert rows.evidence.history.drops[-1].max() == float(is_loss)
    assert (labels(rows, "old", QUARTER).get(1.0) == [1430, 1435, 1440]) is is_loss


def test_a_loss_is_dated_when_it_was_first_seen() -> None:
    rows = samples_of_lifetimes(
        lifetimes_of([Life("lost", 0, 47, 59, is_lost=True), a_running("other", 0, 120)])
    )

    assert labels(rows, "lost", QUARTER) == {0.0: every_5(0, 40), 1.0: [45, 50, 55]}
    assert (rows.evidence.observed_age_s == 0).all()


def test_a_loss_after_a_long_silence_is_known_only_to_windows_around_all_of_it() -> None:
    rows = samples_of_lifetimes(
        lifetimes_of([Life("silent", 0, 30, 360, is_lost=True), a_running("other", 0, 600)])
    )

    assert labels(rows, "silent", QUARTER) == {0.0: every_5(0, 15), None: every_5(20, 150)}
    assert labels(rows, "silent", SIX_HOURS) == {1.0: every_5(0, 150)}


def test_a_machine_that_starts_on_a_grid_point_is_there_at_age_0() -> None:
    lives = [a_running(str(minutes), minutes, 900) for minutes in every_5(0, 600)]

    rows = samples_of_lifetimes(lifetimes_of(lives))

    assert np.count_nonzero(rows.offset_s == 0) == len(lives)


def test_a_machine_between_two_points_has_no_row_but_its_pool_counts_it() -> None:
    rows = samples_of_lifetimes(lifetimes_of([a_lost("short", 1, 4), a_running("other", 0, 60)]))

    assert {rows.traces[place].trace_id for place in rows.trace} == {"study/other"}
    assert rows.evidence.history.drops[-1].tolist() == [0.0] + [1.0] * 12


def test_a_machine_that_ran_before_it_was_seen_has_an_age_that_is_not_known() -> None:
    frame = lifetimes_of([a_running("found", 0, 30)]).with_columns(left_censored=pl.lit(value=True))

    found = samples_of_lifetimes(frame).evidence.history

    assert found.censored.all()
    assert found.age[-1] == 0.5


def test_a_machine_of_unknown_zone_is_in_a_pool_of_its_own() -> None:
    rows = samples_of_lifetimes(
        lifetimes_of([a_running("placed", 0, 30), Life("lost to sight", 0, 30, zone=None)])
    )

    assert [pool.zone for pool in rows.pools] == ["", "us-east-1a"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (pl.col("event").cast(pl.Int64) + 1, "neither 0 nor 1, the first is study/lost"),
        (pl.lit(None, pl.Datetime("us", "UTC")).alias("first_dead_utc"), "no first_dead_utc"),
        (pl.lit(None, pl.Datetime("us", "UTC")).alias("start_utc"), "lack a start"),
        ((pl.col("start_utc") + 90 * MINUTE).alias("start_utc"), "alive before they started"),
        ((pl.col("last_alive_utc") + MINUTE).alias("last_alive_utc"), "before they were last"),
        (pl.lit("Monday").alias("start_utc"), "start_utc must be a column of times, not of"),
    ],
)
def test_a_row_that_cannot_be_true_is_named(change: pl.Expr, words: str) -> None:
    with pytest.raises(TicksError, match=words):
        samples_of_lifetimes(lifetimes_of([LOST]).with_columns(change))


def test_columns_that_are_missing_are_named() -> None:
    frame = lifetimes_of([LOST])

    with pytest.raises(TicksError, match="lifetimes: columns missing: instance, event"):
        samples_of_lifetimes(frame.drop("instance", "event"))
    with pytest.raises(TicksError, match="columns missing: source"):
        samples_of_lifetimes(frame.drop("source"))


def test_machines_that_are_never_up_at_a_grid_point_are_too_few() -> None:
    with pytest.raises(TooFewSamplesError, match="no machine is up"):
        samples_of_lifetimes(lifetimes_of([a_lost("short", 1, 4)]))


ENDS = st.sampled_from(["lost", "stopped", "running"])
LIVES = st.lists(
    st.tuples(
        st.integers(0, 600), st.integers(0, 400), st.integers(0, 200), ENDS, st.integers(0, 2)
    ),
    min_size=1,
    max_size=12,
)


def lives_of(drawn: list[tuple[int, int, int, str, int]]) -> pl.DataFrame:
    lives = []
    for number, (start, life, silence, end, zone) in enumerate(drawn):
        gone = None if end == "running" else start + life + silence
        name = f"us-east-1{'abc'[zone]}"
        lives.append(Life(str(number), start, start + life, gone, is_lost=end == "lost", zone=name))
    return lifetimes_of(lives)


def known_at(lifetimes: pl.DataFrame, minutes: float) -> pl.DataFrame:
    """The same as it was known then: what started later is not there, what ended later runs."""
    now = pl.lit(START + minutes * MINUTE)
    ended = pl.col("first_dead_utc") <= now
    return lifetimes.filter(pl.col("start_utc") <= now).with_columns(
        last_alive_utc=pl.min_horizontal("last_alive_utc", now),
        first_dead_utc=pl.when(ended).then("first_dead_utc"),
        event=pl.when(ended).then("event").otherwise(0).cast(pl.Int8),
        end_reason=pl.when(ended).then("end_reason").otherwise(pl.lit("still running")),
    )


def evidence_by_row(rows: Samples) -> dict[tuple[str, float], list[float]]:
    """All numbers of the evidence, by machine and time."""
    evidence = rows.evidence
    columns = [getattr(evidence.history, name) for name in FIELDS]
    kin = evidence.siblings
    columns += [kin.drops, kin.up_hours, kin.up, kin.known, evidence.observed_age_s]
    table = np.concatenate([one.reshape(-1, rows.rows).astype(float) for one in columns])
    return {
        (rows.traces[trace].trace_id, time): np.nan_to_num(table[:, row], nan=-1.0).tolist()
        for row, (trace, time) in enumerate(zip(rows.trace, rows.time_s, strict=True))
    }


@settings(max_examples=60)
@given(LIVES, st.floats(0, 900))
def test_evidence_knows_nothing_of_what_comes_after(
    drawn: list[tuple[int, int, int, str, int]], cut: float
) -> None:
    whole = lives_of(drawn)
    try:
        then = evidence_by_row(samples_of_lifetimes(known_at(whole, cut)))
    except TooFewSamplesError:
        return

    later = evidence_by_row(samples_of_lifetimes(whole))

    assert {row: later[row] for row in then} == then
    moment = (START + cut * MINUTE).timestamp()
    ended = (whole["last_alive_utc"].dt.epoch("us") / 1e6).to_list()
    seen = dict(zip(("study/" + whole["instance"]).to_list(), ended, strict=True))
    assert {row for row in later if row[1] <= min(moment, seen[row[0]])} <= set(then)


@settings(max_examples=60)
@given(LIVES)
def test_no_label_contradicts_what_the_machine_lived(
    drawn: list[tuple[int, int, int, str, int]],
) -> None:
    frame = lives_of(drawn)
    try:
        rows = samples_of_lifetimes(frame)
    except TooFewSamplesError:
        return
    ends = {
        f"study/{one['instance']}": (one["first_dead_utc"], one["event"])
        for one in frame.iter_rows(named=True)
    }
    for place, hours in enumerate((0.25, 1.0, 6.0, 24.0)):
        for label, trace, time in zip(rows.label[place], rows.trace, rows.time_s, strict=True):
            gone, event = ends[rows.traces[trace].trace_id]
            reach = time + 3600 * hours
            lost = bool(event) and gone.timestamp() <= reach
            assert np.isnan(label) or bool(label) == lost


def test_samples_of_probes_and_machines_join_into_one() -> None:
    probes = samples(ticks_of(random_states(2, 60, drop_per_hour=0.5, seed=1)))
    machines = samples_of_lifetimes(lifetimes_of([LOST, STOPPED, RUNNING]))

    both = joined([probes, machines])

    assert both.kinds == ("instance_lifetime", "launch_probe")
    assert both.rows == probes.rows + machines.rows
    for part, rows in ((probes, slice(0, probes.rows)), (machines, slice(probes.rows, None))):
        chosen = both.take(rows)
        for places, names in (("kind", "kinds"), ("trace", "traces"), ("pool", "pools")):
            told = [getattr(both, names)[at] for at in getattr(chosen, places)]
            assert told == [getattr(part, names)[at] for at in getattr(part, places)]
        assert np.array_equal(chosen.evidence.history.drops, part.evidence.history.drops)


def test_two_sources_are_two_studies_but_a_pool_stays_one() -> None:
    later = replace(RUNNING, source="another", start=5)

    rows = samples_of_lifetimes(lifetimes_of([later, LOST, RUNNING]))

    assert rows.campaigns == ("another", "study")
    assert len(rows.pools) == 1
    alone = rows.take(rows.campaign == 0)
    assert alone.evidence.history.drops.max() == 0


def test_a_machine_in_both_folders_continues() -> None:
    whole = lifetimes_of([a_lost("first", 0, 60), a_lost("second", 0, 300), a_running("x", 0, 900)])

    [split] = splits_between(
        Traces(lifetimes=known_at(whole, 120)), Traces(lifetimes=whole.filter(pl.col("event") == 1))
    )

    tested = {split.testing.traces[place].trace_id for place in split.testing.trace}
    assert tested == {"study/second"}
    assert split.testing.offset_s.min() == 125 * 60
    assert split.testing.offset_s.max() == 295 * 60
    assert split.testing.evidence.history.drops[-1].tolist() == [1.0] * 35


def test_machines_are_learned_from_apart_from_probes() -> None:
    probes = ticks_of(random_states(2, 12 * 24 * 3, drop_per_hour=0.5, seed=1))
    machines = steady_lives(2, 2, 72, lost_per_hour=0.3, seed=2)
    rows = Traces(probes, machines).samples()

    folds = list(walk_forward(rows))
    zones = list(leave_one_out(rows, "zone"))

    for split in [*folds, *zones]:
        assert set(split.training.kind) == set(split.testing.kind)
    assert {rows.kinds[kind] for split in folds for kind in split.testing.kind} == set(rows.kinds)
    assert len(zones) == 4


def test_a_kind_that_training_has_not_is_scored_by_what_it_has() -> None:
    probes = ticks_of(random_states(2, 12 * 24, drop_per_hour=0.5, seed=1))
    machines = lifetimes_of([LOST, STOPPED, RUNNING])

    [split] = splits_between(Traces(probes), Traces(lifetimes=machines))

    assert split.training.kinds == ("launch_probe",)
    assert {split.testing.kinds[kind] for kind in split.testing.kind} == {"instance_lifetime"}
    assert fit(split.training).priors.place(split.testing.kinds, others=True).tolist() == [-1, 0]


def test_an_empty_folder_has_too_few_samples() -> None:
    with pytest.raises(TooFewSamplesError, match="neither ticks nor lifetimes"):
        Traces(lifetimes=lifetimes_of([])).samples()


def test_a_known_constant_hazard_of_machines_is_recovered() -> None:
    rows = samples_of_lifetimes(steady_lives(5, 3, 24 * 8, lost_per_hour=0.3, seed=5))
    late = rows.take(rows.time_s > np.quantile(rows.time_s, 0.5))

    said = fit(rows).forecast(late.evidence, np.zeros(late.rows, dtype=np.int64))

    for place, hours in ((QUARTER, 0.25), (HOUR, 1.0), (SIX_HOURS, 6.0)):
        truth = 1 - np.exp(-0.3 * hours)
        assert np.mean(said.probability[place]) == pytest.approx(truth, abs=0.03)
        inside = (said.low[place] <= truth) & (truth <= said.high[place])
        assert inside.mean() > 0.9
