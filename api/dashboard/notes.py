"""What must be said of an answer, in the reader's language."""

from api.dashboard.language import Words

Note = tuple[str, str, str | None]
"""Its kind (stale, warning, error or nothing), its text, and the language of the text if that is
not the page's."""


def notes_of(words: Words, risk_basis: str | None, *, is_stale: bool) -> list[Note]:
    """What the risk of an answer rests on, and whether its data are old."""
    notes: list[Note] = []
    if is_stale:
        notes.append(("stale", words("note.stale"), None))
    if risk_basis:
        notes.append(("", words(f"basis.{risk_basis}"), None))
    return notes


def in_english(words: Words, text: str, kind: str = "") -> Note:
    """A sentence of the service itself, which speaks English."""
    return (kind, text, None if words.language == "en" else "en")
