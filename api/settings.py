"""Settings: the only reader of the environment. Each has its unit, its default and the reason."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_data_path

if TYPE_CHECKING:
    from api.config.alerts import AlertsSection
    from api.config.channels import ChannelSection
    from api.config.jobs import BackupSection, JobsSection, ReportsSection, RetentionSection
    from api.config.reading import Configured

WAREHOUSE = "SPOTCAST_WAREHOUSE"
USD_PER_CNY = "SPOTCAST_USD_PER_CNY"
WATCHLIST = "SPOTCAST_WATCHLIST"
PRICE_MAX_AGE = "SPOTCAST_PRICE_MAX_AGE_HOURS"
KEYS = "SPOTCAST_KEYS"

CONFIG = "SPOTCAST_CONFIG"

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

    jobs: "JobsSection" = field(default_factory=lambda: _section("jobs", "JobsSection"))
    reports: "ReportsSection" = field(default_factory=lambda: _section("jobs", "ReportsSection"))
    backup: "BackupSection" = field(default_factory=lambda: _section("jobs", "BackupSection"))
    retention: "RetentionSection" = field(
        default_factory=lambda: _section("jobs", "RetentionSection")
    )
    alerts: "AlertsSection" = field(default_factory=lambda: _section("alerts", "AlertsSection"))
    channels: "Mapping[str, ChannelSection]" = field(default_factory=dict)
    """By name."""

    configured: "Configured | None" = field(default=None, repr=False)
    """Who said what; None where neither a file nor the environment speaks of sections."""

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


def settings_from(environ: Mapping[str, str], configured: "Configured | None" = None) -> Settings:
    """Read the settings: from the environment, and from the configuration if there is one.

    Raises:
        SettingsError: a value is not what it should be.
    """
    if configured is None:
        return _plain(environ)
    try:
        settings = _plain(configured.environ)
    except SettingsError as error:
        raise SettingsError(configured.told(str(error))) from error
    found = configured.configuration
    return replace(
        settings,
        jobs=found.jobs,
        reports=found.reports,
        backup=found.backup,
        retention=found.retention,
        alerts=found.alerts,
        channels=found.channels,
        configured=configured,
    )


def _plain(environ: Mapping[str, str]) -> Settings:
    default = user_data_path("spotcast") / "data" / "spotcast.duckdb"
    warehouse = _path(environ, WAREHOUSE) or default
    return Settings(
        environ=environ,
        warehouse=warehouse,
        usd_per_cny=_positive(environ, USD_PER_CNY, 0.14),
        price_max_age=timedelta(hours=_positive(environ, PRICE_MAX_AGE, 24.0)),
        watchlist=_path(environ, WATCHLIST),
        keys=_path(environ, KEYS) or warehouse.parent / KEY_FILE,
    )


def current_settings(config: Path | None = None) -> Settings:
    """The settings of this process.

    Args:
        config: The configuration file; else SPOTCAST_CONFIG, else the one in the user's folder
            for configurations, if it is there.

    Raises:
        SettingsError: the file or a value is not what it should be.
    """
    from api.config.document import default_path, read_document  # noqa: PLC0415 - it needs ours

    named = config or _path(os.environ, CONFIG)
    path = named or default_path()
    if named is None and not path.is_file() and not any(map(_is_of_section, os.environ)):
        return settings_from(os.environ)
    # It loads Pydantic and every section, which most commands need not pay.
    from api.config.reading import configured  # noqa: PLC0415

    document = read_document(path) if named or path.is_file() else None
    return settings_from(os.environ, configured(document, os.environ))


SECTIONS = ("serve", "guard", "collect", "jobs", "reports", "backup", "retention", "alerts")
"""Those with settings whose variables are named after the section."""


def _is_of_section(name: str) -> bool:
    return name.startswith(tuple(f"SPOTCAST_{section.upper()}_" for section in SECTIONS))


def _section(module: str, name: str) -> Any:
    """A section with its defaults; its module loads Pydantic, so it is imported when asked for."""
    return getattr(import_module(f"api.config.{module}"), name)()


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    text = environ.get(name)
    try:
        return Path(text).expanduser() if text else None
    except RuntimeError as error:
        raise SettingsError(f"{name}={text!r}: there is no such home folder") from error


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
