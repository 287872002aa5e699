"""Terraform's own language, from the structure of its JSON syntax.

The JSON syntax does not tell blocks from attributes: the reader knows the schema. So the few
blocks that our outputs have are named here. Everything else is an attribute.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

BLOCKS = frozenset({"scaling_config", "update_config", "taint", "lifecycle"})
"""Nested blocks of the resources that are written."""

LABELS = {"variable": 1, "resource": 2}
"""Top-level blocks, and how many names stand between their word and their brace."""

EXPRESSIONS = frozenset({"type", "ignore_changes"})
"""Attributes whose strings the JSON syntax reads as expressions; a manifest's are not among
them, as they lie deeper."""

_REFERENCE = re.compile(r"\$\{([^{}]+)\}")
_BARE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_LINES = re.compile(r"(?:[^\x00-\x1f\x7f]*\n){2,}")
"""Texts of several lines, such as YAML in a string, are written as lines."""
_END = "EOT"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def to_hcl(document: Mapping[str, Any]) -> str:
    """The document as a ``.tf`` file; what stands under ``//`` becomes comments at its head."""
    lines = [f"# {told}" for told in document.get("//", ())]
    for word, depth in LABELS.items():
        for names, body in _labelled(document.get(word, {}), depth):
            lines += ["", " ".join([word, *(_quoted(name) for name in names), "{"])]
            lines += [*_body(body, "  "), "}"]
    return "\n".join(lines).lstrip("\n") + "\n"


def _labelled(
    level: Mapping[str, Any], depth: int
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    if depth == 0:
        yield (), level
        return
    for name, inner in level.items():
        for names, body in _labelled(inner, depth - 1):
            yield (name, *names), body


def _body(body: Mapping[str, Any], indent: str) -> Iterator[str]:
    plain: list[tuple[str, str]] = []
    for key, value in body.items():
        if key not in BLOCKS:
            text = _expression(value) if key in EXPRESSIONS else _value(value, indent)
            plain.append((key, text))
            continue
        yield from _aligned(plain, indent)
        plain = []
        for one in value if isinstance(value, list) else [value]:
            yield f"{indent}{key} {{"
            yield from _body(one, f"{indent}  ")
            yield f"{indent}}}"
    yield from _aligned(plain, indent)


def _aligned(pairs: Iterable[tuple[str, str]], indent: str) -> Iterator[str]:
    """Lines ``key = value`` with the signs of neighbours in one column, as ``terraform fmt`` does.

    A value over several lines stands alone, but for a text between marks.
    """
    for is_short, group in groupby(pairs, key=lambda pair: _is_short(pair[1])):
        members = list(group)
        width = max(len(key) for key, _ in members) if is_short else 0
        for key, text in members:
            yield f"{indent}{key:{width}} = {text}"


def _is_short(text: str) -> bool:
    return "\n" not in text or text.startswith("<<")


def _expression(value: Any) -> str:
    return f"[{', '.join(value)}]" if isinstance(value, list) else str(value)


def _value(value: Any, indent: str) -> str:
    inner = f"{indent}  "
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str():
            return _text(value)
        case Mapping():
            pairs = [(_key(key), _value(one, inner)) for key, one in value.items()]
            return "\n".join(["{", *_aligned(pairs, inner), f"{indent}}}"]) if pairs else "{}"
        case Sequence():
            items = [f"{inner}{_item(one, inner)}," for one in value]
            return "\n".join(["[", *items, f"{indent}]"]) if items else "[]"
        case _:
            raise TypeError(f"{type(value).__name__} has no place in Terraform's language")


def _item(value: Any, indent: str) -> str:
    """In a list the comma follows at once, and the end of a text between marks stands alone."""
    text = _value(value, indent)
    return _quoted(value) if text.startswith("<<") else text


def _text(value: str) -> str:
    if reference := _REFERENCE.fullmatch(value):
        return reference[1]
    if _LINES.fullmatch(value) and f"\n{_END}\n" not in f"\n{value}":
        return f"<<{_END}\n{value}{_END}"
    return _quoted(value)


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _quoted(key)


def _quoted(text: str) -> str:
    escaped = _CONTROL.sub(lambda one: f"\\u{ord(one[0]):04x}", text.translate(_ESCAPES))
    return f'"{escaped}"'
