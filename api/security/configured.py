"""How the server is guarded, from its settings."""

import ipaddress
from collections.abc import Sequence

from api.errors import UsageError
from api.security.principal import Access, LocalAccess
from api.settings import Settings


def access_of(settings: Settings, host: str, *, open_paths: Sequence[str] = ()) -> Access:
    """Who may ask a server that listens on ``host``: whoever is on this machine.

    Raises:
        UsageError: it would serve the network without asking who is there.
    """
    del settings, open_paths
    if not is_loopback(host):
        raise UsageError(
            f"{host} can be reached from other machines and nobody would be asked for a key: "
            "listen on 127.0.0.1"
        )
    return LocalAccess()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
