"""How the server is guarded, from its settings: the one place that puts the parts together."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from api.errors import UsageError
from api.security.access import KeyedAccess
from api.security.key_ring import KeyRing
from api.security.oidc import Oidc
from api.security.origins import is_loopback
from api.security.principal import Access, LocalAccess
from api.security.published_keys import PublishedKeys, over_http
from api.security.sessions import Sessions
from api.security.settings import gate_settings, oidc_settings
from api.settings import Settings
from api.wiring import utc_now


def access_of(
    settings: Settings,
    host: str,
    *,
    clock: Callable[[], datetime] = utc_now,
    ticks: Callable[[], float] = time.monotonic,
    open_paths: Sequence[str] = (),
) -> Access:
    """Who may ask a server that listens on ``host``.

    With keys or an OIDC issuer everybody must show a credential. Without, a server on loopback
    serves whoever is on this machine. Below ``open_paths`` everybody may read.

    Raises:
        UsageError: it would serve the network without asking who is there.
        KeyFileError: the keys cannot be trusted or read.
        SettingsError: a setting is not what it should be.
    """
    ring, said = KeyRing(settings.keys, clock, ticks), oidc_settings(settings.environ)
    oidc = Oidc(said, PublishedKeys(said.issuer, over_http, ticks)) if said else None
    is_local = is_loopback(host)
    if not (is_local or oidc or ring.had_keys):
        raise UsageError(
            f"{host} can be reached from other machines and nobody would be asked for a key: make "
            "one with `spotcast keys create --name NAME --scope read`, or set "
            "SPOTCAST_OIDC_ISSUER, or listen on 127.0.0.1"
        )
    local = LocalAccess(gate_settings(settings.environ).cors_origins) if is_local else None
    return KeyedAccess(ring, Sessions(clock), oidc, None if oidc else local, open_paths)
