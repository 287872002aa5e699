"""How a section of the configuration is written down: each setting with its unit and reason."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class Section(BaseModel):
    """A table of the configuration file. A key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def setting(
    default: Any = ..., *, about: str, unit: str, why: str, env: str | None = None, **bounds: Any
) -> Any:
    """One setting of a section; without a default it must be given.

    Args:
        default: What holds if nobody says otherwise.
        about: What it is, one sentence.
        unit: Of its value: "days", "path", "cron, UTC"; "" for a name.
        why: The reason for the default, or for having none.
        env: The variable of the environment that sets it, whose own reader has the last word; if
            there is none, the variable's name is made from section and key.
        bounds: What `pydantic.Field` takes, such as ``ge`` and ``max_length``.
    """
    told: dict[str, JsonValue] = {"unit": unit, "why": why, "env": env}
    return Field(default=default, description=about, json_schema_extra=told, **bounds)
