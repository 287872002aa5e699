"""Lines out of a stream that may end in the middle of one."""

import json
from collections.abc import Generator, Iterator

from collector.errors import SourceChangedError
from collector.http import describe

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes. The store behind the API takes objects of 1.5 MB; a longer line is no object."""


def lines_of(pieces: Iterator[bytes], *, source: str) -> Generator[bytes, None, bool]:
    """Yield the whole lines; return whether the stream ended where a line ended.

    A last line that is cut is left out: the server tells it again.

    Raises:
        SourceChangedError: what comes is not made of lines, or not of JSON.
    """
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line for line in whole if line.strip())
        if len(rest) > LONGEST_LINE:
            raise SourceChangedError(source, f"a line of more than {LONGEST_LINE} bytes")
    rest = rest.strip()
    if rest and not rest.startswith(b"{"):
        raise SourceChangedError(source, f"not a watch: {describe(rest)}")
    if rest and _is_whole(rest):
        yield rest
        return True
    return not rest


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return False
    return True
