"""What is written instead of what is wanted: settled lists, protected nodes, the same template."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from advisor.cluster import Manifest, NodeClaim
from advisor.karpenter import labels as words
from advisor.planning.changes import ZONE_KEYS, by_key, field_changes, fields, is_hashed, listed
from advisor.planning.hysteresis import Evidence, Held, settled
from advisor.planning.merge import applied
from advisor.planning.outlook import costs_by_zone
from advisor.planning.protection import Eviction, Groups, protected
from advisor.ranking import Ranked

MACHINE_DOMAINS = tuple(f"{one.domain}/" for one in words.PROVIDERS)
"""Domains of the labels that describe machines; their lists follow the list of types."""

TEMPLATE = "template"
TEMPLATE_REASON = "it would replace every node of the NodePool"


def settled_nodepool(
    wanted: Manifest, current: Manifest, evidence: Evidence, ranked: Sequence[Ranked]
) -> tuple[dict[str, Any], list[Held]]:
    """The wanted NodePool with the types and zones that are written now.

    Keys that describe machines (architecture, family, GPU) are widened with a type that stays.
    """
    old, groups, held = by_key(current), by_key(wanted), list[Held]()
    for key in (words.INSTANCE_TYPE, *ZONE_KEYS):
        if key != words.INSTANCE_TYPE:
            types = listed(groups.get(words.INSTANCE_TYPE, [])) or ()
            evidence = replace(evidence, costs=costs_by_zone(ranked, types))
        group, more = _settled_key(key, old.get(key, []), groups.get(key, []), evidence)
        groups[key] = group
        held += more
    if any(one.action == "stays" and one.key == words.INSTANCE_TYPE for one in held):
        groups.update(_following(old, groups))
    return with_requirements(wanted, groups), held


def protected_nodepool(
    wanted: Manifest, current: Manifest, fitting: Sequence[NodeClaim], eviction: Eviction
) -> tuple[dict[str, Any], list[Held]]:
    """The wanted NodePool widened so that no node goes but those that may (`protected`)."""
    groups, held = protected(by_key(current), by_key(wanted), fitting, eviction)
    return with_requirements(wanted, groups), held


def same_template(wanted: Manifest, current: Manifest) -> tuple[dict[str, Any], list[Held]]:
    """The wanted NodePool with the template's hashed fields as they are now."""
    changes = [
        one for one in field_changes(current, applied(current, wanted)) if is_hashed(one.path)
    ]
    spec, values = _copied(wanted.get("spec") or {}), fields(current)
    for change in changes:
        _put(spec, change.path, values.get(change.path))
    held = [Held("waits", one.field, _in_words(one.after), TEMPLATE_REASON) for one in changes]
    return {**wanted, "spec": spec}, held


def in_order_of(nodepool: Manifest, current: Manifest) -> dict[str, Any]:
    """The NodePool with keys and values in the order in which they stand now, new ones last.

    Karpenter takes no notice of order, and people read the difference.
    """
    old, new = by_key(current), by_key(nodepool)
    groups: Groups = {}
    for key in sorted(new, key=lambda one: list(old).index(one) if one in old else len(old)):
        before, after = listed(old.get(key, [])), listed(new[key])
        groups[key] = new[key]
        if before is not None and after is not None:
            values = [one for one in before if one in after]
            values += [one for one in after if one not in before]
            groups[key] = [{**new[key][0], "values": values}]
    return with_requirements(nodepool, groups)


def with_requirements(nodepool: Manifest, groups: Groups) -> dict[str, Any]:
    """The NodePool with these requirements in place of its own."""
    spec = dict(nodepool.get("spec") or {})
    template = dict(spec.get(TEMPLATE) or {})
    requirements = [dict(one) for group in groups.values() for one in group]
    template["spec"] = {**(template.get("spec") or {}), "requirements": requirements}
    return {**nodepool, "spec": {**spec, TEMPLATE: template}}


def _settled_key(
    key: str, current: list[Manifest], wanted: list[Manifest], evidence: Evidence
) -> tuple[list[Manifest], list[Held]]:
    old, new = listed(current), listed(wanted)
    if old is not None and new is not None:
        values, held = settled(key, old, new, evidence)
        return [{**wanted[0], "values": values}], held
    if evidence.is_stale and wanted and wanted != current:
        # A list where there was none shuts out what nobody has looked at lately.
        held = [Held("waits", key, ", ".join(new or ()), "the data is too old to restrict it by")]
        return current, held
    return wanted, []


def _following(current: Groups, wanted: Groups) -> Groups:
    wide: Groups = {}
    for key, group in wanted.items():
        if key != words.ARCH and not key.startswith(MACHINE_DOMAINS):
            continue
        old, new = listed(current.get(key, [])), listed(group)
        if old is not None and new is not None:
            wide[key] = [{**group[0], "values": list(dict.fromkeys([*new, *old]))}]
        else:
            wide[key] = current.get(key, [])
    return wide


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _copied(one) for name, one in value.items()}
    return value


def _put(spec: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Set the field at ``path``; None takes it out."""
    holder = spec
    for name in path[:-1]:
        if not isinstance(holder.get(name), dict):
            # Fields stand in one of the two where the other has a plain value.
            holder[name] = {}
        holder = holder[name]
    if value is None:
        holder.pop(path[-1], None)
    else:
        holder[path[-1]] = value


def _in_words(value: Any) -> str:
    return "absent" if value is None else str(value)
