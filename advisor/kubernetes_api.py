"""The Kubernetes API by verbs, and what each refusal asks for: a new try, patience or a person.

`advisor.kubernetes` brings the connection (an `Ask`); everything that reads or writes single
objects of a cluster stands on `KubeApi`.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from advisor.cluster import (
    ClusterDeniedError,
    ClusterError,
    ClusterRefusedError,
    ClusterUnavailableError,
    Manifest,
)

HOW = "name a kubeconfig with --kubeconfig or KUBECONFIG, and a context with --context"
ROLES = "docs/plan.md and deploy/rbac have the ClusterRoles"

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, GONE = 401, 403, 404, 409, 410
UNPROCESSABLE, TOO_MANY, INTERNAL_ERROR = 422, 429, 500

TRIES = 4
"""How often one request is sent to a server that asks for patience, or one change made anew on
what another writer left."""
LONGEST_WAIT_SECONDS = 5.0
"""The longest that a server's Retry-After is obeyed within one look; beyond, the look is over."""

MERGE = {"content-type": "application/merge-patch+json"}
JSON_PATCH = {"content-type": "application/json-patch+json"}
METADATA = {"accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
"""Lists metadata alone: a tenth of the bytes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said; ``retry_after_seconds`` None if it did not ask for patience."""

    status: int
    # The event loop writes out what it returns when it looks at signals: seconds, for a full page.
    body: dict[str, Any] = field(repr=False)
    retry_after_seconds: float | None = None

    @property
    def is_good(self) -> bool:
        """Whether it is one of HTTP's successes."""
        return self.status < 300  # noqa: PLR2004 - HTTP's successes

    @property
    def is_by_budget(self) -> bool:
        """Whether a PodDisruptionBudget refuses an eviction, and not a server that is busy."""
        causes = (self.body.get("details") or {}).get("causes") or ()
        is_several = "more than one PodDisruptionBudget" in self.message
        return is_several or any(one.get("reason") == "DisruptionBudget" for one in causes)

    @property
    def message(self) -> str:
        """The server's own words."""
        return str(self.body.get("message") or f"HTTP {self.status}")


class Ask(Protocol):
    """One HTTP call: ``path`` is below the group and version, keywords are httpx's."""

    def __call__(self, method: str, version: str, path: str, **given: Any) -> Answer:
        """The answer of the server; `ClusterUnavailableError` if there is none."""
        ...


class KubeApi:
    """Reads and writes of single objects, and lists of many; ``sleep`` waits so many seconds."""

    def __init__(self, ask: Ask, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._ask = ask
        self._sleep = sleep

    def ask(self, method: str, version: str, path: str, **given: Any) -> Answer:
        """The answer, asked again as long as the server wants patience and that is short.

        A refused eviction is no such answer: the budget decides, not the load.
        """
        answer = self._ask(method, version, path, **given)
        for _ in range(TRIES - 1):
            wait = answer.retry_after_seconds
            if answer.status not in {TOO_MANY, 503} or answer.is_by_budget or wait is None:
                break
            if wait > LONGEST_WAIT_SECONDS:
                break
            self._sleep(wait)
            answer = self._ask(method, version, path, **given)
        return answer

    def pages(
        self, version: str, resource: str, subject: str | None = None, **given: Any
    ) -> Iterator[Collection[Manifest]]:
        """A list, in as many pages as the server gives it in.

        None are asked for: without ``limit`` the server answers from memory, as fresh as with it,
        and for a fifth of the work (v1.31 and later).

        Raises:
            ClusterError: the cluster does not tell, or changed too fast to be read.
        """
        selection = given.pop("params", {})
        after = ""
        while True:
            asked = {**selection, "continue": after} if after else selection
            answer = self.ask("GET", version, resource, params=asked, **given)
            if answer.status == GONE:
                what = f"{subject or resource}: the list was outdated before it was read; try again"
                raise ClusterUnavailableError(what)
            page = good(answer, subject or resource, verb="list")
            yield page.get("items") or []
            after = (page.get("metadata") or {}).get("continue") or ""
            if not after:
                return

    def every(self, version: str, resource: str, **given: Any) -> Iterator[Manifest]:
        """The objects of `pages`, one after another."""
        for page in self.pages(version, resource, **given):
            yield from page

    def every_if_served(self, version: str, resource: str, **given: Any) -> Iterator[Manifest]:
        """The same; none where the cluster does not know the resource."""
        asked = {"limit": "1", **given.get("params", {})}
        if self.ask("GET", version, resource, params=asked).status != NOT_FOUND:
            yield from self.every(version, resource, **given)

    def find(self, version: str, path: str, subject: str) -> Manifest | None:
        """One object; None if it is not there."""
        answer = self.ask("GET", version, path)
        return None if answer.status == NOT_FOUND else good(answer, subject)

    def merge(self, version: str, path: str, change: Manifest, subject: str) -> bool:
        """Merge-patch an object; False if it is not there."""
        answer = self.ask("PATCH", version, path, json=change, headers=MERGE)
        if answer.status == NOT_FOUND:
            return False
        good(answer, subject, verb="patch")
        return True

    def change(
        self,
        version: str,
        path: str,
        subject: str,
        patch: Callable[[Manifest], Manifest | None],
    ) -> bool:
        """Merge-patch what ``patch`` makes of the object as it is; False if it is not there.

        The patch takes effect only on the object that was read: if another writer came between,
        it is read and judged anew. ``patch`` gives None where nothing needs to change.
        """
        for _ in range(TRIES):
            found = self.find(version, path, subject)
            if found is None:
                return False
            change = patch(found)
            if change is None:
                return True
            answer = self.ask("PATCH", version, path, json=_locked(change, found), headers=MERGE)
            if answer.status == NOT_FOUND:
                return False
            if answer.status != CONFLICT:
                good(answer, subject, verb="patch")
                return True
        raise ClusterUnavailableError(f"{subject}: others write to it all the time; try again")

    def take_out(
        self,
        version: str,
        path: str,
        subject: str,
        pointer: Sequence[str],
        is_ours: Callable[[Any], bool],
    ) -> None:
        """Take the members that are ours out of a list, and no other, whoever writes meanwhile."""
        at = "/" + "/".join(pointer)
        for _ in range(TRIES):
            found = self.find(version, path, subject)
            listed = _at(found, pointer) if found else []
            change = _removals(at, [n for n, one in enumerate(listed) if is_ours(one)], listed)
            if not change:
                return
            answer = self.ask("PATCH", version, path, json=change, headers=JSON_PATCH)
            if answer.status == NOT_FOUND:
                return
            # A test that fails is 422: the list is not what it was.
            if answer.status not in {CONFLICT, UNPROCESSABLE}:
                good(answer, subject, verb="patch")
                return
        raise ClusterUnavailableError(f"{subject}: others write to it all the time; try again")


def good(answer: Answer, subject: str, *, verb: str = "get") -> dict[str, Any]:
    """The object of a success.

    Raises:
        ClusterError: what the status asks for.
    """
    status, said = answer.status, answer.message
    if answer.is_good:
        return answer.body
    if status == UNAUTHORIZED:
        raise ClusterDeniedError(f"the cluster does not accept the credentials; {HOW}")
    if status == FORBIDDEN:
        what = f"{subject}: the cluster does not allow to {verb} it ({said})"
        raise ClusterDeniedError(f"{what}; {ROLES}")
    if status == NOT_FOUND:
        raise ClusterError(f"the cluster has no {subject}: is Karpenter (v1) installed?")
    if status >= INTERNAL_ERROR or status == TOO_MANY:
        raise ClusterUnavailableError(f"{subject}: {said}; try again later")
    raise ClusterRefusedError(f"{subject}: the API server refuses it: {said}")


def labels_of(manifest: Manifest) -> Mapping[str, str]:
    """An object's labels."""
    return manifest["metadata"].get("labels") or {}


def annotations_of(manifest: Manifest) -> Mapping[str, str]:
    """An object's annotations."""
    return manifest["metadata"].get("annotations") or {}


def condition_of(manifest: Manifest, kind: str) -> Manifest | None:
    """The condition of that type; None if it has none."""
    conditions = (manifest.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one.get("type") == kind), None)


def is_true(manifest: Manifest, kind: str) -> bool:
    """Whether the condition of that type is True."""
    condition = condition_of(manifest, kind)
    return condition is not None and condition.get("status") == "True"


def controller_of(manifest: Manifest) -> Manifest | None:
    """The owner that controls the object; None if it stands by itself."""
    owners = manifest["metadata"].get("ownerReferences") or ()
    return next((one for one in owners if one.get("controller")), None)


def _locked(change: Manifest, found: Manifest) -> dict[str, Any]:
    about = {**change.get("metadata", {}), "resourceVersion": found["metadata"]["resourceVersion"]}
    return {**change, "metadata": about}


def _at(manifest: Manifest, pointer: Sequence[str]) -> list[Any]:
    found: Any = manifest
    for name in pointer:
        found = (found or {}).get(name)
    return found or []


def _removals(at: str, indices: Sequence[int], listed: Sequence[Any]) -> list[dict[str, Any]]:
    """JSON patch that takes these members out, if they still are what was read."""
    change: list[dict[str, Any]] = []
    for index in reversed(indices):
        change += [
            {"op": "test", "path": f"{at}/{index}", "value": listed[index]},
            {"op": "remove", "path": f"{at}/{index}"},
        ]
    return change
