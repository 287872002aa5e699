"""A tool before any protocol: what it asks for, what it answers, and how it says so to people."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.service.state import Service

MOST = 50
"""Rows in an answer: what an agent reads costs it tokens, and a page more is a question more."""

NAMES_SHOWN = 40
"""Arguments that an error lists; no tool has more."""

Asks = TypeVar("Asks", bound=BaseModel)
Answers = TypeVar("Answers", bound=BaseModel)

Limit = Annotated[int, Field(ge=1, le=MOST, description="Rows in the answer, at most.")]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Arguments(BaseModel):
    """What a tool asks for. An argument that it does not know is an error that names it."""

    model_config = ConfigDict(extra="forbid")


class ArgumentError(Exception):
    """The tool cannot be asked like this; the sentence names the argument."""


@dataclass(frozen=True, slots=True)
class Tool(Generic[Asks, Answers]):
    """One question that agents can ask; it changes nothing.

    ``description`` is read by the model that chooses among the tools. ``text`` says the answer
    in a few lines; the answer itself goes along whole, as data.
    """

    name: str
    title: str
    description: str
    asks: type[Asks]
    answers: type[Answers]
    answer: Callable[[Service, Asks], Answers]
    text: Callable[[Answers], str]

    def call(self, service: Service, given: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """The answer as values of JSON, and in words.

        Raises:
            ArgumentError: an argument is wrong, missing or not known.
        """
        answer = self.answer(service, asked(self.asks, given))
        return answer.model_dump(mode="json"), self.text(answer)


def asked(kind: type[Asks], given: Mapping[str, Any]) -> Asks:
    """The arguments as the tool takes them.

    Raises:
        ArgumentError: one is wrong, missing or not known.
    """
    try:
        return kind.model_validate(_loosened(kind, given))
    except ValidationError as error:
        wrong = [_sentence(kind, dict(one)) for one in error.errors(include_url=False)]
        raise ArgumentError(" ".join(wrong)) from error


def _loosened(kind: type[BaseModel], given: Mapping[str, Any]) -> dict[str, Any]:
    """Null is not given, and a list may come as a text of it or as its only item.

    Some clients send lists as texts of JSON, and null for whatever they leave out.
    """
    loose: dict[str, Any] = {}
    for name, value in given.items():
        field = kind.model_fields.get(name)
        if field is not None and value is None and not field.is_required():
            continue
        wants_list = field is not None and get_origin(field.annotation) is list
        loose[name] = _listed(value) if wants_list and isinstance(value, str) else value
    return loose


def _listed(text: str) -> Any:
    if text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return [text]


def _sentence(kind: type[BaseModel], error: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in error["loc"]) or "arguments"
    if error["type"] == "extra_forbidden":
        known = ", ".join(list(kind.model_fields)[:NAMES_SHOWN])
        return f"{place}: there is no such argument; there are {known or 'none'}."
    if error["type"] == "missing":
        return f"{place}: this argument must be given."
    return f"{place}: {error['msg']}."
