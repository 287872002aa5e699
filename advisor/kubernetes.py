"""A real cluster behind `advisor.cluster`'s ports: kr8s finds and opens it, REST does the rest.

kr8s knows contexts, several kubeconfigs, TLS, proxies, tokens and credential commands. Its objects
are left aside: a server-side apply is one PATCH, and what the server answers to it (who owns which
field) is what people must be told. What is asked is in the modules ``advisor.kubernetes_*``; the
rights that are needed stand in docs/plan.md and deploy/rbac.
"""

import asyncio
import gc
import json
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx
import yaml

from advisor.cluster import (
    ClusterDeniedError,
    ClusterUnavailableError,
    ConflictError,
    Manifest,
    Node,
    NodeClaim,
    node,
    node_claim,
)
from advisor.karpenter.labels import OURS
from advisor.kubernetes_actions import EVENTS_NAMESPACE, Acting
from advisor.kubernetes_api import CONFLICT, HOW, UNAUTHORIZED, Answer, KubeApi, good
from advisor.kubernetes_caches import Caches, look_at_caches
from advisor.kubernetes_evidence import EVENTS, each_once, evidence_in
from advisor.kubernetes_lease import Leases
from advisor.kubernetes_serving import serving_manifests
from advisor.kubernetes_snapshot import KARPENTER, STANDING, Seen, look
from advisor.kubernetes_starts import read_starts
from advisor.kubernetes_surges import Surges
from advisor.lead_time import ImagePull
from advisor.lead_time_observed import Observed
from advisor.planning.merge import FIELD_MANAGER
from advisor.replacement.actions import Action
from advisor.replacement.records import Evidence, Snapshot

if TYPE_CHECKING:
    import kr8s

INSTALL = "kr8s or msgspec is not installed: pip install 'spotcast[kubernetes]'"

TIMEOUT_SECONDS = 30.0
"""How long one request may take: the API server's webhooks have at most 30 s."""


_PODS, _NODES = ("v1", "pods"), ("v1", "nodes")
AHEAD: Mapping[tuple[str, str], tuple[tuple[str, str], Mapping[str, Any]]] = {
    (KARPENTER, "nodeclaims"): (_PODS, {"params": {"fieldSelector": STANDING}}),
    _PODS: (_NODES, {"params": {}}),
}
"""The long lists of a look, in order: which follows upon which, and how it is asked for."""


def _utc() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Sent:
    """An answer as it came over the wire, packed: what is not read yet takes little room."""

    status: int
    headers: httpx.Headers
    body: bytes = field(repr=False)


