"""``spotcast keys``: who may ask the server, and for what."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from api.errors import UsageError
from api.options import Output, span
from api.options import Warehouse as WarehouseOption
from api.output import Column, Format, note, write
from api.security.key_file import change_keys, read_keys
from api.security.keys import Key, new_key, rotated
from api.security.principal import Scope
from api.settings import Settings
from api.units import age_text
from api.wiring import utc_now

keys_app = typer.Typer(
    help="Make, list, revoke and rotate the API keys of `spotcast serve`.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

LIFETIME = "90d"
"""So that a key that was lost and forgotten ends by itself."""

GRACE = "24h"
"""How long a rotated key goes on: enough to hand out the new one."""

NEVER = "never"
COLUMNS = (
    Column("id", "ID"),
    Column("name", "NAME"),
    Column("scopes", "SCOPES", ", ".join),
    Column("state", "STATE"),
    Column("age", "AGE", is_right=True),
    Column("expires", "EXPIRES"),
)


def _lifetime(text: str) -> timedelta | None:
    found = None if text == NEVER else span(text)
    if found is not None and not timedelta() < found <= timedelta(days=36_500):
        raise typer.BadParameter(f"{text!r}: give a time above 0 and below 100 years, or never")
    return found


@keys_app.command("create")
def create_command(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="Who gets it; stands in logs and in the audit.")],
    scope: Annotated[
        list[Scope],
        typer.Option(help="What it allows; may be repeated. None contains another."),
    ],
    expires: Annotated[
        str, typer.Option(help="How long it is good, such as 90d, or never.", metavar="TIME")
    ] = LIFETIME,
    warehouse: WarehouseOption = None,
) -> None:
    """Make a key and show it, this once.

    read answers questions, ingest takes pushed events, act asks for nodes to be replaced.
    """
    lifetime = _lifetime(expires)
    try:
        made, text = new_key(name, frozenset(scope), now=utc_now(), lifetime=lifetime)
    except ValidationError as error:
        raise UsageError(
            f"--name {name!r}: give 1 to 64 letters, digits, blanks and . _ @ -, starting with a "
            "letter or digit"
        ) from error
    change_keys(_path(context, warehouse), lambda keys: [*keys, made])
    _show(text, made)


@keys_app.command("list")
def list_command(
    context: typer.Context, output: Output = Format.TABLE, warehouse: WarehouseOption = None
) -> None:
    """Show the keys: what each allows, whether it is good, and until when."""
    now = utc_now()
    rows = [_row(key, now) for key in read_keys(_path(context, warehouse))]
    write(output, COLUMNS, rows, name="keys", about={"as_of": now})


@keys_app.command("revoke")
def revoke_command(
    context: typer.Context,
    identity: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as listed.")],
    warehouse: WarehouseOption = None,
) -> None:
    """End a key at once; a server that runs sees it within a second."""
    now = utc_now()

    def revoked(key: Key) -> list[Key]:
        return [key if key.revoked_at else key.model_copy(update={"revoked_at": now})]

    change_keys(_path(context, warehouse), lambda keys: _with(keys, identity, revoked))
    note(f"{identity} is revoked.")


@keys_app.command("rotate")
def rotate_command(
    context: typer.Context,
    identity: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as listed.")],
    grace: Annotated[
        str, typer.Option(metavar="TIME", help="How long the old key stays good.")
    ] = GRACE,
    warehouse: WarehouseOption = None,
) -> None:
    """Make a key in place of another: the same name and scopes, good for as long again."""
    now, wait = utc_now(), span(grace)
    shown: list[tuple[str, Key]] = []

    def exchanged(key: Key) -> list[Key]:
        if not key.is_good(now):
            raise UsageError(f"{identity} is {key.state(now)}: make a new key instead")
        old, made, text = rotated(key, now=now, grace=wait)
        shown.append((text, made))
        return [old, made]

    change_keys(_path(context, warehouse), lambda keys: _with(keys, identity, exchanged))
    for text, made in shown:
        _show(text, made)
        note(f"{identity} stays good for {age_text(wait)}, unless it expires before.")


def _path(context: typer.Context, warehouse: Path | None) -> Path:
    settings: Settings = context.obj
    return settings.at(warehouse).keys


def _with(keys: list[Key], identity: str, change: Callable[[Key], list[Key]]) -> list[Key]:
    """The keys, with what ``change`` makes of the one with this id.

    Raises:
        UsageError: there is none.
    """
    if not any(key.id == identity for key in keys):
        raise UsageError(f"{identity!r} is the id of no key: `spotcast keys list` shows them")
    return [new for key in keys for new in (change(key) if key.id == identity else [key])]


def _show(text: str, key: Key) -> None:
    """The key alone on standard output, so that it can be piped into a secret store."""
    typer.echo(text)
    end = f"until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "for ever"
    note(
        f"Key {key.id} for {key.name}: {', '.join(sorted(key.scopes))}, {end}. Keep it now: only "
        "its hash is stored, it cannot be shown again."
    )


def _row(key: Key, now: datetime) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "state": key.state(now),
        "created_at": key.created_at,
        "age": age_text(now - key.created_at),
        "expires_at": key.expires_at,
        "expires": f"{key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else NEVER,
        "revoked_at": key.revoked_at,
        "replaced_by": key.replaced_by,
    }
