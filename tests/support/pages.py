"""A page as a test reads it: by the standard library, as no browser would forgive less."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "img", "br", "source"}
Attributes = dict[str, str | None]


@dataclass(slots=True)
class Element:
    """One element, with all text in it."""

    tag: str
    attributes: Attributes
    text: str = ""
    inside: list[str] = field(default_factory=list)


class Html(HTMLParser):
    """All elements of a document in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(text)
        self.close()
        assert not self._open, f"never closed: {[one.tag for one in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element."""
        made = Element(tag, dict(attrs), inside=[one.tag for one in self._open])
        self.elements.append(made)
        if tag not in VOID:
            self._open.append(made)

    def handle_endtag(self, tag: str) -> None:
        """It must be the one that was opened last."""
        assert self._open, f"</{tag}> closes nothing"
        last = self._open.pop()
        assert last.tag == tag, f"</{tag}> closes <{last.tag}>"

    def handle_data(self, data: str) -> None:
        """Text belongs to all that are open."""
        for one in self._open:
            one.text += data

    def all(self, tag: str, **wanted: str) -> list[Element]:
        """The elements of a tag with these attributes; ``class_`` is one of several."""
        class_ = wanted.pop("class_", None)
        return [
            one
            for one in self.elements
            if one.tag == tag
            and all(one.attributes.get(name) == value for name, value in wanted.items())
            and (class_ is None or class_ in (one.attributes.get("class") or "").split())
        ]

    def by_id(self, name: str) -> Element:
        """The element of an id."""
        return next(one for one in self.elements if one.attributes.get("id") == name)
