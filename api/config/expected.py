"""What a value should be, in words, and how values are written and shown."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

SECRET_KEY = re.compile(
    r"(^|_)(secret|token|authorization|password|passwd|passphrase|credentials?|(api|routing|access|private|integration)_?key)$"
)
"""A key that would hold a secret."""
NAMES_SECRET = re.compile(r"_(env|file)$")
"""A key that says where a secret is, and so holds none."""
ADDRESS_KEY = re.compile(r"(^|_)(urls?|webhook|address)$")
"""A key with an address: what comes after the host may be a secret, as Slack has it."""
LONGEST_SHOWN = 60


def expected(field: FieldInfo) -> str:
    """What may be written there, such as ``a whole number from 1 to 10000, such as 14``."""
    kept = [one for one in field.metadata if not callable(one)]
    whole: Any = Annotated[field.annotation, *kept] if kept else field.annotation
    what = _of_schema(TypeAdapter(whole).json_schema(mode="validation"))
    default = field.get_default(call_default_factory=True, validated_data={})
    is_told = default not in (None, PydanticUndefined, (), "", {}) and not isinstance(default, bool)
    return f"{what}, such as {toml(default)}" if is_told else what


def _of_schema(schema: Mapping[str, Any]) -> str:
    if several := schema.get("anyOf"):
        return " or ".join(_of_schema(one) for one in several if one.get("type") != "null")
    if "const" in schema or "enum" in schema:
        values = schema.get("enum") or [schema["const"]]
        return (
            f"one of {', '.join(toml(one) for one in values)}"
            if len(values) > 1
            else toml(values[0])
        )
    kind = schema.get("type")
    if kind in {"integer", "number"}:
        return ("a whole number" if kind == "integer" else "a number") + _bounds(schema)
    if kind == "array":
        items = schema.get("items") or {}
        least = f", {schema['minItems']} or more" if schema.get("minItems") else ""
        return f"a list in square brackets{least}, each {_of_schema(items)}"
    plain = {"boolean": "true or false", "object": "a table"}
    return plain[kind] if kind in plain else _text(schema)


def _bounds(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if least is not None and most is not None:
        return f" from {least:g} to {most:.15g}"
    told = {"of at least": least, "above": above, "of at most": most, "below": below}
    parts = [f"{word} {value:.15g}" for word, value in told.items() if value is not None]
    return " " + " and ".join(parts) if parts else ""


def _text(schema: Mapping[str, Any]) -> str:
    form = schema.get("format")
    if form == "date-time":
        return "a time with its zone, such as 2026-11-26T10:00:00Z"
    if form == "path":
        return "a path in quotes"
    most = schema.get("maxLength")
    return "a text in quotes" + (f" of at most {most} characters" if most else "")


def toml(value: Any) -> str:
    """A value as TOML has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(str(name))} = {toml(one)}" for name, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(toml(one) for one in value)}]"
    # JSON's escapes are TOML's too, but for DEL, which TOML wants escaped.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml(name)


def is_secret(name: str) -> bool:
    """Whether a key of that name would hold a secret."""
    return bool(SECRET_KEY.search(name.lower()))


def shown(name: str, value: Any) -> str | None:
    """A value as it may be shown; None if it may hold a secret."""
    if is_secret(name) or name.endswith("_env") or ADDRESS_KEY.search(name):
        return None
    text = toml(value)
    if carries_password(text):
        return None
    plain = "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)
    return plain if len(plain) <= LONGEST_SHOWN else plain[: LONGEST_SHOWN - 1] + "…"


def carries_password(text: str) -> bool:
    """Whether it has an address with a user's password."""
    return bool(re.search(r"[a-z][a-z0-9+.-]*://[^/\s\"@]*:[^/\s\"@]*@", text, re.IGNORECASE))


def safely(name: str, value: Any) -> Any:
    """A value for those who ask for all of them: of an address with a secret only its host."""
    if isinstance(value, Path):
        return str(value)
    if not isinstance(value, str) or not (ADDRESS_KEY.search(name) or carries_password(value)):
        return value
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        return "…"
    return f"{parts.scheme}://{host}/…" if host else ("…" if "://" in value else value)
