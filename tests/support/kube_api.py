"""The Kubernetes API as tests use it: apply as kubectl does, read, patch and delete by kind."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import yaml

from advisor.karpenter.manifests import to_yaml
from tests.support.processes import wait_for

FIELD_MANAGER = "spotcast-tests"
APPLY = {"content-type": "application/apply-patch+yaml"}
MERGE = {"content-type": "application/merge-patch+json"}
NOT_FOUND = 404
PROBE_SECONDS = 2.0
"""A server that is starting may take a request and leave it; ask again."""


class KubeApi:
    """One API server, reached by ``http``, which knows its address and who we are."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}

    def close(self) -> None:
        """Let go of the connections."""
        self.http.close()

    def is_ready(self) -> bool:
        """Whether the server has started and its built-in roles are there."""
        try:
            return self.http.get("/readyz", timeout=PROBE_SECONDS).is_success
        except httpx.TransportError:
            return False

    def apply(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> httpx.Response:
        """Server-side apply of the manifest in our own YAML, unknown fields refused."""
        asked = {
            "fieldManager": FIELD_MANAGER,
            "fieldValidation": "Strict",
            "force": "true",
            **({"dryRun": "All"} if dry_run else {}),
        }
        return self.http.patch(
            self.path_of(manifest), params=asked, headers=APPLY, content=to_yaml([manifest])
        )

    def create(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Apply the manifest, and its status where it has one; the object as it stands then."""
        made = said(self.apply({k: v for k, v in manifest.items() if k != "status"}))
        if "status" not in manifest:
            return made
        return self.merge(manifest, {"status": manifest["status"]}, "/status")

    def merge(
        self, manifest: Mapping[str, Any], change: Mapping[str, Any], sub: str = ""
    ) -> dict[str, Any]:
        """Change the fields of ``change`` in the object that ``manifest`` names."""
        path = f"{self.path_of(manifest)}{sub}"
        return said(self.http.patch(path, json=change, headers=MERGE))

    def find(self, manifest: Mapping[str, Any]) -> dict[str, Any] | None:
        """The object that ``manifest`` names; None if there is none."""
        answer = self.http.get(self.path_of(manifest))
        return None if answer.status_code == NOT_FOUND else said(answer)

    def every(self, api_version: str, kind: str, **asked: str) -> list[dict[str, Any]]:
        """All objects of a kind, of all namespaces; ``asked`` are the query's parameters."""
        items = said(self.http.get(self.path_of_kind(api_version, kind), params=asked))["items"]
        return list(items)

    def delete(self, manifest: Mapping[str, Any]) -> None:
        """Delete the object that ``manifest`` names; nothing if there is none."""
        answer = self.http.delete(self.path_of(manifest))
        if answer.status_code != NOT_FOUND:
            said(answer)

    def token(self, account: str, namespace: str) -> str:
        """A token of a service account, for an hour."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        return str(said(self.http.post(path, json=asked))["status"]["token"])

    def may(self, user: str, verb: str, resource: str) -> bool:
        """Whether RBAC lets the user do that; ``resource`` as a role names it, with its group."""
        name, _, group = resource.partition(".")
        wish = {"verb": verb, "resource": name, "group": group}
        asked = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "resourceAttributes": wish},
        }
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return bool(said(self.http.post(path, json=asked))["status"]["allowed"])

    def install_crds(self, folder: Path) -> None:
        """Install each CRD of a folder, and wait until the server takes objects of them."""
        found = [one for path in sorted(folder.glob("*.yaml")) for one in documents(path)]
        assert found, f"no CRD in {folder}"
        self.install(found)

    def install(self, crds: Sequence[Mapping[str, Any]]) -> None:
        """Install each CRD, and wait until the server takes objects of them."""
        for crd in crds:
            said(self.apply(crd))
        for crd in crds:
            wait_for(partial(self._serves, crd), f"{crd['metadata']['name']} served")
        self._kinds.clear()

    def path_of(self, manifest: Mapping[str, Any]) -> str:
        """Where the object is."""
        version, about = str(manifest["apiVersion"]), manifest["metadata"]
        plural, is_namespaced = self._kind(version, str(manifest["kind"]))
        inside = f"/namespaces/{about.get('namespace', 'default')}" if is_namespaced else ""
        return f"{_group(version)}{inside}/{plural}/{about['name']}"

    def path_of_kind(self, version: str, kind: str) -> str:
        """Where all objects of the kind are, of all namespaces."""
        plural, _ = self._kind(version, kind)
        return f"{_group(version)}/{plural}"

    def _kind(self, version: str, kind: str) -> tuple[str, bool]:
        if (version, kind) not in self._kinds:
            for one in said(self.http.get(_group(version)))["resources"]:
                if "/" not in one["name"]:
                    self._kinds[version, one["kind"]] = one["name"], one["namespaced"]
        return self._kinds[version, kind]

    def _serves(self, crd: Mapping[str, Any]) -> bool:
        """Whether objects of it are taken, and it is told of to those who ask what there is."""
        spec = crd["spec"]
        versions = [
            f"/apis/{spec['group']}/{one['name']}" for one in spec["versions"] if one["served"]
        ]
        plural = spec["names"]["plural"]
        return all(
            self.http.get(f"{version}/{plural}").is_success and self._tells_of(version, plural)
            for version in versions
        )

    def _tells_of(self, version: str, plural: str) -> bool:
        answer = self.http.get(version)
        return answer.is_success and any(
            one["name"] == plural for one in answer.json()["resources"]
        )


def documents(path: Path) -> Iterator[dict[str, Any]]:
    """The YAML documents of a file, empty ones left out."""
    yield from filter(None, yaml.safe_load_all(path.read_text(encoding="utf-8")))


def said(answer: httpx.Response) -> dict[str, Any]:
    """The answer's object; fails with the server's own words if it is a refusal."""
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.text}"
    found: dict[str, Any] = answer.json()
    return found


def _group(api_version: str) -> str:
    return f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
