"""A real cluster behind `advisor.cluster.Cluster`: kr8s finds and opens it, REST calls do the rest.

kr8s knows contexts, several kubeconfigs, TLS, proxies, tokens and credential commands. Its objects
are left aside: a server-side apply is one PATCH, and what the server answers to it (who owns which
field) is what people must be told. The verbs that are needed stand in docs/plan.md.
"""

import asyncio
import json
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx
import yaml

from advisor.cluster import (
    ClusterDeniedError,
    ClusterError,
    ClusterRefusedError,
    ClusterUnavailableError,
    ConflictError,
    Manifest,
    Node,
    NodeClaim,
    node,
    node_claim,
)
from advisor.planning.merge import FIELD_MANAGER

if TYPE_CHECKING:
    import kr8s

KARPENTER = "karpenter.sh/v1"
INSTALL = "kr8s is not installed: pip install 'spotcast[kubernetes]'"
HOW = "name a kubeconfig with --kubeconfig or KUBECONFIG, and a context with --context"

PAGE_SIZE = 500
"""kubectl's own size of a page."""
TIMEOUT_SECONDS = 30.0
"""How long one request may take: the API server's webhooks have at most 30 s."""

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, TOO_MANY = 401, 403, 404, 409, 429
INTERNAL_ERROR = 500


class KubernetesCluster:
    """One cluster, as a context manager; nothing is asked before it is needed.

    ``kubeconfig`` None is ``~/.kube/config`` or the pod's own account; ``context`` None is the
    current one. ``url`` is an API server without credentials (``kubectl proxy``).
    """

    def __init__(
        self,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
        url: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        # Without a namespace kr8s asks the current context for one, and fails if none is current.
        self._found_by = {"context": context, "url": url, "namespace": "default"}
        self._kubeconfig: Any = False if url else kubeconfig
        self._timeout_seconds = timeout_seconds
        self._runner = asyncio.Runner()
        self._api: kr8s.Api | None = None
        self._left: list[Path] = []

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
        status, found = self._ask("GET", KARPENTER, f"nodepools/{name}")
        if status != NOT_FOUND:
            return self._good(status, found, f"NodePool {name}")
        # A cluster without Karpenter answers the same: its list tells the two apart.
        self.nodepools()
        return None

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
        status, answer = self._ask(
            "PATCH",
            nodepool["apiVersion"],
            f"nodepools/{name}",
            params=given | {"fieldValidation": "Strict"},
            content=json.dumps(nodepool).encode(),
            headers={"content-type": "application/apply-patch+yaml"},
        )
        if status == CONFLICT:
            raise ConflictError(f"NodePool {name}", _owners(answer))
        return self._good(status, answer, f"NodePool {name}", verb="patch")

    def _list(self, version: str, resource: str) -> list[Manifest]:
        found: list[Manifest] = []
        after = ""
        while True:
            given = {"limit": str(PAGE_SIZE)} | ({"continue": after} if after else {})
            status, page = self._ask("GET", version, resource, params=given)
            page = self._good(status, page, resource, verb="list")
            found += page.get("items") or []
            after = (page.get("metadata") or {}).get("continue") or ""
            if not after:
                return sorted(found, key=lambda one: str(one["metadata"]["name"]))

    def _ask(
        self, method: str, version: str, path: str, **given: Any
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON of one call; an expired login is renewed once."""
        try:
            status, answer = self._runner.run(self._call(method, version, path, **given))
            if status == UNAUTHORIZED:
                self._runner.run(self._forget())
                status, answer = self._runner.run(self._call(method, version, path, **given))
        except (httpx.TransportError, TimeoutError) as error:
            what = str(error) or type(error).__name__
            raise ClusterUnavailableError(f"the API server does not answer: {what}") from error
        return status, answer

    async def _call(
        self, method: str, version: str, path: str, **given: Any
    ) -> tuple[int, dict[str, Any]]:
        import kr8s  # noqa: PLC0415 - optional, and found to be there by _opened

        api = self._api or await self._opened()
        self._api = api
        try:
            async with api.call_api(
                method, version=version, url=path, raise_for_status=False, **given
            ) as response:
                return response.status_code, _read(response)
        except kr8s.APITimeoutError as error:
            raise TimeoutError(f"no answer within {self._timeout_seconds:g} s") from error

    async def _opened(self) -> "kr8s.Api":
        try:
            import kr8s  # noqa: PLC0415 - optional
        except ImportError as error:
            raise ClusterDeniedError(INSTALL) from error
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

    def _good(
        self, status: int, answer: dict[str, Any], subject: str, *, verb: str = "get"
    ) -> dict[str, Any]:
        """The answer of a success.

        Raises:
            ClusterError: what the status asks for.
        """
        said = str(answer.get("message") or f"HTTP {status}")
        if status < 300:  # noqa: PLR2004 - HTTP's successes
            return answer
        if status == UNAUTHORIZED:
            raise ClusterDeniedError(f"the cluster does not accept the credentials; {HOW}")
        if status == FORBIDDEN:
            what = f"{subject}: the cluster does not allow to {verb} it ({said})"
            raise ClusterDeniedError(f"{what}; docs/plan.md has the ClusterRole")
        if status == NOT_FOUND:
            raise ClusterError(f"the cluster has no {subject}: is Karpenter (v1) installed?")
        if status >= INTERNAL_ERROR or status == TOO_MANY:
            raise ClusterUnavailableError(f"{subject}: {said}; try again later")
        raise ClusterRefusedError(f"{subject}: the API server refuses it: {said}")


def _read(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer; text that is none (a proxy's page) as its message."""
    try:
        answer = response.json()
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {"message": response.text[:200]}


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
