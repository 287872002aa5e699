"""What the words and numbers of the tools mean, as pages that an agent can read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from advisor import DEFINITIONS
from advisor.hazards import FORECAST_STALE_AFTER, NOTICE, PUBLISHED_STALE_AFTER, window_text
from advisor.risk.horizons import HORIZONS_MINUTES
from advisor.risk.verification import LEAST_BLOCKS, LEAST_EVENTS, Verdict
from api.units import age_text, horizon_text
from warehouse.records import Semantics


@dataclass(frozen=True, slots=True)
class Page:
    """A page in Markdown, made from the code that it speaks of."""

    uri: str
    name: str
    title: str
    description: str
    text: Callable[[], str]


SEMANTICS: Mapping[Semantics, str] = {
    Semantics.CHANGE_POINT: "in force from its time until the pool's next price",
    Semantics.SAMPLE: "true at its time; nothing is said about the time between two samples",
    Semantics.INTERVAL: "a mean or a list price over the period that starts at its time",
    Semantics.TRAILING_WINDOW: "a share or mean over a window that ends at its time",
    Semantics.REQUEST_SCORE: "the answer to one request; not comparable with another request's",
}
"""What one observation says about the time around it."""

GRADES = {
    "prior": "under 30 minutes of history of its own, or a published band only",
    "early": "under 2 hours of history",
    "learning": "under 24 hours of history",
    "established": "a day of history or more",
    "stale": "its newest observation is older than 30 minutes",
}
"""As docs/risk-model.md has them."""

VERDICTS = {
    Verdict.SKILL: "forecasts like it were better than the known rate; only these may be acted on",
    Verdict.WITHOUT_SKILL: "they were not better; nothing acts on it",
    Verdict.TOO_LITTLE_EVIDENCE: (
        f"fewer than {LEAST_EVENTS} losses or {LEAST_BLOCKS} blocks of days to judge by; nothing "
        f"acts on it"
    ),
}


def _table(head: tuple[str, str], rows: Mapping[str, str]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {meaning} |" for name, meaning in rows.items())])


def _words() -> str:
    semantics = {f"`{one.value}`": meaning for one, meaning in SEMANTICS.items()}
    return f"""# Words and units

- A *pool* is an instance type in a zone of a cloud's region: `provider`, `region`, `zone`,
  `instance_type`. The zone `*` is a price or figure for the whole region. Zones of AWS are ids
  (use1-az4), as their names mean other places in other accounts.
- An *offering* is a pool with a price at which it can be had now.
- Units end the names: `usd_per_hour`, `memory_gib`, `lead_time_seconds`. Shares run from 0 to 1.
  Times are RFC 3339 in UTC.
- Null is unknown, never 0. An unknown risk is not a small one and is ranked last.
- `is_stale`: too old to stand for now. `as_of` is the moment that ages are told for.
- `cost_usd_per_hour` = price + `hazard_per_hour` x what an interruption costs (the restart's time
  at the machine's own price, and a fee). It is what `rank` orders by.

## Prices say different things about the time around them

{_table(("semantics", "means"), semantics)}

Kinds are never mixed; a step of a price history without a price is null and is not filled in.
"""


def _risk() -> str:
    horizons = ", ".join(horizon_text(60 * one) for one in HORIZONS_MINUTES)
    notice = {name: window_text(one) for name, one in NOTICE.items()}
    return f"""# Risk

A forecast is the probability that a machine that is up in a pool now is interrupted within one of
these horizons, and no others: {horizons}. Other horizons are refused, not extrapolated. The
interval (90 %) is of the pool's mean risk, not of one outcome. A forecast is stale when its
window is over, and not before {age_text(FORECAST_STALE_AFTER)}.

{_table(("grade", "rests on"), GRADES)}

## May it be acted on?

Forecasts are scored against what happened, by cloud, kind of evidence and horizon.

{_table(("skill", "means"), {one.value: meaning for one, meaning in VERDICTS.items()})}

## Hazard

`hazard_per_hour` is interruptions per machine and hour; 0.01 is one machine of a hundred each
hour. Of a forecast it is that of its window; of a published share m over w hours, -ln(1 - m) / w.

## Notice before a machine is taken

{_table(("cloud", "notice"), notice)}
"""


def _signals() -> str:
    known = {f"`{one.name}`": one.title for one in DEFINITIONS.values()}
    return f"""# Published signals

What the clouds publish about risk, each with its own definition. Definitions are never averaged.
These are converted to a hazard where no forecast is there:

{_table(("definition", "means"), known)}

They are shares over weeks, mostly of a whole region: they say little about the next hour and
nothing about a pool that is being emptied now. One is stale after
{age_text(PUBLISHED_STALE_AFTER)}.
"""


def _lead_time() -> str:
    return """# Lead time

From the order of a machine to its first answer: the boot until its GPUs can be given to pods, the
pull of the image, the filling of a cache, the download and loading of weights, and the engine's
start. Each term has a median and a 90 % quantile, and is either learned from starts that were
seen, published by others, or assumed; its `source` says which. `p95_seconds` is planned with, and
is what `lead_time_seconds` of `rank` asks for. `horizon_seconds` is how far ahead a loss must be
known: that and the drain, less the cloud's notice.
"""


PAGES = (
    Page(
        "spotcast://reference/words",
        "words",
        "Words and units",
        "Pools, offerings, units, null, stale, and what each kind of price says.",
        _words,
    ),
    Page(
        "spotcast://reference/risk",
        "risk",
        "Risk: horizons, grades, skill",
        "What a forecast means, which horizons there are, and when it may be acted on.",
        _risk,
    ),
    Page(
        "spotcast://reference/signals",
        "signals",
        "Published signals",
        "What the clouds publish about risk, by definition.",
        _signals,
    ),
    Page(
        "spotcast://reference/lead-time",
        "lead-time",
        "Lead time",
        "What the time until a replacement serves is made of.",
        _lead_time,
    ),
)
"""All pages, in the order in which they are listed."""
