"""A plan for people and programs: sentences, a unified diff, JSON. The same plan, the same text."""

import difflib
from collections.abc import Iterator
from typing import Any

from advisor.cluster import Manifest
from advisor.karpenter.manifests import to_yaml
from advisor.planning.changes import Change, RequirementChange
from advisor.planning.nodes import DriftedNode
from advisor.planning.outlook import ListOutlook, Outlook
from advisor.planning.plan import Plan
from advisor.planning.provenance import APPLIED_AT, PREVIOUS

SERVER_FIELDS = frozenset(
    {"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"}
)
"""What the API server keeps in metadata; no apply changes it."""
OWN_NOTES = frozenset({APPLIED_AT, PREVIOUS, "kubectl.kubernetes.io/last-applied-configuration"})
"""Annotations that only keep books; they would fill the diff."""

RISK_HOURS = 24.0
"""The span for which the risk of losing a node is told: a day, as people plan it."""


def sentences(made: Plan) -> list[str]:
    """What the plan comes to, a line each, the verdict first."""
    lines = [_verdict(made)]
    if made.current is not None:
        # Of a new one everything is new, and the diff shows it whole.
        lines += [f"  {line}" for one in made.requirements for line in _requirement_lines(one)]
        lines += [f"  {_field_line(one)}" for one in made.fields]
    if made.held:
        lines.append("Held back:")
        lines += [f"  {one.key} {one.value} {one.action}: {one.reason}" for one in made.held]
    if made.drifted:
        lines.append("Nodes that would be replaced:")
        lines += [f"  {line}" for one in made.drifted for line in _node_lines(one)]
    if made.already_drifted:
        lines.append(f"Drifted already, whatever is applied: {', '.join(made.already_drifted)}")
    lines += _outlook_lines(made)
    if made.is_stale:
        lines.append("The data behind the wanted list is stale: nothing is taken out by it.")
    if made.refusal:
        lines.append(f"REFUSED: {made.refusal}.")
    return lines


def diff(made: Plan) -> str:
    """The NodePool before and after as a unified diff of YAML; '' if nothing changes."""
    if made.is_empty:
        return ""
    before = "" if made.current is None else to_yaml([_shown(made.current)])
    after = to_yaml([_shown(made.after)])
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        f"nodepool/{made.name} (now)",
        f"nodepool/{made.name} (planned)",
    )
    return "".join(lines)


def as_json(made: Plan) -> dict[str, Any]:
    """The plan as JSON has it; null is unknown."""
    return {
        "nodepool": made.name,
        "verdict": "refused" if made.refusal else "nothing" if made.is_empty else "changes",
        "is_new": made.current is None,
        "is_stale": made.is_stale,
        "refusal": made.refusal,
        "fits": dict(made.fits),
        "requirements": [
            {
                "key": one.key,
                "before": list(one.before),
                "after": list(one.after),
                "added": list(one.added),
                "removed": list(one.removed),
            }
            for one in made.requirements
        ],
        "fields": [
            {
                "field": one.field,
                "before": one.before,
                "after": one.after,
                "replaces_all_nodes": one.replaces_all,
            }
            for one in made.fields
        ],
        "held": [
            {"key": one.key, "value": one.value, "action": one.action, "reason": one.reason}
            for one in made.held
        ],
        "drifted_nodes": [
            {
                "nodeclaim": one.claim,
                "node": one.node,
                "instance_type": one.instance_type,
                "zone": one.zone,
                "reasons": list(one.reasons),
                "is_held_by_do_not_disrupt": one.is_held,
            }
            for one in made.drifted
        ],
        "already_drifted": list(made.already_drifted),
        "running_nodes": made.running,
        "nodes": {"before": _outlook(made.nodes_before), "after": _outlook(made.nodes_after)},
        "list": {"before": _list(made.list_before), "after": _list(made.list_after)},
        "manifest": made.proposed,
    }


def _verdict(made: Plan) -> str:
    if made.current is None:
        return f"NodePool {made.name} is new."
    if made.is_empty:
        return f"NodePool {made.name}: nothing to change."
    count = len(made.requirements) + len(made.fields)
    nodes = f"{len(made.drifted)} of {made.running} running nodes would be replaced"
    if made.running is None:
        nodes = "its nodes are not known, and those that run on what leaves would be replaced"
    return f"NodePool {made.name}: {count} {'change' if count == 1 else 'changes'}; {nodes}."


