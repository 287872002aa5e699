"""By what Azure knows us: which of four ways to a token is set up, and what is missing if none is.

The names of the variables are those of Microsoft's own libraries, where these have one; AKS'
workload identity sets its three in the pod by itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

TENANT = "AZURE_TENANT_ID"
CLIENT_ID = "AZURE_CLIENT_ID"
CLIENT_SECRET = "AZURE_CLIENT_SECRET"  # noqa: S105 - the variable's name, no secret
TOKEN_FILE = "AZURE_FEDERATED_TOKEN_FILE"  # noqa: S105 - the same
SUBSCRIPTION = "AZURE_SUBSCRIPTION_ID"
ACCESS_TOKEN = "SPOTCAST_AZURE_ACCESS_TOKEN"  # noqa: S105 - the same
MANAGED_IDENTITY = "SPOTCAST_AZURE_MANAGED_IDENTITY"

TRUE = {"1", "true", "yes", "on"}
TENANT_NAME = re.compile(r"[A-Za-z0-9.-]+")
"""A tenant is a GUID or a domain; it becomes part of a URL."""


@dataclass(frozen=True, slots=True)
class StaticToken:
    """A token that the user has fetched: good for an hour or so, and for a replay."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FederatedToken:
    """Workload identity: a service account's token, in a file that the cluster renews."""

    tenant: str
    client_id: str
    path: str


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """An app registration's secret."""

    tenant: str
    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """The identity of the Azure machine we run on; ``client_id`` picks one if it has several."""

    client_id: str | None


Credentials = StaticToken | FederatedToken | ClientSecret | ManagedIdentity


def credentials_from(environ: Mapping[str, str]) -> Credentials | None:
    """The first way that is complete: a token, workload identity, a secret, managed identity."""
    if token := _of(environ, ACCESS_TOKEN):
        return StaticToken(token)
    tenant, client_id = _of(environ, TENANT), _of(environ, CLIENT_ID)
    if TENANT_NAME.fullmatch(tenant) and client_id:
        if path := _of(environ, TOKEN_FILE):
            return FederatedToken(tenant, client_id, path)
        if secret := _of(environ, CLIENT_SECRET):
            return ClientSecret(tenant, client_id, secret)
    if _of(environ, MANAGED_IDENTITY).lower() in TRUE:
        return ManagedIdentity(client_id or None)
    return None


def missing(environ: Mapping[str, str]) -> list[str]:
    """What must still be set before the account's feeds can run, in words."""
    lacks = []
    if credentials_from(environ) is None:
        lacks.append(
            f"set {TENANT}, {CLIENT_ID} and {CLIENT_SECRET}: an app registration (or {TOKEN_FILE} "
            f"for workload identity, or {MANAGED_IDENTITY}=1 on an Azure machine)"
        )
    if not _of(environ, SUBSCRIPTION):
        lacks.append(f"set {SUBSCRIPTION}: the id of the subscription that buys the machines")
    return lacks


def _of(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip()
