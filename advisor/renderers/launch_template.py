"""The launch template that holds all about an EC2 machine but its type and place."""

import re
from dataclasses import dataclass
from typing import Any

from advisor.errors import ManifestError

_ID = re.compile(r"lt-[0-9a-f]+")
_NAME = re.compile(r"[A-Za-z0-9().\-/_]{3,128}")
"""EC2's rule for names (CreateLaunchTemplate, LaunchTemplateName)."""

DEFAULT_VERSION = "$Default"
"""Who publishes a version of a template chooses the default one too."""


@dataclass(frozen=True, slots=True)
class LaunchTemplate:
    """An existing launch template, by name or id (``lt-0a1b``)."""

    name_or_id: str
    version: str = DEFAULT_VERSION
    """A number, ``$Default`` or ``$Latest``."""

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.name_or_id) and not _NAME.fullmatch(self.name_or_id):
            raise ManifestError(
                "launch template", f"{self.name_or_id!r} is neither a name nor an id (lt-0a1b)"
            )
        if self.version not in {"$Default", "$Latest"} and not self.version.isdecimal():
            raise ManifestError(
                "launch template", f"version {self.version!r} is no number, $Default or $Latest"
            )

    def as_request(self) -> dict[str, Any]:
        """The LaunchTemplateSpecification."""
        kind = "LaunchTemplateId" if _ID.fullmatch(self.name_or_id) else "LaunchTemplateName"
        return {kind: self.name_or_id, "Version": self.version}
