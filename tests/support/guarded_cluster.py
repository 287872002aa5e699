"""What the tests of a guarded cluster share: its names, all actions, and faults of its server."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from advisor.replacement.actions import (
    Action,
    Cordon,
    CreateClaim,
    DeleteClaim,
    Evict,
    LiftWarming,
    PreferToDelete,
    PreferToKeep,
    Release,
    Retire,
    Surge,
    Tell,
    Uncordon,
    Unretire,
    Unsurge,
)
from advisor.replacement.records import (
    WorkloadName,
)
from tests.support import guarded_objects as of
from tests.support.guarded_api import Given, GuardedApi

NOW = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
AT = datetime.fromisoformat(of.AT)
LLM = WorkloadName("Deployment", "default", "llm")
SERVICE = WorkloadName("InferenceService", "default", "chat")


def faults(*given: Given | str) -> Callable[[str, str], Given | str | None]:
    """Answers to the first writes, in order."""
    left = list(given)
    return lambda method, _: left.pop(0) if left and method != "GET" else None


ACTIONS: tuple[Action, ...] = (
    Retire("claim-n1", "risk"),
    Unretire("claim-n1"),
    LiftWarming("n1"),
    Surge(LLM, 3),
    Unsurge(LLM),
    Surge(SERVICE, 3),
    Unsurge(SERVICE),
    PreferToDelete("default", "llm-n1"),
    PreferToKeep("default", "llm-n1"),
    Release("n1"),
    Cordon("n1"),
    Uncordon("n1"),
    Evict("default", "llm-n1"),
    CreateClaim(of.a_claim("made", "none")),
    DeleteClaim("claim-n1"),
    Tell("n1", "claim-n1", "ReplacementRetiring", "n1: retired", is_warning=True),
)


def state(api: GuardedApi) -> dict[str, Any]:
    """All objects, without their versions."""
    text = json.dumps(
        {key: {f"{k}": one for k, one in of_.items()} for key, of_ in api.objects.items()}
    )
    found: dict[str, Any] = json.loads(text)
    for things in found.values():
        for one in things.values():
            one["metadata"].pop("resourceVersion")
    return found


def replicas(api: GuardedApi) -> int:
    return int(api.at(of.DEPLOYMENTS, "llm", "default")["spec"]["replicas"])
