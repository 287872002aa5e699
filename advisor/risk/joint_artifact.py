"""A fitted joint model as one JSON file, with a card that says what it was fitted on.

Like a risk model's file (`artifact`): numbers only, and a SHA-256 over all of them.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from advisor.risk.artifact import digest_of, unsealed
from advisor.risk.errors import ArtifactError
from advisor.risk.joint import JointModel
from advisor.risk.joint_distribution import Cause, Causes
from advisor.risk.joint_windows import Windows

FORMAT = 1
"""Raised when older files can no longer be read."""

SHIPPED = "joint.json"
"""The model that comes with Spotcast, beside this file."""


@dataclass(frozen=True, slots=True)
class JointCard:
    """What a joint model is and was fitted on.

    ``first_at`` and ``last_at`` are the days of the data, ISO 8601, as its sources date them.
    ``campaigns`` has one object each: name, kind, window_seconds, windows (with at least two
    machines), pools, lost (machines) and joint (windows in which two or more were lost).
    """

    version: str
    first_at: str
    last_at: str
    campaigns: Sequence[Mapping[str, Any]]
    data: str
    code_version: str


def joint_card_of(
    campaigns: Sequence[Windows], *, name: str, data: str, code_version: str
) -> JointCard:
    """The card of a model fitted on the campaigns; ``data`` says in words where they are from."""
    first = min(float(one.start_s[0]) for one in campaigns)
    last = max(float(one.start_s[-1]) for one in campaigns)
    return JointCard(
        version=name,
        first_at=datetime.fromtimestamp(first, UTC).date().isoformat(),
        last_at=datetime.fromtimestamp(last, UTC).date().isoformat(),
        campaigns=tuple(
            {
                "name": one.campaign,
                "kind": one.kind,
                "window_seconds": one.width_s,
                "windows": int(one.start_s.size),
                "pools": len(one.pools),
                "lost": int(one.lost.sum()),
                "joint": int((one.lost.sum(axis=1) > 1).sum()),
            }
            for one in campaigns
        ),
        data=data,
        code_version=code_version,
    )


def save_joint(path: Path, model: JointModel, card: JointCard) -> None:
    """Write the model; the same model and card always give the same bytes."""
    content = json.loads(json.dumps({"card": asdict(card), "model": asdict(model)}))
    whole = {"format": FORMAT, "sha256": digest_of(content), **content}
    path.write_text(json.dumps(whole, sort_keys=True) + "\n", encoding="utf-8")


def load_joint(path: Path) -> tuple[JointModel, JointCard]:
    """Read a model.

    Raises:
        ArtifactError: it cannot be read, is of another format, or is not what was saved.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(str(path), f"cannot be read ({error})") from error
    return parse_joint(text, name=str(path))


@cache
def shipped_joint() -> tuple[JointModel, JointCard]:
    """The model that comes with Spotcast, fitted on the public traces."""
    text = files("advisor.risk").joinpath(SHIPPED).read_text(encoding="utf-8")
    return parse_joint(text, name=SHIPPED)


def parse_joint(text: str, *, name: str) -> tuple[JointModel, JointCard]:
    """The model in the text of a file; ``name`` is what an error calls it.

    Raises:
        ArtifactError: no JSON, another format, a wrong checksum, or a field that is wrong.
    """
    content = unsealed(text, name, FORMAT, kind="a joint model's file")
    try:
        model = content["model"]
        draws = tuple(_causes(one) for one in model["draws"])
        return JointModel(_causes(model["causes"]), draws), JointCard(**content["card"])
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(name, f"lacks, misspells or breaks a field ({error})") from error


def _causes(found: Mapping[str, Any]) -> Causes:
    """The causes that a file has.

    Raises:
        ValueError: shares that are no shares, or probabilities that are none.
    """
    made = Causes(
        pool=tuple(Cause(**one) for one in found["pool"]),
        instance_type=Cause(**found["instance_type"]),
        family=Cause(**found["family"]),
        zone=Cause(**found["zone"]),
    )
    every = (*made.pool, *made.wide)
    if not all(0 <= one.share <= 1 and 0 < one.kill <= 1 and 0 < one.hit <= 1 for one in every):
        raise ValueError("a share is not within 0 and 1, or a probability not above 0 and up to 1")
    if math.fsum(one.share for one in every) > 1 + 1e-9:
        raise ValueError("the shares of the causes are more than 1 together")
    return made
