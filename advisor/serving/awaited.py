"""What new nodes wait for: a NodePool's annotation `spotcast.io/warm-when`, read.

It stands on the NodePool itself and not in its template: a change of it drifts no node.
"""

from dataclasses import dataclass
from enum import StrEnum

from advisor.errors import ManifestError
from advisor.karpenter.labels import OBJECT_NAME

EXAMPLES = "dataset/NAMESPACE/NAME or localmodelcache/NAME, several with commas between"


class Cache(StrEnum):
    """What holds models near to nodes."""

    DATASET = "dataset"
    """Fluid's, for a zone."""
    LOCAL_MODEL = "localmodelcache"
    """KServe's LocalModelCache, for single nodes; it has no namespace."""


@dataclass(frozen=True, slots=True, order=True)
class Awaited:
    """One cache; ``namespace`` is '' where its kind has none."""

    cache: Cache
    namespace: str
    name: str

    def __str__(self) -> str:
        """As it is written in the annotation."""
        return "/".join(filter(None, (self.cache.value, self.namespace, self.name)))


def awaited(text: str) -> tuple[Awaited, ...]:
    """The caches that ``text`` names, each once; all of them must be warm.

    Raises:
        ManifestError: it names none, or one in another form.
    """
    terms = [term.strip() for term in text.split(",")]
    return tuple(dict.fromkeys(map(_awaited, terms)))


def _awaited(term: str) -> Awaited:
    kind, *names = term.split("/")
    if all(map(OBJECT_NAME.fullmatch, names)):
        match kind, names:
            case Cache.DATASET, [namespace, name]:
                return Awaited(Cache.DATASET, namespace, name)
            case Cache.LOCAL_MODEL, [name]:
                return Awaited(Cache.LOCAL_MODEL, "", name)
            case _:
                pass
    raise ManifestError(repr(term), f"names no model cache; write {EXAMPLES}")
