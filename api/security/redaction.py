"""Takes secrets out of what is logged.

Nothing here logs one. This is for the day when a library, or an error's text, does.
"""

import logging
import re

PATTERNS = (
    (re.compile(r"(spotcast_[0-9a-z]+)_[0-9A-Za-z]+", re.ASCII), r"\1_[redacted]"),
    (re.compile(r"\b(Bearer|Basic)(\s+)[^\s\"',;]+", re.IGNORECASE), r"\1\2[redacted]"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII), "[redacted]"),
    (re.compile(r"([?&]key=)[^&\s\"']+", re.IGNORECASE), r"\1[redacted]"),
    (re.compile(r"(x-api-key\W{1,6})[^\s\"',;]+", re.IGNORECASE), r"\1[redacted]"),
)
"""Keys and sessions of ours, what Authorization holds, signed tokens, keys in addresses."""


def redacted(text: str) -> str:
    """The text without the secrets in it."""
    for pattern, left in PATTERNS:
        text = pattern.sub(left, text)
    return text


class Redacting(logging.Formatter):
    """Formats as another formatter, and takes secrets out of the line.

    Of all of it: the message, its fields, and what is told of an error.
    """

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """The line, without secrets."""
        return redacted(self._inner.format(record))


def redact_logs() -> None:
    """Let every handler of the root logger redact; to be called after they were set up."""
    for handler in logging.getLogger().handlers:
        if not isinstance(handler.formatter, Redacting):
            handler.setFormatter(Redacting(handler.formatter or logging.Formatter()))
