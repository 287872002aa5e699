"""What a page is asked, read from its address as forms and people write it.

A form sends its empty fields, and people paste addresses with things added to them: what is empty
or not ours is passed over, what is wrong is said beside its field.
"""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar, get_origin

from fastapi import Request
from pydantic import BaseModel, ValidationError

Q = TypeVar("Q", bound=BaseModel)

LONGEST = 500
"""Characters of a field that are shown again; longer ones are refused by the models."""


class Asked(Generic[Q]):
    """The query of a page; ``query`` is None where a field is wrong, and ``errors`` say which."""

    def __init__(self, model: type[Q], given: Mapping[str, Any]) -> None:
        self.given = given
        self.query: Q | None = None
        self.errors: dict[str, str] = {}
        try:
            self.query = model.model_validate(given)
        except ValidationError as error:
            self.errors = {str(one["loc"][0]): one["msg"] for one in error.errors() if one["loc"]}

    def text(self, name: str) -> str:
        """What was given for a field, as its input shows it again."""
        value = self.given.get(name, "")
        return (", ".join(value) if isinstance(value, list) else str(value))[:LONGEST]


def asked(request: Request, model: type[Q]) -> Asked[Q]:
    """What the address asks of a page."""
    given: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        values = [one.strip() for one in request.query_params.getlist(name) if one.strip()]
        if not values:
            continue
        is_list = get_origin(field.annotation) is list
        given[name] = _listed(values) if is_list else values[-1]
    return Asked(model, given)


def _listed(values: list[str]) -> list[str]:
    """Several may stand in one field: ``us-east-1, us-west-2``."""
    return [part for one in values for part in one.replace(",", " ").split()]
