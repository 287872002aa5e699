"""Secrets of channels: read when needed, from where the configuration says, kept nowhere."""

from collections.abc import Mapping
from pathlib import Path

from api.config.channels import ChannelSection
from api.delivery.errors import DeliveryError

LARGEST = 64 * 1024
"""Characters of a secret file that are read; more is some other file."""


def secret_of(channel: ChannelSection, name: str, environ: Mapping[str, str]) -> str | None:
    """The secret that ``<name>_env`` or ``<name>_file`` of a channel names; None if neither does.

    Raises:
        DeliveryError: it is not where it should be.
    """
    variable: str | None = getattr(channel, f"{name}_env", None)
    if variable:
        if text := environ.get(variable, "").strip():
            return text
        raise DeliveryError(f"{name}_env: the environment variable {variable} is not set")
    path: Path | None = getattr(channel, f"{name}_file", None)
    return None if path is None else _read(path, f"{name}_file")


def _read(path: Path, setting: str) -> str:
    try:
        with path.expanduser().open(encoding="utf-8") as file:
            text = file.read(LARGEST).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise DeliveryError(f"{setting}: {path} cannot be read: {reason}") from error
    if not text:
        raise DeliveryError(f"{setting}: {path} is empty")
    return text