def _requirement_lines(one: RequirementChange) -> Iterator[str]:
    if one.added or one.removed:
        yield from (f"+ {one.key} {value}" for value in one.added)
        yield from (f"- {one.key} {value}" for value in one.removed)
    else:
        before, after = (" and ".join(side) or "any" for side in (one.before, one.after))
        yield f"~ {one.key}: {before} -> {after}"


def _field_line(one: Change) -> str:
    before, after = ("absent" if side is None else side for side in (one.before, one.after))
    all_of_them = " (replaces every node)" if one.replaces_all else ""
    return f"~ {one.field}: {before} -> {after}{all_of_them}"


def _node_lines(one: DriftedNode) -> Iterator[str]:
    place = f"{one.instance_type or 'of unknown type'} in {one.zone or 'an unknown zone'}"
    held = "; do-not-disrupt keeps it for now" if one.is_held else ""
    yield f"{one.claim} ({one.node or 'no node yet'}, {place}{held})"
    yield from (f"  {reason}" for reason in one.reasons)


def _outlook_lines(made: Plan) -> Iterator[str]:
    before, after = made.nodes_before, made.nodes_after
    if made.running:
        unknown = max(before.nodes_of_unknown_cost, after.nodes_of_unknown_cost)
        yield (
            f"Nodes: {_usd(before)} -> {_usd(after)} USD an hour expected"
            + (f", {unknown} of {made.running} of unknown cost" if unknown else "")
        )
        unknown = max(before.nodes_of_unknown_risk, after.nodes_of_unknown_risk)
        yield (
            f"Risk: {_share(before)} -> {_share(after)} that a node is interrupted within "
            f"{RISK_HOURS:g} h"
            + (f", {unknown} of {made.running} of unknown risk" if unknown else "")
        )
    yield f"List: {_list_text(made.list_before)} -> {_list_text(made.list_after)}"


def _usd(one: Outlook) -> str:
    return "unknown" if one.nodes == one.nodes_of_unknown_cost else f"{one.usd_per_hour:.4f}"


def _share(one: Outlook) -> str:
    if one.nodes == one.nodes_of_unknown_risk:
        return "unknown"
    return f"{100 * one.interrupted_within(RISK_HOURS):.1f}%"


def _list_text(one: ListOutlook) -> str:
    if not one.offerings:
        return "no known offering"
    offerings = "1 offering" if one.offerings == 1 else f"{one.offerings} offerings"
    if one.best_usd_per_hour is None or one.mean_usd_per_hour is None:
        return f"{offerings} of unknown cost"
    unknown = f", {one.of_unknown_cost} unknown" if one.of_unknown_cost else ""
    return (
        f"{offerings} (best {one.best_usd_per_hour:.4f}, "
        f"mean {one.mean_usd_per_hour:.4f} USD an hour expected{unknown})"
    )


def _outlook(one: Outlook) -> dict[str, Any]:
    known_risk = one.nodes > one.nodes_of_unknown_risk
    return {
        "nodes": one.nodes,
        "usd_per_hour": one.usd_per_hour if one.nodes > one.nodes_of_unknown_cost else None,
        "nodes_of_unknown_cost": one.nodes_of_unknown_cost,
        "interruptions_per_hour": one.interruptions_per_hour if known_risk else None,
        "interrupted_within_24_h": one.interrupted_within(RISK_HOURS) if known_risk else None,
        "nodes_of_unknown_risk": one.nodes_of_unknown_risk,
    }


def _list(one: ListOutlook) -> dict[str, Any]:
    return {
        "offerings": one.offerings,
        "best_usd_per_hour": one.best_usd_per_hour,
        "mean_usd_per_hour": one.mean_usd_per_hour,
        "offerings_of_unknown_cost": one.of_unknown_cost,
    }


def _shown(nodepool: Manifest) -> dict[str, Any]:
    """The NodePool without what nobody applies."""
    about = {
        name: value
        for name, value in (nodepool.get("metadata") or {}).items()
        if name not in SERVER_FIELDS
    }
    notes = {
        key: value
        for key, value in sorted((about.pop("annotations", None) or {}).items())
        if key not in OWN_NOTES
    }
    if notes:
        about["annotations"] = notes
    shown = {name: value for name, value in nodepool.items() if name != "status"}
    return {**shown, "metadata": about}
