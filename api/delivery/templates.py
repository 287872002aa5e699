"""Jinja, for what is sent: our own forms and those of the user, which can do nothing but write."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import (
    FileSystemLoader,
    PackageLoader,
    StrictUndefined,
    TemplateError,
    Undefined,
    select_autoescape,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from api.delivery.errors import DeliveryError
from api.delivery.parcel import Parcel


def page(name: str, parcel: Parcel) -> str:
    """One of our own forms, filled in; what it names is escaped where it is HTML."""
    return _own().get_template(name).render(facts_of(parcel))


def filled(template: Path, parcel: Parcel) -> str:
    """A user's template, filled in. It may use what `facts_of` names, and ``|tojson``.

    Raises:
        DeliveryError: it cannot be read, or is wrong; says where.
    """
    place = template.expanduser()
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(place.parent),
        undefined=StrictUndefined,
        # It makes JSON or plain text.
        autoescape=False,
        keep_trailing_newline=True,
    )
    environment.filters["tojson"] = _json
    try:
        return environment.get_template(place.name).render(facts_of(parcel))
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        where = f"{template}:{line}" if line else str(template)
        raise DeliveryError(f"template {where}: {error.message or type(error).__name__}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DeliveryError(f"template {template} cannot be read: {error}") from error
    except Exception as error:  # whatever an expression of the user's comes to
        raise DeliveryError(f"template {template}: {error}") from error


def facts_of(parcel: Parcel) -> Mapping[str, Any]:
    """What a template can name: the notice's fields, ``subject``, ``message_id``, ``receiver``."""
    notice = parcel.notice
    return {
        **notice.model_dump(mode="json"),
        "subject": notice.subject,
        "message_id": parcel.message_id,
        "receiver": parcel.receiver,
    }


def _json(value: Any) -> str:
    """A value as JSON; Jinja's own filter does not say which name is unknown."""
    return json.dumps(str(value) if isinstance(value, Undefined) else value)


@cache
def _own() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=PackageLoader("api.delivery", "forms"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(("html",)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
