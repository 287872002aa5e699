"""How CloudTrail tells of a launch: the pool of a machine that EC2 does not show any more.

``RunInstances`` names each machine with its type and zone, ``CreateFleet`` the type of each group
and, if the request chose it, the zone. What is missing stays unknown: this only adds to what is
known of a machine that was lost.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from collector.providers.aws.machines import SPOT, Machine


def launched(records: Iterable[Mapping[str, Any]], region: str) -> Iterator[Machine]:
    """The machines that the records tell the launch of; a zone is the account's name of it."""
    for record in records:
        answer = record.get("responseElements")
        if not isinstance(answer, Mapping):
            continue
        if record.get("eventName") == "RunInstances":
            yield from _run(answer, region)
        elif record.get("eventName") == "CreateFleet":
            yield from _fleet(answer, region)


def _run(answer: Mapping[str, Any], region: str) -> Iterator[Machine]:
    for one in _items(_at(answer, "instancesSet", "items")):
        yield from _machines(
            [_at(one, "instanceId")],
            _at(one, "instanceType"),
            _at(one, "placement", "availabilityZone"),
            region,
            is_spot=_at(one, "instanceLifecycle") == SPOT,
        )


def _fleet(answer: Mapping[str, Any], region: str) -> Iterator[Machine]:
    for one in _items(_at(answer, "CreateFleetResponse", "fleetInstanceSet", "item")):
        ids = _at(one, "instanceIds", "item")
        yield from _machines(
            ids if isinstance(ids, list) else [ids],
            _at(one, "instanceType"),
            _at(one, "launchTemplateAndOverrides", "overrides", "availabilityZone"),
            region,
            is_spot=_at(one, "lifecycle") == SPOT,
        )


def _machines(
    nodes: list[Any], instance_type: Any, zone: Any, region: str, *, is_spot: bool
) -> Iterator[Machine]:
    if not isinstance(instance_type, str) or not instance_type:
        return
    for node in nodes:
        if isinstance(node, str):
            zone_name = zone if isinstance(zone, str) else None
            yield Machine(node, region, zone_name, instance_type, is_spot=is_spot)


def _at(holder: Any, *fields: str) -> Any:
    """What lies under the fields, one in another; None if there is nothing."""
    for field in fields:
        holder = holder.get(field) if isinstance(holder, Mapping) else None
    return holder


def _items(told: Any) -> list[Any]:
    """A list of CloudTrail's, which gives one thing without a list around it."""
    return told if isinstance(told, list) else [told]
