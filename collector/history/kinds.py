"""What can be imported: the columns of each kind of file, and how they become the table's.

A kind has one or more shapes, because the public traces come in more than one; the first shape
whose required columns are all there is taken. ``docs/data.md`` is made from this file.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from warehouse import tables
from warehouse.tables import Table


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file. ``becomes`` is the table's column, None if it only feeds others."""

    name: str
    becomes: str | None
    required: bool
    meaning: str


@dataclass(frozen=True, slots=True)
class Shape:
    """One set of columns. ``derive`` gives table columns that the file does not hold as such.

    ``refuse`` maps a reason to the rows (before derivation) that are not facts at all.
    """

    columns: tuple[Column, ...]
    derive: Mapping[str, pl.Expr]
    refuse: Mapping[str, pl.Expr]
    table: Table


@dataclass(frozen=True, slots=True)
class Kind:
    """A word of ``spotcast import`` and the shapes of file it reads."""

    name: str
    title: str
    shapes: tuple[Shape, ...]


def _need(name: str, meaning: str, becomes: str | None = "") -> Column:
    return Column(name, name if becomes == "" else becomes, required=True, meaning=meaning)


def _may(name: str, meaning: str, becomes: str | None = "") -> Column:
    return Column(name, name if becomes == "" else becomes, required=False, meaning=meaning)


PROVIDER = _need("provider", "aws, alibaba, gcp or azure")
REGION = _need("region", "region")
ZONE = _need("zone", "zone id, or zone name where only that is known; `*` for the whole region")
TYPE = _need("instance_type", "the provider's name of the machine shape")
POOL = (PROVIDER, REGION, ZONE, TYPE)
PRICE = _need("price_per_hour", "price of one machine for one hour, in `currency`")
CURRENCY = _need("currency", "ISO 4217 code: USD, CNY")
SOURCE = _need("source", "who said so")
READ_AT = _may("observed_at", "when it was read; taken as the time of the fact if absent")
NOW = "now"
"""Stands for the time of the import in a derivation; `load` fills it in."""

ZONE_TO_REGION = {
    "aws": r"^([a-z]{2}(?:-[a-z]+)+-\d+)[a-z]$",
    "gcp": r"^([a-z]+-[a-z]+\d+)-[a-z]$",
    "alibaba": r"^([a-z]+-[a-z]+(?:-\d+)?)-?[a-z]$",
}
"""How each provider's zone names begin with the region's: us-east-1a, us-east1-b, cn-beijing-f."""

REGION_OF_ZONE = pl.coalesce(
    pl.when(pl.col("provider") == provider).then(pl.col("zone").str.extract(pattern))
    for provider, pattern in ZONE_TO_REGION.items()
)

ARCHITECTURE = (
    pl.when(pl.col("architecture").str.split(",").list.contains("x86_64"))
    .then(pl.lit("amd64"))
    .otherwise(pl.col("architecture"))
)
"""Kubernetes' word; a type that also runs 32-bit code is listed as ``i386,x86_64``."""


def _one(table: Table, *columns: Column, **derive: pl.Expr) -> tuple[Shape, ...]:
    return (Shape(columns, derive, {}, table),)


def _fact_time(column: str) -> pl.Expr:
    return pl.coalesce("observed_at", column)


PROBE = (
    _need("trace_id", "which series"),
    SOURCE,
    _need("probe_kind", "launch_probe, held_instance or held_fleet"),
    PROVIDER,
    ZONE,
    TYPE,
    _need("target_capacity", "machines asked for"),
    _need("available", "machines that could be had or were held"),
    _may("region", "region; told from the zone's name if absent"),
)
TICKS = Shape(
    (
        *PROBE,
        _need("tick", "position in the series, from 0"),
        _need("offset_s", "seconds since the series began", "offset_seconds"),
        _need("ts_utc", "time of the probe", "observed_at"),
        _need("ts_approx", "true where only the day is known", "observed_at_is_approximate"),
        _may("spot_usd_h", "spot price at that moment, USD", "spot_usd_per_hour"),
    ),
    {"region": pl.coalesce("region", REGION_OF_ZONE)},
    {},
    tables.AVAILABILITY_TICK,
)
SPELLS = Shape(
    (
        *PROBE,
        _need("spell", "position in the series, from 1"),
        _need("start_utc", "when the spell began", "started_at"),
        _need("duration_s", "how long it was observed, seconds", "duration_seconds"),
        _need("left_censored", "true if it began before the series"),
        _need("right_censored", "true if it had not ended with the series"),
    ),
    {"region": pl.coalesce("region", REGION_OF_ZONE)},
    {},
    tables.AVAILABILITY_SPELL,
)
_SERIES = ("source", "zone", "instance_type")
LAUNCHES = Shape(
    (
        SOURCE,
        PROVIDER,
        ZONE,
        TYPE,
        _need("ts_local", "time of the launch attempt; the zone of the clock is not known", None),
        _need("success", "whether a machine was given", None),
        _may("valid_config", "false if such a machine cannot exist", None),
    ),
    {
        "trace_id": pl.concat_str(_SERIES, separator=" "),
        "tick": pl.col("ts_local").rank("ordinal").over(_SERIES).cast(pl.Int32) - 1,
        "region": REGION_OF_ZONE,
        "probe_kind": pl.lit("launch_probe"),
        "target_capacity": pl.lit(1, pl.Int32),
        "available": pl.col("success").cast(pl.Int32),
        "observed_at": pl.col("ts_local"),
        "observed_at_is_approximate": pl.lit(True),
        "offset_seconds": (pl.col("ts_local") - pl.col("ts_local").min().over(_SERIES))
        .dt.total_microseconds()
        .truediv(1e6),
        "spot_usd_per_hour": pl.lit(None, pl.Float64),
    },
    {"valid_config is false: such a machine cannot exist": ~pl.col("valid_config")},
    tables.AVAILABILITY_TICK,
)

KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "prices",
            "Spot prices",
            _one(
                tables.SPOT_PRICE,
                *POOL,
                _need("effective_at", "when the price came into force or was sampled"),
                PRICE,
                CURRENCY,
                _need("semantics", "change_point, sample or interval"),
                SOURCE,
                READ_AT,
                observed_at=_fact_time("effective_at"),
            ),
        ),
        Kind(
            "on-demand",
            "On-demand prices",
            _one(
                tables.ON_DEMAND_PRICE,
                PROVIDER,
                REGION,
                TYPE,
                _need("effective_at", "when the price came into force"),
                PRICE,
                CURRENCY,
                SOURCE,
                READ_AT,
                observed_at=_fact_time("effective_at"),
            ),
        ),
        Kind(
            "signals",
            "Published signals of risk",
            _one(
                tables.SIGNAL,
                *POOL,
                _need("observed_at", "when the source said so"),
                _need("definition", "what the value means, e.g. aws.advisor_band_trailing_month"),
                _need("value_low", "lower end of the band, or the value"),
                _may("value_high", "upper end; empty for an open band"),
                SOURCE,
                _may("detail", "what else the source said, as JSON"),
                _may("subject", "the request that a score answers, or the machine it is about"),
            ),
        ),
        Kind(
            "instance-types",
            "Machine shapes",
            _one(
                tables.INSTANCE_TYPE,
                PROVIDER,
                TYPE,
                _need("vcpu", "virtual CPUs"),
                _need("memory_gib", "memory, GiB"),
                _need("architecture", "amd64 or arm64 (x86_64 is read as amd64)"),
                _may("gpu_name", "model of the GPU or accelerator"),
                _need("gpu_count", "GPUs or accelerators; 0 if none"),
                _may("gpu_memory_gib", "memory of one GPU, GiB"),
                _may("local_disk_gb", "local disk, GB"),
                _may("source", "who said so; `import` if absent"),
                _may("observed_at", "when it was said; the time of the import if absent"),
                architecture=ARCHITECTURE,
                source=pl.coalesce("source", pl.lit("import")),
                observed_at=pl.coalesce("observed_at", pl.col(NOW)),
            ),
        ),
        Kind(
            "offerings",
            "Pools that exist",
            _one(
                tables.AVAILABLE_TYPE,
                *POOL,
                _may("source", "who said so; `import` if absent"),
                _may("observed_at", "when it was said; the time of the import if absent"),
                source=pl.coalesce("source", pl.lit("import")),
                observed_at=pl.coalesce("observed_at", pl.col(NOW)),
            ),
        ),
        Kind(
            "interruptions",
            "Interruptions seen",
            _one(
                tables.INTERRUPTION,
                PROVIDER,
                _may("region", "region"),
                _may("zone", "zone id or name"),
                _may("instance_type", "the provider's name of the machine shape"),
                _need("node", "the machine's id or the node's name"),
                _need("kind", "announced or taken"),
                _need("occurred_at", "when"),
                _may("notice_seconds", "time between announcement and loss, seconds"),
                SOURCE,
                READ_AT,
                observed_at=_fact_time("occurred_at"),
            ),
        ),
        Kind(
            "lifetimes",
            "Lifetimes of machines",
            _one(
                tables.EXPOSURE,
                SOURCE,
                PROVIDER,
                _may("region", "region; told from the zone's name if absent"),
                _may("zone", "zone id or name"),
                TYPE,
                _need("instance", "the machine's id", "node"),
                _need("start_utc", "launch", "launched_at"),
                _need("last_alive_utc", "last seen alive", "last_alive_at"),
                _may("first_dead_utc", "first seen gone; empty if still running", "ended_at"),
                _need("event", "1 if it was interrupted, else 0", None),
                _need("end_reason", "the source's word for the end"),
                region=pl.coalesce("region", REGION_OF_ZONE),
                ended_by=pl.when(pl.col("event") == 1)
                .then(pl.lit("interrupted"))
                .when(pl.col("ended_at").is_null())
                .then(pl.lit("still_running"))
                # GCP ends a preemptible machine after 24 h: a rule, not an interruption.
                .when(pl.col("end_reason").str.contains("cap|policy|limit"))
                .then(pl.lit("policy"))
                .otherwise(pl.lit("user")),
            ),
        ),
        Kind("availability", "Probes of availability", (TICKS, SPELLS, LAUNCHES)),
    )
}

Progress = Callable[[int, int | None], None]
"""Told after each batch: rows done, rows in all (None if not known)."""
