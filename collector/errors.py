"""What can go wrong with a source, one class per reaction of the caller.

A message reads "feed: what", so that it can stand alone in a log, a table or the database.
"""

from datetime import datetime


class SourceError(Exception):
    """Base of all errors of a source."""

    def __init__(self, source: str, what: str) -> None:
        super().__init__(f"{source}: {what}")
        self.source = source
        self.what = what


class SourceUnavailableError(SourceError):
    """It did not answer, or said it cannot now: try again later.

    ``retry_after_seconds`` is the source's own wish, None if it gave none.
    """

    def __init__(self, source: str, what: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(source, what)
        self.retry_after_seconds = retry_after_seconds


class SourceDeniedError(SourceError):
    """It refused us: a person must mend a key, a role or a setting."""


class SourceChangedError(SourceError):
    """It answered in a form we do not know: nothing is stored, a person must look."""


class ImplausibleError(SourceError):
    """It gave a value that cannot be true: nothing of the run is stored."""


class NotOfferedError(SourceError):
    """It has nothing for us here, and that is no fault: the region is not opted in, say."""


class UnchangedError(SourceError):
    """It says what it said at the last good run: there is nothing to parse or to store.

    ``published_at`` is its own date for what it says, None if it gave none.
    """

    def __init__(self, source: str, published_at: datetime | None = None) -> None:
        super().__init__(source, "unchanged since the last good run")
        self.published_at = published_at


class ShrunkError(SourceError):
    """It told of far less than at the last good run: kept aside until a person has looked."""


class NotRecordedError(NotOfferedError):
    """Replay only: the folder holds no payload for the request."""
