"""Which tables facts are appended to, and what makes two rows the same fact.

The columns, their types and their meaning are in ``schema/*.sql`` and nowhere else; this file
only adds what SQL without keys cannot say.
"""

from dataclasses import dataclass

from warehouse import records

POOL = ("provider", "region", "zone", "instance_type")


@dataclass(frozen=True, slots=True)
class Table:
    """An append-only table. Rows with equal ``key`` columns are one fact; null equals null.

    ``clock`` is the key column that is a time: only stored rows within the span of the new ones
    can equal them, so an append to a long history reads little of it.

    A table that ``tracks_changes`` is told the same thing again and again: a row goes in if it
    differs from the newest row of its key in anything but ``observed_at``.
    """

    name: str
    key: tuple[str, ...]
    clock: str | None = None
    tracks_changes: bool = False


INSTANCE_TYPE = Table("instance_type", ("provider", "instance_type", "source"), tracks_changes=True)
AVAILABLE_TYPE = Table("available_type", (*POOL, "source"))
ZONE_ALIAS = Table(
    "zone_alias", ("provider", "account", "region", "zone_name", "source"), tracks_changes=True
)
SPOT_PRICE = Table("spot_price", (*POOL, "effective_at", "source"), clock="effective_at")
ON_DEMAND_PRICE = Table(
    "on_demand_price",
    ("provider", "region", "instance_type", "effective_at", "source"),
    clock="effective_at",
)
SIGNAL = Table(
    "signal", (*POOL, "definition", "source", "subject", "observed_at"), clock="observed_at"
)
INTERRUPTION = Table(
    "interruption", ("provider", "node", "kind", "occurred_at", "source"), clock="occurred_at"
)
EXPOSURE = Table("exposure", ("provider", "node", "launched_at", "source"), tracks_changes=True)
AVAILABILITY_TICK = Table("availability_tick", ("source", "trace_id", "tick"))
AVAILABILITY_SPELL = Table("availability_spell", ("source", "trace_id", "spell"))
START_DURATION = Table(
    "start_duration", ("part", "provider", "subject", "observed_at", "source"), clock="observed_at"
)
RISK_FORECAST = Table(
    "risk_forecast", (*POOL, "issued_at", "horizon_seconds", "model_version"), clock="issued_at"
)

MESSAGE = Table("message", ("message_id",))
ADVICE = Table("advice", ("advice_id", "issued_at"), clock="issued_at")

TABLES = {
    table.name: table
    for table in (
        INSTANCE_TYPE,
        AVAILABLE_TYPE,
        ZONE_ALIAS,
        SPOT_PRICE,
        ON_DEMAND_PRICE,
        SIGNAL,
        INTERRUPTION,
        EXPOSURE,
        AVAILABILITY_TICK,
        AVAILABILITY_SPELL,
        START_DURATION,
        RISK_FORECAST,
        ADVICE,
        MESSAGE,
    )
}

TABLE_OF_RECORD: dict[type[records.Record], Table] = {
    records.InstanceType: INSTANCE_TYPE,
    records.AvailableType: AVAILABLE_TYPE,
    records.ZoneAlias: ZONE_ALIAS,
    records.SpotPrice: SPOT_PRICE,
    records.OnDemandPrice: ON_DEMAND_PRICE,
    records.Signal: SIGNAL,
    records.Interruption: INTERRUPTION,
    records.Exposure: EXPOSURE,
    records.AvailabilityTick: AVAILABILITY_TICK,
    records.StartDuration: START_DURATION,
}
"""Where each kind of record goes."""
