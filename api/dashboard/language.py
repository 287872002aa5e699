"""The words of the pages: one catalogue per language, all with the same keys.

A language is chosen by the link (``?lang=zh``), else by the cookie that such a link left, else by
what the browser asks for, else it is English.
"""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "中文"}
"""Each language's code and its own name."""

DEFAULT = "en"


class Words:
    """The catalogue of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.tag = {"en": "en", "zh": "zh-CN"}[language]
        """For ``lang`` of the page."""
        self._catalogue = catalogue(language)

    def __call__(self, key: str, **values: Any) -> str:
        """The words of ``key``, with values put into their ``{places}``.

        Raises:
            KeyError: there are no such words: a fault of ours, not of the data.
        """
        text = self._catalogue[key]
        return text.format(**values) if values else text

    def of(self, family: str, value: object) -> str:
        """The word for a value of the vocabulary; the value itself if it has none."""
        return self._catalogue.get(f"{family}.{value}", str(value))

    def family(self, name: str) -> Mapping[str, str]:
        """All values of the vocabulary that a family has a word for."""
        before = f"{name}."
        return {
            key.removeprefix(before): text
            for key, text in self._catalogue.items()
            if key.startswith(before)
        }


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """All words of a language, by dotted key."""
    text = files("api.dashboard").joinpath(f"words/{language}.toml").read_text(encoding="utf-8")
    return dict(_flat(tomllib.loads(text)))


def _flat(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", str(value)


def chosen(asked: str | None, kept: str | None, header: str) -> str:
    """The language for a request: its ``lang``, its cookie, its ``Accept-Language``."""
    for one in (asked, kept):
        if one in LANGUAGES:
            return str(one)
    return next((one for one in _preferred(header) if one in LANGUAGES), DEFAULT)


def _preferred(header: str) -> list[str]:
    """The languages of the header, best first, without their region."""
    found: list[tuple[float, str]] = []
    for part in header[:500].split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            weight = 0.0
        if weight > 0:
            found.append((weight, tag.split("-")[0].lower()))
    return [tag for _, tag in sorted(found, key=lambda one: -one[0])]
