"""Settings: the only reader of the environment. Each has its unit, its default and the reason."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from platformdirs import user_data_path

from api.config.alerts import AlertsSection
from api.config.channels import ChannelSection
from api.config.jobs import BackupSection, JobsSection, ReportsSection, RetentionSection

WAREHOUSE = "SPOTCAST_WAREHOUSE"
USD_PER_CNY = "SPOTCAST_USD_PER_CNY"
WATCHLIST = "SPOTCAST_WATCHLIST"
PRICE_MAX_AGE = "SPOTCAST_PRICE_MAX_AGE_HOURS"
KEYS = "SPOTCAST_KEYS"

KEY_FILE = "keys.json"


class SettingsError(Exception):
    """A setting that cannot be read; says which, what it holds and what it should hold."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may set. `docs/settings.md` lists the same."""

    environ: Mapping[str, str]
    """Handed on to the providers, which look for their own credentials in it."""

    warehouse: Path
    """Where the database is: SPOTCAST_WAREHOUSE, else ``data/spotcast.duckdb`` in the user's
    data folder, so that the command works from any folder."""

    usd_per_cny: float
    """USD for one yuan: SPOTCAST_USD_PER_CNY, else 0.14. Alibaba Cloud's China site bills in
    yuan; the rate moved between 0.137 and 0.143 in 2024 and 2025, which is less than the
    distance between two neighbours in a ranking."""

    price_max_age: timedelta
    """Age from which a price counts as stale: SPOTCAST_PRICE_MAX_AGE_HOURS, else 24. AWS
    repeats an unchanged price about once a day, the other clouds at least as often."""

    watchlist: Path | None
    """What to read, as YAML: SPOTCAST_WATCHLIST; None for each provider's defaults."""

    keys: Path
    """Where the API keys' hashes are: SPOTCAST_KEYS, else ``keys.json`` beside the database: who
    may read the one may read the other."""

    jobs: JobsSection = field(default_factory=JobsSection)
    reports: ReportsSection = field(default_factory=ReportsSection)
    backup: BackupSection = field(default_factory=BackupSection)
    retention: RetentionSection = field(default_factory=RetentionSection)
    alerts: AlertsSection = field(default_factory=AlertsSection)
    channels: Mapping[str, ChannelSection] = field(default_factory=dict)
    """By name."""

    def at(self, warehouse: Path | None) -> "Settings":
        """These settings for another database, if one is given; its keys are beside it."""
        if warehouse is None:
            return self
        keys = self.keys if self.environ.get(KEYS) else warehouse.parent / KEY_FILE
        return replace(self, warehouse=warehouse, keys=keys)

    @property
    def usd_per_unit(self) -> dict[str, float]:
        """USD for one unit of each currency that can be converted."""
        return {"USD": 1.0, "CNY": self.usd_per_cny}


def settings_from(environ: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a value is not what it should be.
    """
    default = user_data_path("spotcast") / "data" / "spotcast.duckdb"
    warehouse = Path(environ.get(WAREHOUSE) or default).expanduser()
    return Settings(
        environ=environ,
        warehouse=warehouse,
        usd_per_cny=_positive(environ, USD_PER_CNY, 0.14),
        price_max_age=timedelta(hours=_positive(environ, PRICE_MAX_AGE, 24.0)),
        watchlist=Path(told).expanduser() if (told := environ.get(WATCHLIST)) else None,
        keys=Path(environ.get(KEYS) or warehouse.parent / KEY_FILE).expanduser(),
    )


def current_settings() -> Settings:
    """The settings of this process."""
    return settings_from(os.environ)


def _positive(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise SettingsError(f"{name}={text!r}: give a number above 0, such as {default:g}")
    return value
