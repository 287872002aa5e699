"""Plausibility: what is refused before it is stored, and why.

The rules are Polars expressions over whole frames, the same for a feed and for an imported file.
A feed's run fails on the first row refused; an import reports the row and goes on.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from warehouse.records import EndedBy, InterruptionKind, ProbeKind, Semantics

CLOCK_SKEW = timedelta(minutes=5)
"""How far a source's clock may run ahead of ours before its time counts as from the future."""

FIRST_SPOT_MARKET = datetime(2009, 12, 14, tzinfo=UTC)
"""AWS opened the first spot market on this day; an older time is a broken clock or unit."""

DEAREST_PER_HOUR = {"USD": 1_000.0}
"""The dearest machine listed in November 2026 costs 492.48 USD an hour on demand."""
DEAREST_PER_HOUR_ELSEWHERE = 8_000.0
"""The same bound in the weakest currency that a cloud bills in (CNY, about 7 to the USD)."""

LARGEST_VCPU = 10_000
LARGEST_MEMORY_GIB = 100_000
"""The largest machines of 2026 have 1,920 vCPU and 32,768 GiB."""

REASON = "reason"


@dataclass(frozen=True, slots=True)
class Rule:
    """What makes a row implausible, and the sentence that says so."""

    broken: pl.Expr
    reason: pl.Expr


def _text(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).fill_null("null")


def _rule(column: str, broken: pl.Expr, reason: str) -> Rule:
    return Rule(broken.fill_null(value=False), pl.format(f"{column} {{}} {reason}", _text(column)))


def _finite(column: str) -> Rule:
    return _rule(column, ~pl.col(column).is_finite(), "is not a finite number")


def _above_zero(column: str) -> Rule:
    return _rule(column, pl.col(column) <= 0, "is not above 0")


def _not_negative(column: str) -> Rule:
    return _rule(column, pl.col(column) < 0, "is below 0")


def _named(column: str) -> Rule:
    return _rule(column, pl.col(column).str.strip_chars() == "", "is blank")


def _one_of(column: str, allowed: list[str]) -> Rule:
    return _rule(column, ~pl.col(column).is_in(allowed), f"is not one of {', '.join(allowed)}")


def _time(column: str, now: datetime) -> list[Rule]:
    return [
        _rule(column, pl.col(column) > now + CLOCK_SKEW, "is in the future"),
        _rule(column, pl.col(column) < FIRST_SPOT_MARKET, "is before the first spot market"),
    ]


def _price(now: datetime) -> list[Rule]:
    limit = pl.col("currency").replace_strict(
        DEAREST_PER_HOUR, default=DEAREST_PER_HOUR_ELSEWHERE, return_dtype=pl.Float64
    )
    price = "price_per_hour"
    return [
        _finite(price),
        _rule(price, pl.col(price) == 0, "stands for an unknown price, not for a free machine"),
        _above_zero(price),
        _rule(price, pl.col(price) > limit, "is more than any machine costs"),
        _rule(
            "currency", ~pl.col("currency").str.contains(r"^[A-Z]{3}$"), "is not an ISO 4217 code"
        ),
        *_time("effective_at", now),
    ]


def _rules(table: str, now: datetime) -> list[Rule]:
    """The rules of one table; the order decides which reason is given."""
    match table:
        case "spot_price":
            prices = ["change_point", "sample", "interval"]
            return [*_price(now), _one_of("semantics", [Semantics(one).value for one in prices])]
        case "on_demand_price":
            return _price(now)
        case "signal":
            share = pl.col("definition").str.contains("band|rate|share")
            high = pl.col("value_high")
            return [
                _finite("value_low"),
                _finite("value_high"),
                _rule("value_low", share & ~pl.col("value_low").is_between(0, 1), "is no share"),
                _rule("value_high", share & ~high.is_between(0, 1), "is no share"),
                _rule("value_high", high < pl.col("value_low"), "is below value_low"),
                *_time("observed_at", now),
            ]
        case "instance_type":
            return [
                *(_finite(column) for column in ("vcpu", "memory_gib")),
                *(_above_zero(column) for column in ("vcpu", "memory_gib", "gpu_memory_gib")),
                _rule("vcpu", pl.col("vcpu") > LARGEST_VCPU, "is more than any machine has"),
                _rule(
                    "memory_gib",
                    pl.col("memory_gib") > LARGEST_MEMORY_GIB,
                    "is more than any machine has (is the unit GiB?)",
                ),
                *(_not_negative(column) for column in ("gpu_count", "local_disk_gb")),
            ]
        case "interruption":
            return [
                _one_of("kind", [kind.value for kind in InterruptionKind]),
                _not_negative("notice_seconds"),
                *_time("occurred_at", now),
            ]
        case "exposure":
            alive, ended = pl.col("last_alive_at"), pl.col("ended_at")
            return [
                _one_of("ended_by", [end.value for end in EndedBy]),
                *_time("launched_at", now),
                _rule("last_alive_at", alive < pl.col("launched_at"), "is before launched_at"),
                _rule("ended_at", ended < alive, "is before last_alive_at"),
                *_time("last_alive_at", now),
            ]
        case "availability_tick" | "availability_spell":
            clock = "observed_at" if table == "availability_tick" else "started_at"
            return [
                _one_of("probe_kind", [kind.value for kind in ProbeKind]),
                _not_negative("available"),
                _not_negative("target_capacity"),
                *_time(clock, now),
            ]
        case _:
            return []


def check(frame: pl.DataFrame, table: str, now: datetime, required: list[str]) -> pl.DataFrame:
    """``frame`` with a column ``reason``: why the row is refused, null if it is plausible.

    ``required`` are the columns that may not be null. One reason per row, the first that holds.
    """
    rules = [Rule(pl.col(name).is_null(), pl.lit(f"{name} is missing")) for name in required]
    rules += [_named(name) for name in required if frame.schema[name] == pl.String]
    rules += _rules(table, now)
    if not rules:
        return frame.with_columns(pl.lit(None, pl.String).alias(REASON))
    reasons = [pl.when(rule.broken).then(rule.reason) for rule in rules]
    return frame.with_columns(pl.coalesce(reasons).alias(REASON))
