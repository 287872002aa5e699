"""Leader election by a Lease, as Kubernetes' own controllers do it, asked for again and again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from advisor.cluster import Manifest
from advisor.karpenter.labels import MANAGED_BY
from advisor.kubernetes_api import CONFLICT, MERGE, NOT_FOUND, KubeApi, good

COORDINATION = "coordination.k8s.io/v1"


@dataclass(slots=True)
class Leases:
    """The leases of one namespace, and since when, by our own clock, another's is as it is.

    The times in a Lease are its holder's: two machines' clocks are never compared. It has run out
    when we have seen it unchanged for as long as it was taken for.
    """

    api: KubeApi
    namespace: str
    _watched: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def take(self, name: str, holder: str, seconds: int, now: datetime) -> bool:
        """Take or renew the lease; False if another has it, or was quicker."""
        found = self.api.find(COORDINATION, f"{self._path}/{name}", f"Lease {name}")
        if found is None:
            return self._create(name, holder, seconds, now)
        spec = found.get("spec") or {}
        theirs = spec.get("holderIdentity") or ""
        if theirs not in {"", holder} and not self._has_run_out(name, found, now):
            return False
        wanted: dict[str, Any] = _spec(holder, seconds, now)
        if theirs != holder:
            transitions = int(spec.get("leaseTransitions") or 0) + 1
            wanted |= {"acquireTime": micro(now), "leaseTransitions": transitions}
        about = {"resourceVersion": found["metadata"]["resourceVersion"]}
        return self._write(name, {"metadata": about, "spec": wanted})

    def _has_run_out(self, name: str, found: Manifest, now: datetime) -> bool:
        version = str(found["metadata"]["resourceVersion"])
        seen, since = self._watched.get(name, ("", now))
        if seen != version or now < since:
            self._watched[name] = version, now
            return False
        lasts = float(found["spec"].get("leaseDurationSeconds") or 0)
        return (now - since).total_seconds() >= lasts

    def _write(self, name: str, change: Mapping[str, Any]) -> bool:
        path = f"{self._path}/{name}"
        answer = self.api.ask("PATCH", COORDINATION, path, json=change, headers=MERGE)
        if answer.status in {CONFLICT, NOT_FOUND}:
            return False
        good(answer, f"Lease {name}", verb="patch")
        self._watched.pop(name, None)
        return True

    def _create(self, name: str, holder: str, seconds: int, now: datetime) -> bool:
        spec = {**_spec(holder, seconds, now), "acquireTime": micro(now), "leaseTransitions": 0}
        thing = {
            "apiVersion": COORDINATION,
            "kind": "Lease",
            "metadata": {"name": name, "namespace": self.namespace, "labels": dict(MANAGED_BY)},
            "spec": spec,
        }
        answer = self.api.ask("POST", COORDINATION, self._path, json=thing)
        if answer.status == CONFLICT:
            return False
        good(answer, f"Lease {name} in namespace {self.namespace}", verb="create")
        return True

    @property
    def _path(self) -> str:
        return f"namespaces/{self.namespace}/leases"


def _spec(holder: str, seconds: int, now: datetime) -> dict[str, Any]:
    return {
        "holderIdentity": holder,
        "leaseDurationSeconds": seconds,
        "renewTime": micro(now),
    }


def micro(at: datetime) -> str:
    """A time as Kubernetes' MicroTime."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
