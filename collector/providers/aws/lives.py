"""The lives of Spot machines: the denominator of every rate.

A change of state does not say who wanted it, and is told of on-demand machines too: both are
EC2's to say, while it still shows the machine.
"""

from collections.abc import Iterator
from datetime import datetime

from collector.providers.aws.client import PROVIDER_NAME
from collector.providers.aws.machines import Machine
from warehouse.records import EndedBy, Exposure, Interruption, InterruptionKind

RUNNING = "running"
BEGINNING = {"pending"}
ENDING = {"shutting-down", "terminated", "stopping", "stopped"}

TAKEN = {"Server.SpotInstanceTermination", "Server.SpotInstanceShutdown"}
"""EC2's codes for a Spot machine that it took (its API's page of StateReason)."""
BY_RULE = "Server."
"""How all its other codes for what AWS did begin: a scheduled retirement, a fault of its own. The
Spot market did not end these."""


def life(
    state: str,
    at: datetime,
    machine: Machine | None,
    *,
    source: str,
    observed_at: datetime,
) -> Iterator[Exposure | Interruption]:
    """What one change of state says: nothing of a machine that is unknown or not Spot.

    Raises:
        ValueError: a state that EC2 did not have so far.
    """
    check_state(state)
    if state in BEGINNING or machine is None or not machine.launched_at:
        return
    # An old event about an earlier life of a machine that was stopped and started since.
    if at < machine.launched_at and state != RUNNING:
        return
    ended_at = at if state in ENDING else None
    alive_at = max(at, machine.launched_at)
    yield from lived(machine, alive_at, ended_at, state, source=source, observed_at=observed_at)


def check_state(state: str) -> str:
    """``state``; ValueError if EC2 did not have it so far."""
    if state not in {RUNNING, *BEGINNING, *ENDING}:
        raise ValueError(f"state {state!r:.40} is unknown")
    return state


def lived(
    machine: Machine,
    last_alive_at: datetime,
    ended_at: datetime | None,
    state: str,
    *,
    source: str,
    observed_at: datetime,
) -> Iterator[Exposure | Interruption]:
    """A Spot machine's time at risk, so far or until ``ended_at``, and its loss if EC2 took it.

    ``state`` is the reason for an end that EC2 gives none for. Nothing is said of a machine that is
    not Spot or whose launch is unknown.
    """
    if not machine.is_spot or machine.launched_at is None:
        return
    ended_by = EndedBy.STILL_RUNNING if ended_at is None else _ended_by(machine.end_reason)
    yield Exposure(
        provider=PROVIDER_NAME,
        region=machine.region,
        zone=machine.zone,
        instance_type=machine.instance_type,
        node=machine.node,
        launched_at=machine.launched_at,
        last_alive_at=last_alive_at,
        ended_at=ended_at,
        ended_by=ended_by,
        end_reason=RUNNING if ended_at is None else machine.end_reason or state,
        source=source,
    )
    if ended_at and ended_by is EndedBy.INTERRUPTED:
        yield Interruption(
            provider=PROVIDER_NAME,
            region=machine.region,
            zone=machine.zone,
            instance_type=machine.instance_type,
            node=machine.node,
            kind=InterruptionKind.TAKEN,
            occurred_at=ended_at,
            notice_seconds=None,
            source=source,
            observed_at=observed_at,
        )


def _ended_by(reason: str) -> EndedBy:
    """A machine that EC2 gives no reason for was ended by its user, as far as anyone says."""
    # AWS' words may go on behind its code.
    code = reason.replace(":", " ").partition(" ")[0]
    if code in TAKEN:
        return EndedBy.INTERRUPTED
    return EndedBy.POLICY if code.startswith(BY_RULE) else EndedBy.USER
