"""What a configuration has that is no error and yet is not what somebody wants."""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from api.config.places import channels_named, leaves, value_at
from api.config.reading import Configured
from api.config.table import NAME, PREFIX, SECRETS, by_variable, rows
from api.delivery.checking import unfit
from api.settings import CONFIG


def warnings(found: Configured) -> Iterator[str]:
    """A sentence for each."""
    yield from _unknown_variables(found)
    yield from _hidden(found)
    yield from _unused_channels(found)
    yield from _without_effect(found)
    yield from _secrets(found)
    yield from _folders(found)
    yield from _channels(found)


def _unknown_variables(found: Configured) -> Iterator[str]:
    known = {*by_variable(), *SECRETS, CONFIG}
    named = {
        value
        for place, value in leaves(found.document.tree if found.document else {})
        if place and str(place[-1]).endswith("_env")
    }
    for name in sorted(found.given):
        if name.startswith(PREFIX) and name not in known | named:
            near = get_close_matches(name, known, n=1)
            yield f"{name}: nothing reads it" + (f"; did you mean {near[0]}?" if near else "")


def _hidden(found: Configured) -> Iterator[str]:
    for row in by_variable().values():
        if found.document and found.document.has(row.path) and found.given.get(row.variable or ""):
            yield (
                f"{found.document.place(row.path)}: {row.key}: {row.variable} is set and goes "
                "before it"
            )


def _unused_channels(found: Configured) -> Iterator[str]:
    used = {name for _, name in channels_named(found.configuration)}
    for name in found.configuration.channels:
        if name not in used:
            yield (
                f"{_place(found, ('channels', name))}: channels.{name}: nothing is sent there; "
                "name it in reports.channels or alerts.channels"
            )


def _without_effect(found: Configured) -> Iterator[str]:
    config = found.configuration
    document = found.document
    if document is None:
        return
    if config.serve.guard == "off" and document.tree.get("guard") and document.tree.get("serve"):
        yield (
            f"{_place(found, ('guard',))}: guard: `spotcast serve` guards nothing while "
            'serve.guard is "off"'
        )
    for key, wants in (("oidc_claim", "oidc_issuer"), ("oidc_scopes", "oidc_issuer")):
        path = ("security", key)
        if document.has(path) and not found.environ.get(f"SPOTCAST_{wants.upper()}"):
            yield f"{_place(found, path)}: security.{key}: no effect without security.{wants}"


def _secrets(found: Configured) -> Iterator[str]:
    """Whether what holds a secret is there; it is not read."""
    if found.document is None:
        return
    for place, value in leaves(found.document.tree):
        at = f"{_place(found, place)}: {'.'.join(map(str, place))}"
        if not place or not isinstance(value, str):
            continue
        if str(place[-1]).endswith("_env") and not found.given.get(value):
            yield f"{at}: the variable {value} is not set"
        if str(place[-1]).endswith("_file"):
            path = found.document.path.parent / Path(value).expanduser()
            if not os.access(path, os.R_OK):
                yield f"{at}: {path} is not there, or may not be read"


def _folders(found: Configured) -> Iterator[str]:
    for row in rows():
        if row.path[-1] == "folder" and NAME not in row.path:
            value: Any = value_at(found.configuration, row.path)
            if value and not _can_write(Path(value)):
                yield f"{found.origin(row)}: {row.key}: {value} cannot be written to"
    warehouse = found.environ.get("SPOTCAST_WAREHOUSE")
    if warehouse and not _can_write(Path(warehouse).expanduser().parent):
        row = by_variable()["SPOTCAST_WAREHOUSE"]
        yield f"{found.origin(row)}: {row.key}: the folder of {warehouse} cannot be written to"


def _channels(found: Configured) -> Iterator[str]:
    """What would keep a channel from delivering; whether its secrets are there is told above."""
    for name, channel in found.configuration.channels.items():
        for trouble in unfit(name, channel, found.environ):
            yield f"{_place(found, ('channels', name))}: channels.{name}: {trouble}"


def _can_write(folder: Path) -> bool:
    """Whether it is a folder that may be written to, or can be made."""
    there = folder.absolute()
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _place(found: Configured, path: tuple[str | int, ...]) -> str:
    return found.document.place(path) if found.document else "the environment"
