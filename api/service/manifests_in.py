"""Manifests that a request carries: YAML or JSON of somebody we do not know.

Read by the safe loader, and only after it was seen that it is small, shallow, and does not grow by
aliases: nine lines of YAML can stand for a thousand million values. What is read is what JSON has,
as Kubernetes itself turns every manifest into JSON first.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import yaml
from pydantic import Field

from advisor.errors import ManifestError
from advisor.yaml_loader import KubernetesLoader
from api.manifest_files import manifests_of

MOST_CHARACTERS = 512 * 1024
"""Of YAML; etcd, where Kubernetes keeps an object, takes 1.5 MiB of it, and real ones are small."""
MOST_VALUES = 50_000
"""Scalars, lists and mappings, aliases written out: a hundred pods as the cluster tells them."""
MOST_DEPTH = 40
"""Lists and mappings within each other; a pod's deepest field has 12."""
MOST_INTEGER = 2**63
"""Kubernetes has no number of more than 64 bits."""

TOO_MUCH = (
    f"more than {MOST_VALUES} values with aliases written out, or more than {MOST_DEPTH} levels: "
    "send fewer manifests at once"
)

PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")
)

Given = str | Mapping[str, Any] | Sequence[Any]

Manifests = Annotated[
    Annotated[str, Field(max_length=MOST_CHARACTERS)]
    | dict[str, Any]
    | Annotated[list[dict[str, Any]], Field(max_length=1_000)],
    Field(description="Manifests of Kubernetes: YAML in a string, or as JSON, one or a list."),
]
"""For a field of a request's body."""


def documents_in(given: Given, field: str) -> list[Any]:
    """The documents, without empty ones; ``field`` is where they stand in the request.

    Raises:
        ManifestError: they are no YAML, or none that is taken; says in which document and where.
    """
    if isinstance(given, str):
        _check_events(given, field)
        documents = _loaded(given, field)
    else:
        documents = [given] if isinstance(given, Mapping) else list(given)
    total = 0
    for at, document in enumerate(documents, 1):
        for value, depth, path in _values(document, f"{field} document {at}"):
            total += 1
            if total > MOST_VALUES or depth > MOST_DEPTH:
                raise ManifestError(path, TOO_MUCH)
            _check_value(value, path)
    return [one for one in documents if one is not None]


def manifests_in(
    given: str | Mapping[str, Any] | Sequence[Any], field: str
) -> list[dict[str, Any]]:
    """The manifests, with those in a List, each with a kind, a name and fields of the right form.

    Raises:
        ManifestError: as `documents_in`; or one has a field that no API server would give it.
        UsageError: something is no manifest.
    """
    found = manifests_of(documents_in(given, field), field)
    for one in found:
        _check_form(one, f"{field}: {one['kind']} {one['metadata']['name']}")
    return found


def _check_events(text: str, field: str) -> None:
    """Refuse what is too large once its aliases are written out; nothing is built for that."""
    document = 0
    size = _Size()
    try:
        for event in yaml.parse(text, Loader=KubernetesLoader):
            line = 0 if event.start_mark is None else event.start_mark.line + 1
            place = f"{field} document {document}, line {line}"
            if isinstance(event, yaml.DocumentStartEvent):
                document += 1
            if reason := size.refuses(event):
                raise ManifestError(place, reason)
    except (yaml.YAMLError, ValueError) as error:
        raise ManifestError(field, f"no YAML: {' '.join(str(error).split())}") from error


class _Size:
    """How many values the events of YAML come to, with aliases written out."""

    def __init__(self) -> None:
        self._total = 0
        self._open = list[tuple[str | None, int]]()
        self._of_anchor = dict[str, int]()

    def refuses(self, event: yaml.Event) -> str | None:
        """Take an event; why it is not to be had, None if it is."""
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._of_anchor:
                return f"the alias *{event.anchor} is within what it names, or names nothing"
            self._total += self._of_anchor[event.anchor]
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, since = self._open.pop()
            self._name(anchor, self._total - since)
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            if event.tag not in {None, "!", *PLAIN_TAGS}:
                return f"the tag {event.tag} is not taken: no manifest has one"
            if isinstance(event, yaml.ScalarEvent):
                self._name(event.anchor, 1)
            else:
                self._open.append((event.anchor, self._total))
            self._total += 1
        is_large = self._total > MOST_VALUES or len(self._open) > MOST_DEPTH
        return TOO_MUCH if is_large else None

    def _name(self, anchor: str | None, size: int) -> None:
        if anchor is not None:
            self._of_anchor[anchor] = size


def _loaded(text: str, field: str) -> list[Any]:
    try:
        return list(yaml.load_all(text, Loader=KubernetesLoader))
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # ValueError: of a number with more digits than Python reads.
        raise ManifestError(field, f"no YAML: {' '.join(str(error).split())}") from error


def _values(document: Any, path: str) -> Iterator[tuple[Any, int, str]]:
    """Each value and key of a document, how deep it stands, and where."""
    waiting = [(document, 0, path)]
    while waiting:
        value, depth, place = waiting.pop()
        yield value, depth, place
        if isinstance(value, Mapping):
            for key, own in value.items():
                if not isinstance(key, str):
                    raise ManifestError(place, f"the key {key!r:.60} is no text: quote it")
                _check_value(key, place)
                waiting.append((own, depth + 1, f"{place}: {key:.60}"))
        elif isinstance(value, list):
            waiting += [(own, depth + 1, place) for own in value]


def _check_value(value: Any, place: str) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ManifestError(place, "half a character, which no text has") from error
    elif isinstance(value, int) and abs(value) > MOST_INTEGER:
        raise ManifestError(place, "a number of more than 64 bits")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ManifestError(place, f"{value} is no number that JSON has")


def _check_form(manifest: Mapping[str, Any], subject: str) -> None:
    """The fields that every object has, in the form that the API server gives them."""
    for name in ("spec", "status"):
        if not isinstance(manifest.get(name) or {}, Mapping):
            raise ManifestError(subject, f"{name} holds no fields")
    about = manifest["metadata"]
    for name in ("labels", "annotations"):
        texts = about.get(name)
        if not isinstance(texts or {}, Mapping) or not all(
            isinstance(one, str) for one in (texts or {}).values()
        ):
            raise ManifestError(subject, f"metadata.{name} maps no text to text; quote the values")
    conditions = (manifest.get("status") or {}).get("conditions")
    if not isinstance(conditions or [], list) or not all(
        isinstance(one, Mapping) for one in conditions or ()
    ):
        raise ManifestError(subject, "status.conditions is no list of conditions")