class KubernetesCluster:
    """One cluster, as a context manager; nothing is asked before it is needed.

    ``kubeconfig`` None is ``~/.kube/config`` or the pod's own account; ``context`` None is the
    current one. ``url`` is an API server without credentials (``kubectl proxy``). ``namespace``
    is where the guard's Leases are. ``clock`` dates what is written, ``sleep`` waits when the
    server asks for patience.
    """

    def __init__(
        self,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
        url: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        namespace: str = "default",
        clock: Callable[[], datetime] = _utc,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        # Without a namespace kr8s asks the current context for one, and fails if none is current.
        self._found_by = {"context": context, "url": url, "namespace": "default"}
        self._kubeconfig: Any = False if url else kubeconfig
        self._timeout_seconds = timeout_seconds
        self._runner = asyncio.Runner()
        self._api: kr8s.Api | None = None
        self._left: list[Path] = []
        self._is_looking = False
        self._ahead: dict[tuple[str, str], asyncio.Task[_Sent]] = {}
        self._kube = KubeApi(self._ask, sleep=sleep)
        self._leases = Leases(self._kube, namespace)
        self._surges = Surges(self._kube, namespace)
        self._acting = Acting(self._kube, self._surges, OURS, clock)
        self._clock = clock
        self._seen: Seen | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._runner.run(self._forget())
        self._runner.close()

    def nodepools(self) -> list[Manifest]:
        """All NodePools, by name."""
        return self._list(KARPENTER, "nodepools")

    def nodepool(self, name: str) -> Manifest | None:
        """The NodePool of that name; None if there is none.

        Raises:
            ClusterError: the cluster has no NodePools at all, or does not tell.
        """
        found = self._kube.find(KARPENTER, f"nodepools/{name}", f"NodePool {name}")
        if found is None:
            # A cluster without Karpenter answers the same: its list tells the two apart.
            self.nodepools()
        return found

    def node_claims(self) -> list[NodeClaim]:
        """All NodeClaims, by name."""
        return [node_claim(one) for one in self._list(KARPENTER, "nodeclaims")]

    def nodes(self) -> list[Node]:
        """All Nodes, by name."""
        return [node(one) for one in self._list("v1", "nodes")]

    def apply(self, nodepool: Manifest, *, dry_run: bool = False, force: bool = False) -> Manifest:
        """Write a NodePool as field manager ``spotcast``; the object as it then is (or would be).

        Raises:
            ConflictError: others own fields that would change, and ``force`` is off.
            ClusterRefusedError: schema, CEL, a webhook or a quota forbids it.
        """
        name = nodepool["metadata"]["name"]
        given = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        if dry_run:
            given["dryRun"] = "All"
        # JSON is YAML, and leaves no doubt about what is a string.
        answer = self._kube.ask(
            "PATCH",
            nodepool["apiVersion"],
            f"nodepools/{name}",
            params=given | {"fieldValidation": "Strict"},
            content=json.dumps(nodepool).encode(),
            headers={"content-type": "application/apply-patch+yaml"},
        )
        if answer.status == CONFLICT:
            raise ConflictError(f"NodePool {name}", _owners(answer.body))
        return good(answer, f"NodePool {name}", verb="patch")

    def snapshot(self, now: datetime) -> Snapshot:
        """The nodes with what stands on them, NodePools and workloads; ``now`` is when."""
        before, services = self._seen or Seen(), self._surges.of_services()
        self._is_looking = True
        try:
            with _collector_at_rest():
                snapshot, self._seen = look(self._kube, now, before, services)
        finally:
            self._is_looking = False
            self._drop_ahead()
        self._acting.uids = self._seen.uids
        self._acting.replicas = {
            name: one.replicas - one.surged_by for name, one in snapshot.workloads.items()
        }
        self._acting.surged = frozenset(
            name for name, one in snapshot.workloads.items() if one.surged_by
        )
        return snapshot

    def caches(self) -> Caches:
        """The model caches of Fluid and KServe, with their workers and the nodes."""
        return look_at_caches(self._kube)

    def serving(self, namespace: str) -> list[Manifest]:
        """KServe's services of a namespace, with what shapes and guards them."""
        return serving_manifests(self._kube, namespace)

    def evidence(self) -> list[Evidence]:
        """What clouds and Karpenter say of the nodes of the last snapshot; one is taken if none."""
        if self._seen is None:
            self.snapshot(self._clock())
        seen = self._seen or Seen()
        path = f"namespaces/{EVENTS_NAMESPACE}/events"
        events = chain.from_iterable(
            self._kube.every("v1", path, params={"fieldSelector": f"reason={reason}"})
            for reason in EVENTS
        )
        told = evidence_in(events, seen.node_of_claim, seen.nodes)
        return each_once([*seen.evidence, *told])

    def starts(self, image_pull: ImagePull = ImagePull.EAGER) -> Observed:
        """How long the parts of the starts took that the cluster still tells of."""
        return read_starts(self._kube, image_pull)

    def do(self, action: Action) -> None:
        """Make it so; what is so already, or is gone, is left alone."""
        self._acting.do(action)

    def lease(self, name: str, holder: str, seconds: int, now: datetime) -> bool:
        """Whether ``holder`` leads for the next ``seconds``."""
        self._acting.holder = holder
        return self._leases.take(name, holder, seconds, now)

    def _list(self, version: str, resource: str) -> list[Manifest]:
        found = self._kube.every(version, resource)
        return sorted(found, key=lambda one: str(one["metadata"]["name"]))

    def _ask(self, method: str, version: str, path: str, **given: Any) -> Answer:
        """Status and JSON of one call; an expired login is renewed once."""
        asked = (version, path) if method == "GET" else None
        try:
            sent = self._runner.run(self._with_next(asked, method, version, path, **given))
            if sent.status == UNAUTHORIZED:
                self._drop_ahead()
                self._runner.run(self._forget())
                sent = self._runner.run(self._call(method, version, path, **given))
        except (httpx.TransportError, TimeoutError) as error:
            what = str(error) or type(error).__name__
            raise ClusterUnavailableError(f"the API server does not answer: {what}") from error
        return _read(sent)

    async def _with_next(
        self, asked: tuple[str, str] | None, method: str, version: str, path: str, **given: Any
    ) -> _Sent:
        """The answer, by a request that is on its way already if there is one.

        The next list of `AHEAD` is asked for, so that the server makes it while this one is read.
        """
        under_way = self._ahead.pop(asked, None) if asked else None
        after, wanted = AHEAD.get(asked, (None, {})) if asked and self._is_looking else (None, {})
        if after and after not in self._ahead:
            self._ahead[after] = asyncio.create_task(self._call("GET", *after, **wanted))
        return await (under_way or self._call(method, version, path, **given))

    def _drop_ahead(self) -> None:
        """Let go of what was asked for ahead and is not wanted any more."""
        left, self._ahead = list(self._ahead.values()), {}
        for task in left:
            task.cancel()
        if left:
            self._runner.run(_ended(left))

    async def _call(self, method: str, version: str, path: str, **given: Any) -> _Sent:
        import kr8s  # noqa: PLC0415 - optional, and found to be there by _opened

        api = self._api or await self._opened()
        self._api = api
        headers = {"accept-encoding": "gzip", **given.pop("headers", {})}
        try:
            async with api.call_api(
                method,
                version=version,
                url=path,
                raise_for_status=False,
                stream=True,
                headers=headers,
                **given,
            ) as response:
                # A response that was read at once keeps what it read, as long as its cycle lives.
                pieces = [piece async for piece in response.aiter_raw()]
                return _Sent(response.status_code, response.headers, b"".join(pieces))
        except kr8s.APITimeoutError as error:
            raise TimeoutError(f"no answer within {self._timeout_seconds:g} s") from error

    async def _opened(self) -> "kr8s.Api":
        try:
            import kr8s  # noqa: PLC0415 - optional
        except ImportError as error:
            raise ClusterDeniedError(INSTALL) from error
        if find_spec("msgspec") is None:
            raise ClusterDeniedError(INSTALL)
        api = kr8s.Api(bypass_factory=True, kubeconfig=self._kubeconfig, **self._found_by)
        api.timeout = self._timeout_seconds
        auth: Any = api.auth
        folder = Path(tempfile.gettempdir())
        before = set(folder.iterdir())  # noqa: ASYNC240 - nothing else runs in this loop
        try:
            await auth.reauthenticate()
            # Keys and certificates that cannot be read are found here, not at the first request.
            await auth.ssl_context()
        except RuntimeError as error:
            # Its text is what the command wrote, which may hold a token.
            what = "the kubeconfig's credential command failed: try `kubectl get nodes`"
            raise ClusterDeniedError(what) from error
        except (LookupError, TypeError, AttributeError, OSError, yaml.YAMLError) as error:
            what = f"the kubeconfig cannot be used ({type(error).__name__}); {HOW}"
            raise ClusterDeniedError(what) from error
        except ValueError as error:
            said = str(error) if type(error) is ValueError else type(error).__name__
            raise ClusterDeniedError(f"no credentials ({said}): {HOW}") from error
        finally:
            # kr8s writes keys that stand in the kubeconfig itself to files, and leaves them.
            self._left += [
                path
                for name in (auth.client_key_file, auth.client_cert_file, auth.server_ca_file)
                if name and (path := Path(str(name))).parent == folder and path not in before
            ]
        # A token from a file ends with the file's line, and no header may.
        auth.token = auth.token.strip() if auth.token else None
        return api

    async def _forget(self) -> None:
        """Close the connections, and delete the keys that were written to files."""
        api, self._api = self._api, None
        session: Any = api._session if api else None  # noqa: SLF001 - kr8s cannot close it
        if session is not None:
            await session.aclose()
        while self._left:
            with suppress(OSError):
                self._left.pop().unlink()


async def _ended(tasks: Sequence[asyncio.Task[_Sent]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def _collector_at_rest() -> Generator[None]:
    """Without Python's collector of cycles: it would walk each page again while it is parsed.

    Pages have no cycles and go at once; for 2,000 nodes this halves the time of a look.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read(sent: _Sent) -> Answer:
    """The JSON object of an answer; text that is none (a proxy's page) as its message."""
    from advisor.kubernetes_json import read, unpacked  # noqa: PLC0415 - its msgspec is optional

    text = unpacked(sent.body) if "content-encoding" in sent.headers else sent.body
    body = read(text)
    wait = sent.headers.get("retry-after", "")
    answer = Answer(
        sent.status,
        {"message": text[:200].decode(errors="replace")} if body is None else body,
        float(wait) if wait.isdigit() else None,
    )
    if answer.is_good and body is None:
        # Half an answer, or a page of somebody in between, is none.
        return replace(answer, status=502)
    return answer


def _owners(answer: Mapping[str, Any]) -> dict[str, str]:
    """The fields that others own, and by whom, from the server's 409."""
    causes = (answer.get("details") or {}).get("causes") or ()
    return {
        str(one.get("field")): _manager(str(one.get("message", "")))
        for one in causes
        if one.get("reason") == "FieldManagerConflict"
    }


def _manager(message: str) -> str:
    """``kubectl`` of ``conflict with "kubectl" using karpenter.sh/v1``."""
    parts = message.split('"')
    return parts[1] if len(parts) > 2 else message  # noqa: PLR2004 - before, name, after
