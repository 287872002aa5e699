"""A configuration file as it was written: its values, and the line of each."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from api.config.lines import key_lines
from api.settings import SettingsError

FILE_NAME = "spotcast.toml"
LARGEST_BYTES = 262_144
"""An example with every setting and its reason has a tenth of that."""
PLACE = re.compile(r" \(at line (\d+), column \d+\)$")
AT_END = " (at end of document)"


class ConfigError(SettingsError):
    """A configuration with faults; a sentence for each, with file, line and key."""


@dataclass(frozen=True)
class Document:
    """What a file says, before it is judged."""

    path: Path
    text: str
    tree: Mapping[str, Any]

    @cached_property
    def lines(self) -> dict[tuple[str | int, ...], int]:
        """The line of each key; found only if somebody asks."""
        return key_lines(self.text)

    def line(self, path: Sequence[str | int]) -> int | None:
        """The line of a key, else of the table that it would be in; None if there is neither."""
        found = (self.lines.get(tuple(path[:end])) for end in range(len(path), 0, -1))
        return next((one for one in found if one), None)

    def place(self, path: Sequence[str | int]) -> str:
        """The file, with the line if there is one."""
        line = self.line(path)
        return f"{self.path}:{line}" if line else f"{self.path}"

    def has(self, path: Sequence[str | int]) -> bool:
        """Whether the file sets it."""
        value: Any = self.tree
        try:
            for step in path:
                value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
        return True


def default_path() -> Path:
    """Where the file is looked for if nobody names one."""
    return user_config_path("spotcast") / FILE_NAME


def read_document(path: Path) -> Document:
    """Read a file.

    Raises:
        ConfigError: it cannot be read, or is no TOML; says on which line.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: the configuration cannot be read: {reason}") from error
    if len(content) > LARGEST_BYTES:
        raise ConfigError(f"{path}: more than {LARGEST_BYTES:,} bytes are no configuration")
    return parsed(path, content)


def parsed(path: Path, content: bytes) -> Document:
    """The content of a file as a document.

    Raises:
        ConfigError: it is no TOML; says on which line.
    """
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: write the file in UTF-8") from error
    try:
        return Document(path, text, tomllib.loads(text))
    except RecursionError as error:
        raise ConfigError(f"{path}: too many lists or tables in each other") from error
    except ValueError as error:
        raise ConfigError(_fault(path, text, str(error))) from error


def _fault(path: Path, text: str, said: str) -> str:
    if found := PLACE.search(said):
        line: int = int(found[1])
    else:
        line = text.rstrip("\n").count("\n") + 1
    what = PLACE.sub("", said).removesuffix(AT_END)
    return f"{path}:{line}: this is no TOML: {what}; write settings as key = value, texts in quotes"
