"""The log of a server: one line for each event, for people or as JSON for programs.

An event has a name and what is told of it:
``LOG.info("request", extra={"told": {"status": 200}})``.
"""

import json
import logging
import sys
import warnings
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TextIO

from api.security.redaction import redact_logs

LOG = logging.getLogger("spotcast.server")

TOLD = "told"
"""The attribute of a log record that holds what is told of the event."""


class LogFormat(StrEnum):
    """How a line of the log is written."""

    TEXT = "text"
    JSON = "json"


def set_up_log(form: LogFormat | None) -> None:
    """Write the log of this process to standard error; None is text on a terminal, else JSON.

    Python's own warnings become events too, so every line has the one form.
    """
    form = form or (LogFormat.TEXT if sys.stderr.isatty() else LogFormat.JSON)
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form is LogFormat.JSON else TextLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    redact_logs()
    logging.getLogger("spotcast").setLevel(logging.INFO)
    warnings.showwarning = _warned


def _warned(  # noqa: PLR0917 - Python's interface
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    told = {"kind": category.__name__, "reason": str(message), "place": f"{filename}:{lineno}"}
    LOG.warning("python_warning", extra={TOLD: told})


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, logger, event, and what is told of it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "at": _at(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, TOLD, {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """The same as words; what has blanks or quotes is written as JSON has it, in one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and below it where an error came from."""
        told = getattr(record, TOLD, {})
        parts = [_at(record), record.levelname, record.getMessage()]
        parts += [f"{name}={_plain(value)}" for name, value in told.items() if value is not None]
        line = " ".join(parts)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _at(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: object) -> str:
    text = str(value)
    quoted = json.dumps(text)
    return text if quoted == f'"{text}"' and " " not in text and text else quoted
