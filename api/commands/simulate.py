"""``spotcast simulate``: what each policy would have cost on real traces, and what it missed."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from advisor.risk.artifact import load_model
from advisor.risk.dataset import samples_of
from advisor.risk.errors import TooFewSamplesError
from advisor.risk.grid import Timeline, timelines
from advisor.risk.splits import Split, train_and_test, walk_forward
from advisor.simulation.availability import STEPS_PER_DAY
from advisor.simulation.decision_value import decision_values
from advisor.simulation.out_of_sample import SOURCES, Forecasted, forecasted, given_model
from advisor.simulation.stretches import Cut, Selection, Stretch, cut
from api.commands.simulate_options import (
    Campaigns,
    Forecast,
    Knobs,
    ModelFile,
    Policies,
    ProbeKinds,
    Seed,
    Source,
    Traces,
    Train,
)
from api.commands.simulate_rows import COLUMNS, row_of, table_row
from api.commands.ticks_folder import read_ticks
from api.errors import NoAnswerError, UsageError
from api.options import Output, Types, Zones, with_fields
from api.output import Format, note, write

SEED = 1
"""The same data and options always give the same answer."""

LEAST_TOLD_DAYS = 0.05
"""What is left out is told where it shows in a figure of days."""


@dataclass(frozen=True, slots=True)
class Made:
    """Forecasts along all timelines, and in words what they were fitted on.

    ``known_to`` is the last time of the data of another folder or model; None if there is none.
    """

    lines: list[Forecasted]
    words: str
    known_to: datetime | None = None


@with_fields(Knobs)
def simulate_command(
    knobs: Knobs,
    traces: Traces,
    policy: Policies = None,
    train: Train = None,
    model: ModelFile = None,
    forecast: Forecast = Source.MODEL,
    campaign: Campaigns = None,
    probe_kind: ProbeKinds = None,
    zone: Zones = None,
    instance_type: Types = None,
    seed: Seed = SEED,
    output: Output = Format.TABLE,
) -> None:
    """Replay spot availability under policies: uncovered time, lost work, cost, hand-overs."""
    if output is Format.ONE_LINE:
        raise UsageError("-o one-line lists instance types; simulate has none: take table or json")
    if model and (train or forecast is not Source.MODEL):
        raise UsageError("--model is a forecast that is fitted: give no --train or --forecast")
    settings, policies = knobs.settings(), knobs.policies(policy)
    chosen = (tuple(one or ()) for one in (campaign, probe_kind, zone, instance_type))
    selection = Selection(*chosen)
    ticks = read_ticks(traces)
    _check(timelines(ticks), selection, traces)
    made = _made(ticks, traces, train, model, forecast, selection)
    found = cut(made.lines, selection)
    if not found.stretches:
        raise NoAnswerError(f"{traces}: no forecast for these traces; give --train or --model")
    values = decision_values(found.stretches, policies, settings, targets=knobs.targets, seed=seed)
    about = {
        "settings": {**asdict(knobs), "target": knobs.targets},
        "seed": seed,
        "forecast": "given model" if model else forecast,
        "forecast_from": made.words,
        "replayed": [_replayed(one) for one in found.stretches],
    }
    shown = table_row if output in {Format.TABLE, Format.WIDE} else row_of
    rows = [shown(value, knobs.job) for value in values]
    write(output, COLUMNS[knobs.job], rows, name="policies", about=about)
    _notes(found, made)


def _check(lines: list[Timeline], selection: Selection, folder: Path) -> None:
    """Refuse a selection that takes nothing, before anything is fitted.

    Raises:
        NoAnswerError: no trace is chosen, with what there is to choose; or there is none.
    """
    every = [(line.probe_kind, trace) for line in lines for trace in line.traces]
    if not every:
        raise NoAnswerError(f"{folder}: there is no tick in its file")
    if any(selection.takes(trace, kind) for kind, trace in every):
        return
    there = {
        "campaigns": {trace.campaign for _, trace in every},
        "probe kinds": {kind for kind, _ in every},
        "zones": {trace.pool.zone for _, trace in every},
        "types": {trace.pool.instance_type for _, trace in every},
    }
    words = "; ".join(f"{name}: {', '.join(sorted(found))}" for name, found in there.items())
    raise NoAnswerError(f"{folder}: no trace there is all of what was asked for. {words}")


def _made(
    ticks: pl.DataFrame,
    traces: Path,
    train: Path | None,
    model: Path | None,
    forecast: Source,
    selection: Selection,
) -> Made:
    """The forecasts, none of them fitted on what it is asked about."""
    fitted = SOURCES[forecast]
    if model:
        given, card = load_model(model)
        lines = timelines(ticks)
        rows = samples_of(lines)
        asked = forecasted(lines, [Split(rows, rows)], lambda _: given_model(given))
        words = f"{card.version}, fitted on {card.data}, {card.first_at} to {card.last_at}"
        return Made(asked, words, datetime.fromisoformat(card.last_at).replace(tzinfo=UTC))
    try:
        if train:
            known = read_ticks(train)
            lines = timelines(pl.concat([known, ticks], how="diagonal_relaxed"))
            asked = forecasted(lines, [train_and_test(known, ticks)], fitted)
            last = known["ts_utc"].max()
            known_to = last if isinstance(last, datetime) else None
            return Made(asked, f"{forecast}, fitted on {train}", known_to)
        lines = timelines(ticks)
        asked = forecasted(lines, walk_forward(samples_of(lines)), fitted, selection.takes)
    except TooFewSamplesError as error:
        raise NoAnswerError(
            f"{traces}: {error.reason}; bring more days, or a forecast with --train or --model"
        ) from error
    how = f"{forecast}, fitted anew every week on what had ended by then"
    if forecast is Source.NONE:
        how = "none, from where on the others would have one"
    return Made(asked, how)


def _replayed(stretch: Stretch) -> dict[str, Any]:
    """What was replayed, for the data formats."""
    return {
        "campaign": stretch.campaign,
        "probe_kind": stretch.probe_kind,
        "began_at": datetime.fromtimestamp(stretch.began_s, UTC),
        "days": stretch.traces.steps / STEPS_PER_DAY,
        "pools": list(stretch.traces.pools),
    }


def _notes(found: Cut, made: Made) -> None:
    """What a reader must know, on standard error."""
    steps, pools = Counter[str](), dict[str, set[str]]()
    for one in found.stretches:
        steps[one.campaign] += one.traces.steps
        pools.setdefault(one.campaign, set()).update(one.traces.pools)
    for campaign, skipped in found.skipped.items():
        text = f"{steps[campaign] / STEPS_PER_DAY:.1f} days of {len(pools.get(campaign, ()))} pools"
        days = skipped / STEPS_PER_DAY
        before = f"; {days:.1f} days before the first forecast are left out"
        note(f"{campaign}: replayed {text}{before if days >= LEAST_TOLD_DAYS else ''}.")
    note(f"Forecasts: {made.words}.")
    began = datetime.fromtimestamp(found.stretches[0].began_s, UTC)
    if made.known_to and made.known_to > began:
        note(
            f"CAUTION: the forecast was fitted on data up to {made.known_to:%Y-%m-%d} and the "
            f"replay begins on {began:%Y-%m-%d}: of the same pools, that is not out of sample."
        )
    note(
        "Figures are per day, cost in spot machine-hours. A pool that is down has taken all its "
        "machines, which is pessimistic for launch probes. docs/decision-value.md has the rest."
    )
