"""The channel ``folder``: each message is a folder, there in whole or not at all."""

import os
import shutil
from pathlib import Path

from api.config.channels import FolderChannel
from api.delivery.errors import DeliveryError
from api.delivery.parcel import Parcel, files_of


def put(channel: FolderChannel, parcel: Parcel) -> None:
    """Write the message; one that is there already is left as it is.

    Raises:
        DeliveryError: the folder cannot be written to.
    """
    home = channel.path.expanduser()
    goal = home / parcel.name
    try:
        if goal.exists():
            return
        home.mkdir(parents=True, exist_ok=True)
        # A name of its own, so that what a killed process left is simply written again.
        begun = home / f".{parcel.name}.partial"
        shutil.rmtree(begun, ignore_errors=True)
        begun.mkdir()
        for name, text in files_of(parcel).items():
            _write(begun / name, text)
        begun.rename(goal)
    except OSError as error:
        raise DeliveryError(f"{home}: {error.strerror or error}") from error


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
