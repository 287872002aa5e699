"""An API server's answers as Python objects: of a list, one object at a time.

The list of 6,000 pods is 33 MB, and ten times that as objects: they are made when they are asked
for, and what no reader of lists wants is not made at all. Needs msgspec, of the kubernetes extra.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec

from advisor.cluster import ClusterUnavailableError


class _Metadata(TypedDict, total=False):
    """Kubernetes' ObjectMeta without ``managedFields``, which is up to half of an object."""

    name: Any
    generateName: Any
    namespace: Any
    uid: Any
    resourceVersion: Any
    generation: Any
    creationTimestamp: Any
    deletionTimestamp: Any
    deletionGracePeriodSeconds: Any
    labels: Any
    annotations: Any
    ownerReferences: Any
    finalizers: Any


GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
"""zlib's word for: see which of the two it is."""
LONGEST_RATIO = 1032
"""Deflate packs no better than that (zlib's technical notes)."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MEMBERS: msgspec.json.Decoder[list[msgspec.Raw] | None] = msgspec.json.Decoder(
    list[msgspec.Raw] | None
)
_METADATA = msgspec.json.Decoder(_Metadata)


@dataclass(frozen=True, slots=True)
class Items:
    """The members of a list; each is made anew whenever they are gone through."""

    raw: list[msgspec.Raw]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.raw)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """One after another.

        Raises:
            ClusterUnavailableError: one of them is no object.
        """
        return map(_member, self.raw)


def unpacked(body: bytes) -> bytes:
    """The text of a body that came in gzip or deflate; nothing if it is neither, or cut."""
    # A gzip ends with the size of what was packed: given that, zlib needs no second copy.
    size = int.from_bytes(body[-4:], "little")
    try:
        return zlib.decompress(body, GZIP_OR_ZLIB, min(max(size, 1), LONGEST_RATIO * len(body)))
    except zlib.error:
        return b""


def read(body: bytes) -> dict[str, Any] | None:
    """The object of an answer, None if it is none; a list's ``items`` are `Items`.

    The metadata of a list's members lack ``managedFields``; a single object has all it has.
    """
    try:
        fields = _FIELDS.decode(body)
        if "items" not in fields:
            return _made(fields)
        listed = _MEMBERS.decode(fields.pop("items"))
        return {**_made(fields), "items": Items(listed or [])}
    except UNREADABLE:
        return None


def _member(raw: msgspec.Raw) -> dict[str, Any]:
    try:
        fields = _FIELDS.decode(raw)
        about = _METADATA.decode(fields.pop("metadata", b"{}"))
        return {"metadata": about, **_made(fields)}
    except UNREADABLE as error:
        what = f"a list of the API server cannot be read ({error}); try again later"
        raise ClusterUnavailableError(what) from error


def _made(fields: Mapping[str, msgspec.Raw]) -> dict[str, Any]:
    return {name: msgspec.json.decode(raw) for name, raw in fields.items()}
