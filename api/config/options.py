"""What the configuration says of options: an option that is given goes before it."""

from collections.abc import Mapping
from typing import Any

from typer.core import TyperGroup

from api.config.places import value_at
from api.config.reading import Configured

GUARD = {
    name: f"guard.{name}"
    for name in (
        "lead_time",
        "drain",
        "replace_cost",
        "outage_cost",
        "budget",
        "cool_down",
        "claims",
        "without_karpenter",
        "namespace",
        "webhook",
    )
}
FEEDS = {"provider": "collect.providers"}
KEYS: Mapping[str, Mapping[str, str]] = {
    "collect": FEEDS,
    "watch": FEEDS,
    "serve": {
        **FEEDS,
        **GUARD,
        "host": "serve.host",
        "port": "serve.port",
        "collect": "serve.collect",
        "jobs": "serve.jobs",
        "guard": "serve.guard",
        "open_prices": "serve.open_prices",
        "log_format": "serve.log_format",
        "guard_interval": "guard.interval",
    },
    "guard": {
        **GUARD,
        "mode": "guard.mode",
        "interval": "guard.interval",
        "metrics_port": "guard.metrics_port",
        "metrics_address": "guard.metrics_address",
    },
}
"""By command, the setting behind each option."""
CONTEXT = ("kube_context", "SPOTCAST_KUBE_CONTEXT")
"""An option of every command on a cluster, and its variable."""


def defaults(command: object, configured: Configured) -> dict[str, Any]:
    """What the options of these commands are if they are not given."""
    found: dict[str, Any] = {}
    if not isinstance(command, TyperGroup):
        return found
    for name, one in command.commands.items():
        inner = defaults(one, configured)
        if CONTEXT[0] in {parameter.name for parameter in one.params}:
            inner[CONTEXT[0]] = configured.environ.get(CONTEXT[1])
        said = {
            option: value_at(configured.configuration, key.split("."))
            for option, key in KEYS.get(name, {}).items()
        }
        inner |= {option: _as_option(value) for option, value in said.items()}
        found[name] = {option: value for option, value in inner.items() if value is not None}
    return found


def _as_option(value: Any) -> Any:
    """A value as an option takes it; None where it says nothing."""
    if value in ("off", ()):
        return None
    return list(value) if isinstance(value, tuple) else value
