"""Fits the causes of joint loss to windows, by the likelihood of which machines were lost in each.

Within one pool only fleets and single machines tell of joint loss; across pools mostly launch
probes do. The two are different things: a probe asks whether a pool has anything left, so a pool
that is hit is lost to it (`Causes.probed`), while of held machines a hit takes a part. That part
is fitted; the shares of the causes are one for both kinds.

The interval comes from a block bootstrap: campaigns are drawn with replacement, then blocks
of time within each; every draw's parameters are one step of Newton's method from the fitted ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from advisor.risk.errors import TooFewSamplesError
from advisor.risk.grid import Floats, Integers
from advisor.risk.joint import JointModel, groups_of
from advisor.risk.joint_distribution import Cause, Causes, Groups, likelihood
from advisor.risk.joint_windows import Windows
from warehouse.records import ProbeKind

POOL_KILLS = (0.1, 0.4)
"""What a mild and a severe shock of a pool take of it. A held fleet of 80 lost 10 or fewer in most
bursts and 20 to 40 in a few; a third kind (0.9) got 1 % of the risk, and was left out."""

START = np.array([-1.0, -1.0, -1.0, -1.0, -1.0, 0.5, 0.0])
"""Where the search starts and what the prior is around: 15 % of the risk for each shock, 27 % for
the machine's own; hit 0.64; kill 0.53."""

PRIOR_SD = 2.0
"""Of each parameter on its logit scale: weak; it holds what the data leave open."""

LEAST = 0.05
"""The lowest probability that a shock hits or takes; below, it is as good as none."""

QUIET_KEPT = 20
"""Of windows without a loss every so-manieth is kept, with that weight: they are nearly all, and
alike. Windows with a loss are all kept."""

STEPS, STEP, ENOUGH = 25, 1e-4, 0.02
"""Newton steps at most; the width of a numerical derivative; the step that ends the search."""

LONGEST_STEP, SHORTEST_STEP = 2.0, 1 / 64
"""A parameter moves no further at once; a step is halved down to this part of it."""

DRAWS = 40
"""Drawn parameters kept in a model: enough for a 5th and a 95th percentile."""


@dataclass(frozen=True, slots=True)
class Thinned:
    """Windows with how many each stands for, and the groups of their pools."""

    windows: Windows
    groups: Groups
    weight: Floats

    @classmethod
    def of(cls, windows: Windows) -> "Thinned":
        """All windows with a loss, and some of the others."""
        is_lost = windows.lost.sum(axis=1) > 0
        quiet = np.flatnonzero(~is_lost)[::QUIET_KEPT]
        rows = np.sort(np.concatenate([np.flatnonzero(is_lost), quiet]))
        share = (~is_lost).sum() / max(quiet.size, 1)
        weight = np.where(is_lost[rows], 1.0, share)
        return cls(windows.take(rows), groups_of(windows.pools), weight)


def causes_of(parameters: Floats) -> Causes:
    """The causes that seven free numbers stand for: five shares against own, hit, kill."""
    logits = np.append(parameters[:5], 0.0)
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    hit, kill = (LEAST + (1 - LEAST) / (1 + np.exp(-parameters[5:]))).tolist()
    mild, severe, kind, family, zone = shares[:5].tolist()
    return Causes(
        pool=(Cause(mild, POOL_KILLS[0]), Cause(severe, POOL_KILLS[1])),
        instance_type=Cause(kind, kill, hit),
        family=Cause(family, kill, hit),
        zone=Cause(zone, kill, hit),
    )


def causes_for(causes: Causes, kind: str) -> Causes:
    """The causes as a kind of probe sees them."""
    return causes.probed if kind == ProbeKind.LAUNCH_PROBE else causes


