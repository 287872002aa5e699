"""Cluster Autoscaler: the priorities by which it chooses among node groups.

With ``--expander=priority`` it reads one ConfigMap: numbers, and for each a list of regular
expressions of node groups' names. The highest number of which a group can help wins. A group that
no expression names is passed over for as long as one that is named can help.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from advisor.errors import ManifestError
from advisor.karpenter.labels import check_object_name
from advisor.karpenter.manifests import to_yaml
from advisor.renderers.choice import Provenance, Rendered, one_region, unique
from warehouse.records import REGIONAL, Offering, Pool

OUTPUT = "priority expander"

CONFIG_MAP = "cluster-autoscaler-priority-expander"
"""The only name that the expander reads (cluster-autoscaler, expander/priority/readme.md)."""

NAMESPACE = "kube-system"
"""Where Cluster Autoscaler runs, unless its chart was told otherwise."""

PATTERN = "{type}"
"""What in the name of a node group tells its machine."""

STEP = 10
"""Between two priorities, so that a person can put one between."""

_LOOK_AROUND = re.compile(r"\(\?(?:[=!]|<[=!])|\\[1-9]")
"""Of Python's expressions, what Go's cannot say: one of them voids the whole ConfigMap."""


@dataclass(frozen=True, slots=True)
class ExpanderSettings:
    """How the node groups are called.

    Raises:
        ManifestError: an expression is none, or names nothing that is ranked.
    """

    namespace: str = NAMESPACE
    """Where Cluster Autoscaler runs: it looks nowhere else."""
    pattern: str = PATTERN
    """What in a name tells the machine: ``{type}``, or ``{type}`` and ``{zone}``. Between other
    letters or digits they do not count: ``n1-standard-1`` is not meant by ``n1-standard-16``."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """Expressions for types whose groups are called otherwise, by instance type."""
    last: tuple[str, ...] = ()
    """Expressions of groups for when nothing else helps, such as the ones on demand."""

    def __post_init__(self) -> None:
        check_object_name(self.namespace, "namespace")
        if "{type}" not in self.pattern:
            raise ManifestError("pattern", f"{self.pattern!r} has no {{type}}; all would be alike")
        for expression in (*self.groups.values(), *self.last, _filled(self.pattern, "t", "z")):
            _check(expression)


def priority_expander(
    offerings: Sequence[Offering], settings: ExpanderSettings, provenance: Provenance
) -> Rendered:
    """The ConfigMap; the best offering has the highest number, ``settings.last`` has 1.

    Raises:
        ManifestError: the offerings lie in several regions, or name no zone that the names tell.
    """
    one_region(OUTPUT, offerings)
    unknown = sorted(settings.groups.keys() - {one.pool.instance_type for one in offerings})
    if unknown:
        raise ManifestError(OUTPUT, f"{', '.join(unknown)} is not among the types that are ranked")
    expressions = unique(_expression(one.pool, settings) for one in offerings)
    priorities: dict[Any, list[str]] = {
        STEP * (len(expressions) - place): [expression]
        for place, expression in enumerate(expressions)
    }
    if settings.last:
        priorities[1] = list(settings.last)
    manifest: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": CONFIG_MAP,
            "namespace": settings.namespace,
            "annotations": provenance.annotations(),
        },
        "data": {"priorities": to_yaml([priorities])},
    }
    return Rendered(manifest, _notes(settings))


def _expression(pool: Pool, settings: ExpanderSettings) -> str:
    if given := settings.groups.get(pool.instance_type):
        return given
    if "{zone}" in settings.pattern and pool.zone == REGIONAL:
        raise ManifestError(
            OUTPUT,
            f"the pattern {settings.pattern!r} tells zones, and {pool.instance_type} is offered "
            f"for a whole region; leave {{zone}} out",
        )
    return _filled(settings.pattern, _word(pool.instance_type), _word(pool.zone))


def _filled(pattern: str, instance_type: str, zone: str) -> str:
    filled = pattern.replace("{type}", instance_type).replace("{zone}", zone)
    return f"(^|[^a-zA-Z0-9]){filled}($|[^a-zA-Z0-9])"


def _word(name: str) -> str:
    """Any way of writing it in a name: most names may not hold a dot or an underscore."""
    return "[-._]?".join(re.findall(r"[A-Za-z0-9]+", name))


def _check(expression: str) -> None:
    try:
        re.compile(expression)
    except re.error as error:
        raise ManifestError(f"expression {expression!r}", f"{error}") from error
    if _LOOK_AROUND.search(expression):
        raise ManifestError(
            f"expression {expression!r}",
            "Go's expressions have no look-around and no back-reference",
        )


def _notes(settings: ExpanderSettings) -> tuple[str, ...]:
    notes = ["Cluster Autoscaler reads it with --expander=priority, in its own namespace."]
    if not settings.last:
        notes.append(
            "A group that no expression names is passed over while a named one can help; name "
            "the groups on demand last."
        )
    return tuple(notes)
