"""Holds what the joint model promises against what happened, on campaigns it was not fitted on.

Each campaign is judged by a model of the earlier ones, or of all the others. Two rivals say what
else could be believed: that machines are lost independently, and that a pool goes as a whole while
pools are independent. All three start from the same single risks, told before each window, so
errors of those are in all three: where single machines were lost more often than told, so are two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from advisor.risk.errors import TooFewSamplesError
from advisor.risk.grid import Floats, Integers
from advisor.risk.joint import INTERVAL, JointModel, groups_of
from advisor.risk.joint_distribution import INDEPENDENT, WHOLE_POOLS, Causes, losses
from advisor.risk.joint_fitting import causes_for, fit_joint
from advisor.risk.joint_windows import Windows

SIZES = (1, 2, 3, 4, 8, 16)
"""Numbers of machines lost at once that are judged, as far as so many are there."""

RESAMPLES = 1000
DRAWN_WINDOWS = 300
"""Windows on which the spread of the promise is worked out; the promise itself is of all."""

LEAST_CHANCE = 1e-12
"""No model is punished beyond this, so that one surprise leaves its log loss a number."""

RIVALS: Mapping[str, Causes] = {"independent": INDEPENDENT, "whole_pools": WHOLE_POOLS}


class FittedOn(StrEnum):
    """What the model of a judged campaign knew."""

    EARLIER = "earlier"
    OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was promised of at least ``k`` losses in a window, and what was seen.

    ``promised`` is the mean over the windows, with the interval of the parameters; ``seen`` the
    share of windows, with a 90 % interval over blocks. Log losses are of "at least k, or not".
    ``gain`` is a rival's log loss less ours, with its 90 % interval: above 0 we are better.
    """

    campaign: str
    kind: str
    width_s: float
    k: int
    windows: int
    seen_windows: int
    promised: float
    promised_low: float
    promised_high: float
    seen: float
    seen_low: float
    seen_high: float
    log_loss: float
    rival_log_loss: Mapping[str, float]
    gain: Mapping[str, tuple[float, float, float]]

    @property
    def holds(self) -> bool:
        """Whether what was seen and what was promised overlap within their intervals."""
        return self.seen_low <= self.promised_high and self.promised_low <= self.seen_high


def judge(
    campaigns: Sequence[Windows], fitted_on: FittedOn, rng: np.random.Generator
) -> list[Verdict]:
    """The verdicts on every campaign for which there is a model that does not know it.

    Raises:
        TooFewSamplesError: there is no such campaign.
    """
    found = list[Verdict]()
    for judged in campaigns:
        known = [one for one in campaigns if _is_known(one, judged, fitted_on)]
        if any(one.lost.any() for one in known):
            found += verdicts(fit_joint(known, rng), judged, rng)
    if not found:
        raise TooFewSamplesError("joint losses", "to judge a model takes at least two campaigns")
    return found


def _is_known(one: Windows, judged: Windows, fitted_on: FittedOn) -> bool:
    if fitted_on is FittedOn.OTHERS:
        return one is not judged
    return float(one.start_s[-1]) + one.width_s <= float(judged.start_s[0])


def verdicts(model: JointModel, judged: Windows, rng: np.random.Generator) -> list[Verdict]:
    """One for each of `SIZES` that the campaign's machines reach."""
    total = judged.lost.sum(axis=1)
    sizes = [k for k in SIZES if k <= judged.at_risk.sum(axis=1).max()]
    ours = _tails(causes_for(model.causes, judged.kind), judged, sizes)
    rivals = {name: _tails(causes, judged, sizes) for name, causes in RIVALS.items()}
    lowest, highest = _spread(model, judged, sizes)
    resampled = _resampled(judged, rng)
    made = list[Verdict]()
    for place, k in enumerate(sizes):
        happened = total >= k
        own = _log_losses(ours[:, place], happened)
        others = {name: _log_losses(said[:, place], happened) for name, said in rivals.items()}
        promised = float(ours[:, place].mean())
        seen = _interval(happened.astype(np.float64), resampled)
        made.append(
            Verdict(
                campaign=judged.campaign,
                kind=judged.kind,
                width_s=judged.width_s,
                k=k,
                windows=happened.size,
                seen_windows=int(happened.sum()),
                promised=promised,
                promised_low=promised * float(lowest[place]),
                promised_high=promised * float(highest[place]),
                seen=seen[1],
                seen_low=seen[0],
                # Of what was never seen in n windows, up to 3 / n is likely (rule of three).
                seen_high=seen[2] if happened.any() else 3 / happened.size,
                log_loss=float(own.mean()),
                rival_log_loss={name: float(one.mean()) for name, one in others.items()},
                gain={name: _interval(one - own, resampled) for name, one in others.items()},
            )
        )
    return made


def _tails(causes: Causes, windows: Windows, sizes: Sequence[int]) -> Floats:
    """P(at least k are lost) for each of the sizes; [window, size]."""
    groups = groups_of(windows.pools)
    chance = losses(causes, groups, windows.probability, windows.at_risk)
    below = np.cumsum(chance, axis=1)
    return np.stack([np.clip(1 - below[:, k - 1], 0.0, 1.0) for k in sizes], axis=1)


def _spread(model: JointModel, judged: Windows, sizes: Sequence[int]) -> tuple[Floats, Floats]:
    """The ends of the promise over the drawn parameters, as multiples of it; [size]."""
    rows = np.arange(0, judged.start_s.size, max(1, judged.start_s.size // DRAWN_WINDOWS))
    some = judged.take(rows)
    means = [
        _tails(causes_for(one, judged.kind), some, sizes).mean(axis=0)
        for one in (model.causes, *model.draws)
    ]
    # Below what is punished at all, a ratio is one of rounding errors.
    is_some = means[0] > LEAST_CHANCE
    ratio = np.where(is_some, np.stack(means) / np.where(is_some, means[0], 1.0), 1.0)
    low, high = np.quantile(ratio, INTERVAL, axis=0)
    return np.minimum(low, 1.0), np.maximum(high, 1.0)


def _log_losses(said: Floats, happened: Integers) -> Floats:
    chance = np.clip(said, LEAST_CHANCE, 1 - LEAST_CHANCE)
    return -np.log(np.where(happened, chance, 1 - chance))


def _resampled(windows: Windows, rng: np.random.Generator) -> tuple[Integers, Integers]:
    """The block of each window, and how often each block is drawn, [resample, block]."""
    block = windows.block
    blocks = int(block.max()) + 1
    return block, rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=RESAMPLES)


def _interval(values: Floats, resampled: tuple[Integers, Integers]) -> tuple[float, float, float]:
    """Low end, mean and high end over resampled blocks."""
    block, times = resampled
    sums, sizes = np.bincount(block, weights=values), np.bincount(block)
    low, high = np.quantile((times @ sums) / (times @ sizes), INTERVAL).tolist()
    return low, float(values.mean()), high
