"""How the cluster is reached: kr8s, hidden here, reads the kubeconfig or the pod's own account.

kr8s knows contexts, several files, TLS, proxies, tokens and credential commands (``aws eks
get-token``, ``gke-gcloud-auth-plugin``, ``kubelogin``). Its own requests have no bound in time that
we could set and no resource version that we could keep, so that only its credentials are used.
"""

import asyncio
import ssl
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from collector.errors import SourceDeniedError

if TYPE_CHECKING:
    import kr8s

KUBECONFIG = "KUBECONFIG"
CONTEXT = "SPOTCAST_KUBE_CONTEXT"
IN_CLUSTER = "KUBERNETES_SERVICE_HOST"
"""Kubernetes sets it in every pod."""

INSTRUCTIONS = (
    "set KUBECONFIG, or have ~/.kube/config, or run in the cluster with a service account; "
    f"{CONTEXT} names a context other than the current one"
)
INSTALL = "kr8s is not installed: pip install 'spotcast[kubernetes]'"


@dataclass(frozen=True, slots=True)
class ClusterCredentials:
    """Where the API server is, and by what it knows us. ``verify`` is as httpx takes it."""

    server: str
    token: str | None = field(default=None, repr=False)
    verify: ssl.SSLContext | bool = field(default=True, repr=False)
    proxy: str | None = field(default=None, repr=False)
    tls_server_name: str | None = None


def missing(environ: Mapping[str, str]) -> list[str]:
    """What must be set before a cluster can be watched, in words; empty if something is.

    Judged by variables and files. Whether the cluster lets us in, only a call can tell.
    """
    if environ.get(IN_CLUSTER, "").strip() or any(one.is_file() for one in _files(environ)):
        return []
    return [INSTRUCTIONS]


def read_credentials(environ: Mapping[str, str], *, source: str) -> ClusterCredentials:
    """The credentials of the context in force, read anew; a credential command is run.

    Raises:
        SourceDeniedError: there are none, or they cannot be read; says what a person can do.
    """
    paths = ":".join(str(one) for one in _files(environ))
    context = environ.get(CONTEXT, "").strip() or None
    try:
        import kr8s  # noqa: PLC0415 - optional
    except ImportError as error:
        raise SourceDeniedError(source, INSTALL) from error
    try:
        # Without a namespace kr8s asks the current context for one, and fails if none is current.
        api = kr8s.Api(bypass_factory=True, kubeconfig=paths, context=context, namespace="default")
        return _credentials(api)
    except RuntimeError as error:
        # Its text is what the command wrote, which may hold a token.
        what = "the kubeconfig's credential command failed: try `kubectl get nodes`"
        raise SourceDeniedError(source, what) from error
    except (LookupError, TypeError, AttributeError, OSError, yaml.YAMLError) as error:
        what = f"the kubeconfig cannot be used ({type(error).__name__})"
        raise SourceDeniedError(source, what) from error
    except ValueError as error:
        # Of the subclasses some quote what they could not read.
        said = str(error) if type(error) is ValueError else type(error).__name__
        raise SourceDeniedError(source, f"no credentials ({said}): {INSTRUCTIONS}") from error


def _credentials(api: "kr8s.Api") -> ClusterCredentials:
    folder = Path(tempfile.gettempdir())
    before = set(folder.iterdir())
    # Any: kr8s annotates only some of its methods.
    auth: Any = api.auth
    try:
        asyncio.run(auth.reauthenticate())
        return ClusterCredentials(
            server=auth.server,
            token=auth.token.strip() if auth.token else None,
            verify=asyncio.run(auth.ssl_context()),
            proxy=auth.proxy,
            tls_server_name=auth.tls_server_name,
        )
    finally:
        # kr8s writes keys that stand in the kubeconfig itself to files, and leaves them.
        for name in (auth.client_key_file, auth.client_cert_file, auth.server_ca_file):
            if name and Path(str(name)).parent == folder and Path(str(name)) not in before:
                with suppress(OSError):
                    Path(str(name)).unlink()


def _files(environ: Mapping[str, str]) -> list[Path]:
    """The kubeconfig files that may be there, as kubectl looks for them."""
    home = environ.get("HOME") or environ.get("USERPROFILE")
    if named := environ.get(KUBECONFIG, "").strip():
        return [_without_tilde(one, home) for one in named.split(":") if one]
    return [Path(home, ".kube", "config")] if home else []


def _without_tilde(path: str, home: str | None) -> Path:
    """``path`` with a leading ``~`` replaced by the home that was given."""
    if home and path.startswith("~/"):
        return Path(home, path.removeprefix("~/"))
    return Path(path)
