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

PLAIN = logging.Formatter()


def redacted(text: str) -> str:
    """The text without the secrets in it."""
    for pattern, left in PATTERNS:
        text = pattern.sub(left, text)
    return text


class Redacting(logging.Filter):
    """Rewrites each record before a handler sees it, whatever formats it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record, without secrets."""
        try:
            said = record.getMessage()
        except (TypeError, ValueError):
            said, record.msg, record.args = "", f"{record.name}: a line that cannot be read", None
        if said != (clean := redacted(said)):
            record.msg, record.args = clean, None
        if record.exc_info and not record.exc_text:
            record.exc_text = PLAIN.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redacted(record.exc_text)
        return True


def redact_logs() -> None:
    """Let every handler of the root logger redact; once is enough, twice does no harm."""
    for handler in logging.getLogger().handlers:
        if not any(isinstance(one, Redacting) for one in handler.filters):
            handler.addFilter(Redacting())
