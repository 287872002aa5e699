"""A fitted model as one JSON file: open to read, and nothing in it is run when it is loaded.

The file holds coefficients, knots and age curves as numbers, what they were fitted on, and a
SHA-256 over all of it, so that a file that was cut or changed is refused.
"""

import hashlib
import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from advisor.risk.dataset import Samples
from advisor.risk.errors import ArtifactError
from advisor.risk.hazard import RiskModel

FORMAT = 1
"""Raised when a change of the model's fields makes older files unreadable."""

PRIOR = "prior.json"
"""The model that comes with Spotcast, beside this file."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a model is and was fitted on; ``version`` names it in every forecast.

    ``first_at`` and ``last_at`` are the days of the data, ISO 8601. ``probe_kinds`` maps each
    kind to its number of samples (pools times 5-minute points at which they were up).
    ``metrics`` has what a backtest found, walking forward through the same data: one object per
    kind and horizon, over all traces (docs/risk-model.md); empty if none was run.
    """

    version: str
    first_at: str
    last_at: str
    probe_kinds: Mapping[str, int]
    pools: int
    data: str
    code_version: str
    metrics: Sequence[Mapping[str, Any]] = ()


def card_of(
    samples: Samples,
    *,
    data: str,
    code_version: str,
    name: str,
    metrics: Sequence[Mapping[str, Any]] = (),
) -> Card:
    """The card of a model fitted on ``samples``; ``data`` says in words where they are from."""
    days = [datetime.fromtimestamp(edge, UTC) for edge in _ends(samples)]
    counts = np.bincount(samples.kind, minlength=len(samples.kinds))
    return Card(
        version=name,
        first_at=days[0].date().isoformat(),
        last_at=days[1].date().isoformat(),
        probe_kinds=dict(zip(samples.kinds, counts.tolist(), strict=True)),
        pools=len(samples.pools),
        data=data,
        code_version=code_version,
        metrics=metrics,
    )


def _ends(samples: Samples) -> tuple[float, float]:
    return float(samples.time_s.min()), float(samples.time_s.max())


def save_model(path: Path, model: RiskModel, card: Card) -> None:
    """Write the model; the same model and card always give the same bytes."""
    content = {"card": asdict(card), "model": _plain(model)}
    whole = {"format": FORMAT, "sha256": digest_of(content), **content}
    path.write_text(json.dumps(whole, sort_keys=True) + "\n", encoding="utf-8")


def load_model(path: Path) -> tuple[RiskModel, Card]:
    """Read a model.

    Raises:
        ArtifactError: it cannot be read, is of another format, or is not what was saved.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ArtifactError(str(path), f"cannot be read ({error.strerror})") from error
    return parse_model(text, name=str(path))


def parse_model(text: str, *, name: str) -> tuple[RiskModel, Card]:
    """The model in the text of a file; ``name`` is what an error calls it.

    Raises:
        ArtifactError: no JSON, another format, a wrong checksum, or a field that is missing.
    """
    content = unsealed(text, name, FORMAT, kind="a model file")
    try:
        return _made(RiskModel, content["model"]), Card(**content["card"])
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(name, f"lacks or misspells a field ({error})") from error


def unsealed(text: str, name: str, format_: Any, *, kind: str) -> dict[str, Any]:
    """The card and the model in the text of a file, as they were sealed with their checksum.

    ``kind`` is what the file should be, in errors.

    Raises:
        ArtifactError: no JSON, another format than ``format_``, or a wrong checksum.
    """
    try:
        whole = json.loads(text)
        found, digest = whole["format"], whole["sha256"]
        content = {"card": whole["card"], "model": whole["model"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(name, f"is not {kind}, or was cut short") from error
    if found != format_:
        raise ArtifactError(name, f"has format {found}; this version reads {format_}: fit it anew")
    if digest != digest_of(content):
        raise ArtifactError(name, "does not match its checksum: it was changed or damaged")
    return content


@cache
def prior_model() -> tuple[RiskModel, Card]:
    """The model that comes with Spotcast, fitted on the public traces."""
    text = files("advisor.risk").joinpath(PRIOR).read_text(encoding="utf-8")
    return parse_model(text, name=PRIOR)


def digest_of(content: Mapping[str, Any]) -> str:
    """The checksum that a file's card and model are sealed with."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """The value in what JSON has; a float keeps every bit."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


def _made(kind: Any, value: Any) -> Any:
    """The value that `_plain` wrote, as ``kind`` says."""
    origin, inner = get_origin(kind), get_args(kind)
    if isinstance(kind, types.UnionType):
        some = next(one for one in inner if one is not types.NoneType)
        return None if value is None else _made(some, value)
    if origin is tuple:
        return tuple(_made(inner[0], one) for one in value)
    if origin is frozenset:
        return frozenset(value)
    if origin is np.ndarray:
        return np.array(value, dtype=np.float64)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(**{one.name: _made(hints[one.name], value[one.name]) for one in fields(kind)})
    return value