def fit_joint(campaigns: Sequence[Windows], rng: np.random.Generator) -> JointModel:
    """The causes that make what was lost most likely, with draws of them.

    Raises:
        TooFewSamplesError: nothing was ever lost in the company of another machine.
    """
    parts = [Thinned.of(one) for one in campaigns]
    if not any(part.windows.lost.any() for part in parts):
        raise TooFewSamplesError(
            "joint losses", "no machine was lost while another one was there: nothing to fit"
        )
    fitted, score, information = _search(parts)
    pull = np.linalg.inv(information)
    blocks = _blocks(parts)
    weight = np.concatenate([part.weight for part in parts])[:, None]
    draws = [
        causes_of(_bounded(fitted + pull @ (_drawn(blocks, rng) @ (score * weight)), fitted))
        for _ in range(DRAWS)
    ]
    return JointModel(causes_of(fitted), tuple(draws))


def _search(parts: Sequence[Thinned]) -> tuple[Floats, Floats, Floats]:
    """Parameters, scores of the windows [window, parameter], and the information there."""
    weight = np.concatenate([part.weight for part in parts])
    at: Floats = START
    here = _logs(parts, at)
    score, information = _slopes(parts, at, here, weight)
    for _ in range(STEPS):
        gradient = weight @ score - (at - START) / PRIOR_SD**2
        step = np.linalg.solve(information, gradient).astype(np.float64)
        moved = _climbed(parts, at, here, weight, step)
        if moved is None:
            break
        there, here = moved
        is_done = float(np.abs(there - at).max()) < ENOUGH
        at = there
        score, information = _slopes(parts, at, here, weight)
        if is_done:
            break
    return at, score, information


def _climbed(
    parts: Sequence[Thinned], at: Floats, here: Floats, weight: Floats, step: Floats
) -> tuple[Floats, Floats] | None:
    """The parameters a step further and their log likelihoods; None if no part of it is better."""
    size = min(1.0, LONGEST_STEP / max(float(np.abs(step).max()), ENOUGH))
    reached = _objective(here, weight, at)
    while size > SHORTEST_STEP:
        there: Floats = np.asarray(at + size * step, dtype=np.float64)
        logs = _logs(parts, there)
        if _objective(logs, weight, there) > reached:
            return there, logs
        size /= 2
    return None


def _objective(logs: Floats, weight: Floats, at: Floats) -> float:
    return float(weight @ logs - ((at - START) ** 2).sum() / (2 * PRIOR_SD**2))


def _logs(parts: Sequence[Thinned], parameters: Floats) -> Floats:
    """The log likelihood of each window."""
    causes = causes_of(parameters)
    found = [
        likelihood(
            causes_for(causes, part.windows.kind),
            part.groups,
            part.windows.probability,
            part.windows.at_risk,
            part.windows.lost,
        )
        for part in parts
    ]
    return np.log(np.maximum(np.concatenate(found), np.finfo(np.float64).tiny))


def _slopes(
    parts: Sequence[Thinned], at: Floats, here: Floats, weight: Floats
) -> tuple[Floats, Floats]:
    """The derivative of each window's log likelihood, and the information from their products."""
    moved = [_logs(parts, at + STEP * unit) for unit in np.eye(at.size)]
    score = (np.stack(moved, axis=1) - here[:, None]) / STEP
    return score, (score * weight[:, None]).T @ score + np.eye(at.size) / PRIOR_SD**2


def _blocks(parts: Sequence[Thinned]) -> list[list[Integers]]:
    """The rows of each block of time of each campaign."""
    blocks, first = list[list[Integers]](), 0
    for part in parts:
        block = part.windows.block
        blocks.append([first + np.flatnonzero(block == one) for one in np.unique(block)])
        first += block.size
    return blocks


def _drawn(blocks: Sequence[Sequence[Integers]], rng: np.random.Generator) -> Floats:
    """How often each row is drawn, less the one time that it was there."""
    times = np.full(sum(rows.size for inside in blocks for rows in inside), -1.0)
    for campaign in rng.integers(len(blocks), size=len(blocks)).tolist():
        inside = blocks[campaign]
        for block in rng.integers(len(inside), size=len(inside)).tolist():
            times[inside[block]] += 1
    return times


def _bounded(drawn: Floats, fitted: Floats) -> Floats:
    """No further than the prior's own doubt: one Newton step is not to be trusted beyond it."""
    return fitted + np.clip(drawn - fitted, -PRIOR_SD, PRIOR_SD)
