"""XML of a queue, read without what makes XML dangerous: a document type is refused at once.

Without one there are no entities, so nothing is expanded and nothing is fetched.
"""

from typing import NoReturn
from xml.etree import ElementTree as ET

Element = ET.Element


class _NoDoctype(ET.TreeBuilder):
    """Builds the tree, and stops the parser where a document type begins."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> NoReturn:
        del name, pubid, system
        raise ValueError("the XML has a document type")


def root_of(body: str | bytes) -> Element:
    """The document's outermost element.

    Raises:
        ValueError: it is no XML, or has a document type.
    """
    parser = ET.XMLParser(target=_NoDoctype())  # noqa: S314 - refuses the document type
    try:
        parser.feed(body)
        return parser.close()
    except ET.ParseError as error:
        raise ValueError(f"not XML ({error})") from error


def name_of(element: Element) -> str:
    """The element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def texts_of(element: Element) -> dict[str, str]:
    """What the elements inside say, by name; nothing is said by an empty one."""
    return {name_of(one): (one.text or "").strip() for one in element}
