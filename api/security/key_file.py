"""The file of API keys: read by the server, changed by ``spotcast keys``.

It is replaced as a whole, so that a reader sees the keys of before or of after and nothing
between; a lock lets one change follow the other.
"""

import os
import stat
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from api.errors import UsageError
from api.security.keys import Key

OPEN_BITS = stat.S_IWGRP | stat.S_IRWXO
"""Nobody else may read or write it. The group may read: Kubernetes mounts a Secret so for a
process that is not root (``fsGroup``), and it holds hashes alone."""


class KeyFileError(UsageError):
    """The file cannot be trusted or read; says why, and how to mend it."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    keys: Sequence[Key]


def read_keys(path: Path) -> list[Key]:
    """The keys in the file; none if there is no file.

    Raises:
        KeyFileError: others may read or change it, or it is no such file.
    """
    try:
        with path.open("rb") as file:
            _check(path, os.fstat(file.fileno()))
            text = file.read()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise KeyFileError(f"{path}: the keys cannot be read: {error.strerror}") from error
    return _parsed(path, text)


def _check(path: Path, there: os.stat_result) -> None:
    if sys.platform == "win32":  # its modes say nothing of who may read
        return
    if there.st_mode & OPEN_BITS:
        raise KeyFileError(
            f"{path}: others on this machine may read or change the keys (mode "
            f"{stat.S_IMODE(there.st_mode):04o}): run `chmod 600 {path}`, and rotate the keys if "
            "you do not know who did"
        )
    if there.st_uid not in {0, os.geteuid()}:
        raise KeyFileError(f"{path}: belongs to another user, who could change the keys")


def _parsed(path: Path, text: bytes) -> list[Key]:
    try:
        keys = list(_File.model_validate_json(text).keys)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise KeyFileError(
            f"{path}: is damaged{place and f' at {place}'}: {first['msg']}. Restore it, or move "
            "it away and make new keys with `spotcast keys create`"
        ) from None
    if len({key.id for key in keys}) != len(keys):
        raise KeyFileError(f"{path}: is damaged: two keys have the same id")
    return keys


def change_keys(path: Path, change: Callable[[list[Key]], list[Key]]) -> None:
    """Replace the keys by what ``change`` makes of them, with no other change in between.

    Raises:
        KeyFileError: it cannot be read or written.
    """
    path = path.resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.with_name(f"{path.name}.lock")):
            _replace(path, _File(keys=change(read_keys(path))).model_dump_json(indent=2))
    except OSError as error:
        raise KeyFileError(f"{path}: the keys cannot be written: {error.strerror}") from error


@contextmanager
def _locked(path: Path) -> Generator[None]:
    if sys.platform == "win32":
        raise KeyFileError("API keys are kept on Linux and macOS only")
    import fcntl  # noqa: PLC0415 - not there on Windows

    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # which unlocks


def _replace(path: Path, text: str) -> None:
    """Write beside it, to the disk, and put it in its place. ``mkstemp`` gives mode 0600."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
