"""Settings added to a node class' userData; nothing that stands there is lost.

AL2023 takes a MIME archive of NodeConfigs and scripts, a NodeConfig alone or a script alone:
Karpenter tells them apart as `kind_of` does (`pkg/providers/amifamily/bootstrap/nodeadm.go`,
karpenter-provider-aws v1.14.1), and nodeadm merges all NodeConfigs of an archive. Bottlerocket
takes TOML. What cannot be added without taking something away is refused, and the person told
what to write.
"""

import re
import tomllib
from collections.abc import Mapping
from email import message_from_string
from email.message import Message
from enum import Enum, auto
from typing import Any

import yaml

from advisor.errors import ManifestError

SUBJECT = "userData"
BOUNDARY = "//"
"""Karpenter's own boundary."""
SCRIPT = 'text/x-shellscript; charset="us-ascii"'
NODE_CONFIG = "application/node.eks.aws"


class UserData(Enum):
    """What a text is to Karpenter on AL2023."""

    NOTHING = auto()
    ARCHIVE = auto()
    NODE_CONFIG = auto()
    SCRIPT = auto()


def kind_of(text: str) -> UserData:
    """How Karpenter reads the text: anything that is a YAML mapping is a NodeConfig to it."""
    if not text.strip():
        return UserData.NOTHING
    if text.strip().startswith(("MIME-Version:", "Content-Type:")):
        return UserData.ARCHIVE
    try:
        is_mapping = isinstance(yaml.safe_load(text), dict)
    except yaml.YAMLError:
        is_mapping = False
    return UserData.NODE_CONFIG if is_mapping else UserData.SCRIPT


def with_node_config(text: str, config: Mapping[str, Any]) -> str:
    """The userData of AL2023 with one NodeConfig more.

    Raises:
        ManifestError: the archive cannot be read, or a NodeConfig there says the opposite.
    """
    ours = yaml.safe_dump(dict(config), sort_keys=False)
    kind = kind_of(text)
    if kind is UserData.NOTHING:
        return ours
    if kind is UserData.ARCHIVE:
        return _in_archive(text, config, ours)
    if kind is UserData.NODE_CONFIG:
        if all(one.get("kind") != "NodeConfig" for one in _node_configs(text)):
            raise ManifestError(
                SUBJECT, "Karpenter takes it for a NodeConfig, which it is not: make it an archive"
            )
        if _says(text, config):
            return text
        _check(text, config)
    content_type = NODE_CONFIG if kind is UserData.NODE_CONFIG else SCRIPT
    parts = [(content_type, text), (NODE_CONFIG, ours)]
    head = f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="{BOUNDARY}"\n\n'
    if f"--{BOUNDARY}" in text.splitlines():
        raise ManifestError(SUBJECT, f"the script has a line --{BOUNDARY}: make it a MIME archive")
    return head + "".join(_part(*part, BOUNDARY) for part in parts) + f"--{BOUNDARY}--\n"


def with_toml(text: str, added: Mapping[str, Mapping[str, Any]]) -> str:
    """The userData of Bottlerocket with these tables (by their dotted names) as well.

    Comments and order stay as they are.

    Raises:
        ManifestError: it is no TOML, or sets one of the keys to another value.
    """
    before = _toml(text)
    wanted = before
    made = text if not text or text.endswith("\n") else f"{text}\n"
    for table, values in added.items():
        missing = _missing(before, table, values)
        if missing:
            made = _with_table(made, table, missing)
        wanted = _merged(wanted, _nested(table, values))
    if made != text and _toml_or_none(made) != wanted:
        tables = " and ".join(f"[{table}]" for table in added)
        raise ManifestError(SUBJECT, f"its tables are written so that none can be added: {tables}")
    return made


def toml_value(value: Any) -> str:
    """A text, number or switch in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if not re.fullmatch(r"[ !#-\[\]-~]*", text):
        raise ManifestError(SUBJECT, f"{text!r} is no plain text")
    return f'"{text}"'


def _part(content_type: str, text: str, boundary: str) -> str:
    # The line break before a boundary belongs to the boundary.
    return f"--{boundary}\nContent-Type: {content_type}\n\n{text}\n"


def _in_archive(text: str, config: Mapping[str, Any], ours: str) -> str:
    archive = message_from_string(text.strip())
    boundary = archive.get_boundary()
    if not archive.is_multipart() or boundary is None:
        raise ManifestError(SUBJECT, "it is no multi-part archive that can be read")
    for part in archive.walk():
        if part.get_content_type() == NODE_CONFIG:
            there = _payload(part)
            if _says(there, config):
                return text
            _check(there, config)
    # Karpenter would stumble over an empty line before the head.
    before, end, after = text.lstrip().rpartition(f"--{boundary}--")
    if not end or after.strip():
        raise ManifestError(SUBJECT, f"its archive does not end with --{boundary}--")
    made = _part(NODE_CONFIG, ours, boundary)
    if "\r\n" in before:
        # Go's reader wants all boundaries to end alike.
        made = made.replace("\n", "\r\n")
    return before + made + end + after


def _payload(part: Message) -> str:
    raw = part.get_payload(decode=True)
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else ""


def _node_configs(text: str) -> list[dict[str, Any]]:
    try:
        return [one for one in yaml.safe_load_all(text) if isinstance(one, dict)]
    except yaml.YAMLError as error:
        raise ManifestError(SUBJECT, f"a NodeConfig in it is no YAML: {error}") from error


def _gates(config: Mapping[str, Any]) -> Mapping[str, Any]:
    gates = (config.get("spec") or {}).get("featureGates")
    return gates if isinstance(gates, Mapping) else {}


def _says(text: str, config: Mapping[str, Any]) -> bool:
    """Whether a NodeConfig there has the same feature gates already."""
    wanted = _gates(config).items()
    return any(wanted <= _gates(one).items() for one in _node_configs(text))


def _check(text: str, config: Mapping[str, Any]) -> None:
    for one in _node_configs(text):
        for gate, value in _gates(config).items():
            if _gates(one).get(gate, value) != value:
                said = str(_gates(one)[gate]).lower()
                raise ManifestError(SUBJECT, f"a NodeConfig in it says {gate}: {said}; take it out")


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ManifestError(SUBJECT, f"it is no TOML, as Bottlerocket takes: {error}") from error


def _toml_or_none(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _missing(there: Mapping[str, Any], table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that the table lacks.

    Raises:
        ManifestError: it has another value.
    """
    found: Any = there
    for name in table.split("."):
        found = found.get(name, {})
        if not isinstance(found, Mapping):
            raise ManifestError(SUBJECT, f"{name} of [{table}] is no table there")
    for key, value in values.items():
        if found.get(key, value) != value:
            said = toml_value(found[key])
            raise ManifestError(
                SUBJECT, f"[{table}] has {key} = {said}, and would need {toml_value(value)}"
            )
    return {key: value for key, value in values.items() if key not in found}


def _with_table(text: str, table: str, values: Mapping[str, Any]) -> str:
    lines = "".join(f"{key} = {toml_value(value)}\n" for key, value in values.items())
    header = re.search(rf"^[ \t]*\[[ \t]*{re.escape(table)}[ \t]*\][^\n]*\n", text, re.MULTILINE)
    if header:
        return text[: header.end()] + lines + text[header.end() :]
    gap = "\n" if text else ""
    return f"{text}{gap}[{table}]\n{lines}"


def _nested(table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = dict(values)
    for name in reversed(table.split(".")):
        made = {name: made}
    return made


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(one)
    for key, value in other.items():
        below = made.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            made[key] = _merged(below, value)
        else:
            made[key] = value
    return made
