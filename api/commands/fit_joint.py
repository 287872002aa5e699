"""``spotcast fit-joint``: how machines are lost together, fitted on traces and judged on others."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from advisor.risk.joint_artifact import joint_card_of, save_joint
from advisor.risk.joint_distribution import Causes
from advisor.risk.joint_fitting import fit_joint
from advisor.risk.joint_judging import FittedOn, Verdict, judge
from advisor.risk.joint_windows import windows_of
from api.commands.ticks_folder import LIFETIMES, TICKS, read_traces
from api.errors import NoAnswerError, UsageError
from api.output import Column, Format, note, write

SEED = 20221026
"""Draws the blocks of the intervals; the same data always gives the same model and figures."""


def _chance(value: float) -> str:
    return f"{value:.4f}"


COLUMNS = (
    Column("campaign", "CAMPAIGN"),
    Column("kind", "KIND"),
    Column("width_s", "WINDOW", lambda value: f"{value / 60:g} min", is_right=True),
    Column("k", "LOST", "≥{}".format, is_right=True),
    Column("windows", "WINDOWS", "{:,}".format, is_right=True),
    Column("seen_windows", "SEEN", "{:,}".format, is_right=True),
    Column("seen", "SHARE", _chance, is_right=True),
    Column("seen_interval", "90 %", is_wide=True),
    Column("promised", "PROMISED", _chance, is_right=True),
    Column("promised_interval", "90 %"),
    Column("holds", "HOLDS", lambda value: "yes" if value else "NO"),
    Column("log_loss", "LOG LOSS", _chance, is_right=True),
    Column("gain_independent", "GAIN ON INDEPENDENT"),
    Column("gain_whole_pools", "GAIN ON WHOLE POOLS"),
)


def fit_joint_command(
    train: Annotated[
        Path,
        typer.Option(
            help=f"Folder with {TICKS} or {LIFETIMES}, or both.", exists=True, file_okay=False
        ),
    ],
    to: Annotated[
        Path | None, typer.Option(help="Where to write the model (JSON).", dir_okay=False)
    ] = None,
    judged: Annotated[
        FittedOn | None,
        typer.Option(
            "--judge",
            help="Judge each campaign by a model of the earlier ones, or of all the others.",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="What the model is called.")] = "own",
    data: Annotated[
        str, typer.Option(help="In words, where the traces are from.")
    ] = "traces of the user",
    output: Annotated[
        Format, typer.Option("--output", "-o", help="How to write the judgement.")
    ] = Format.TABLE,
) -> None:
    """Fit how machines are lost together within minutes; `spread --joint-model` uses the file."""
    if to is None and judged is None:
        raise UsageError(
            "give --to FILE to write a model, --judge to see what it is worth, or both"
        )
    if to is not None and not to.parent.is_dir():
        raise UsageError(f"--to {to}: there is no folder {to.parent}")
    campaigns = windows_of(read_traces(train))
    if not campaigns:
        raise NoAnswerError(
            f"{train}: never were two machines there at once, so nothing tells of joint losses"
        )
    if judged is not None:
        found = judge(campaigns, judged, np.random.default_rng(SEED))
        rows = [_row(one) for one in found]
        write(output, COLUMNS, rows, name="verdicts", about={"fitted_on": judged.value})
        note(_summary(found))
    if to is not None:
        model = fit_joint(campaigns, np.random.default_rng(SEED))
        card = joint_card_of(campaigns, name=name, data=data, code_version=version("spotcast"))
        save_joint(to, model, card)
        note(f"{to}: joint model {name} of {len(campaigns)} campaigns. {in_words(model.causes)}")


def in_words(causes: Causes) -> str:
    """The fitted shares, as sentences."""
    pool = sum(one.share for one in causes.pool)
    return (
        f"Of a machine's risk {causes.own:.0%} is its own, {pool:.0%} its pool's, "
        f"{causes.instance_type.share:.0%} its type's in the region, {causes.family.share:.0%} "
        f"its family's, {causes.zone.share:.0%} its zone's. A shock beyond the pool hits "
        f"{causes.zone.hit:.0%} of the pools it reaches and takes {causes.zone.kill:.0%} of each."
    )


def _row(verdict: Verdict) -> dict[str, Any]:
    return {
        **asdict(verdict),
        "seen_interval": f"[{verdict.seen_low:.4f}, {verdict.seen_high:.4f}]",
        "promised_interval": f"[{verdict.promised_low:.4f}, {verdict.promised_high:.4f}]",
        "holds": verdict.holds,
        "gain_independent": _gain(verdict, "independent"),
        "gain_whole_pools": _gain(verdict, "whole_pools"),
    }


def _gain(verdict: Verdict, rival: str) -> str:
    low, middle, high = verdict.gain[rival]
    return f"{middle:+.4f} [{low:+.4f}, {high:+.4f}]"


def _summary(found: Sequence[Verdict]) -> str:
    """How many promises of a joint loss hold, and how many beat independence, in a sentence."""
    joint = [one for one in found if one.k > 1]
    seen = [one for one in joint if one.seen_windows]
    better = sum(one.gain["independent"][1] > 0 for one in seen)
    surely = sum(one.gain["independent"][0] > 0 for one in seen)
    return (
        f"{sum(one.holds for one in joint)} of {len(joint)} promises of two or more losses hold. "
        f"Of the {len(seen)} that ever came true, {better} have a lower log loss than independent "
        f"machines would, {surely} clearly so."
    )
