"""Where a request of a browser comes from: which page sent it, and by what name it came here."""

from collections.abc import Container
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from api.web.problems import Problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""They change nothing (RFC 9110, 9.2.1)."""

OURS = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site: our own page, or the user's own hand (an address typed in)."""


BY_PROXY = ("forwarded", "x-forwarded-for", "x-real-ip")
"""Headers that say for whom a proxy asks."""


def is_loopback(host: str) -> bool:
    """Whether a host, without its port, names this machine: localhost, 127.0.0.0/8 or ::1."""
    name = host.removeprefix("[").removesuffix("]").removesuffix(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def host_of(asking: HTTPConnection) -> str:
    """The name in the Host header, without its port; empty if there is none or more than one."""
    given = asking.headers.getlist("host")
    try:
        return (urlsplit(f"//{given[0]}").hostname or "") if len(given) == 1 else ""
    except ValueError:
        return ""


def changes(asking: HTTPConnection) -> bool:
    """Whether the request may change something."""
    return asking.scope["method"] not in SAFE_METHODS


def check_local(asking: HTTPConnection, trusted: Container[str] = ()) -> None:
    """Refuse what a page in this machine's browser sends without being ours.

    Raises:
        Problem: 421, the request came by a name that is not this machine's (DNS rebinding), or
            through a proxy, which may stand in the network; 403, a page of another origin, not
            of ``trusted``, would change something.
    """
    if not is_loopback(host_of(asking)) or any(name in asking.headers for name in BY_PROXY):
        raise Problem(
            HTTPStatus.MISDIRECTED_REQUEST,
            "Without keys this server answers to localhost only. To reach it by another name or "
            "through a proxy, make a key: `spotcast keys create`.",
        )
    if changes(asking) and not is_own(asking, trusted, is_browser=False):
        raise _foreign()


def check_own(asking: HTTPConnection) -> None:
    """Refuse what would change something, asked with our cookie by a page that is not ours.

    Raises:
        Problem: 403.
    """
    if changes(asking) and not is_own(asking, (), is_browser=True):
        raise _foreign()


def is_own(asking: HTTPConnection, trusted: Container[str], *, is_browser: bool) -> bool:
    """Whether our own page sent it, or one of ``trusted``.

    A browser says so in Sec-Fetch-Site, which no page can forge; one from before 2023 in Origin,
    which is compared by host, since a proxy may have taken off the TLS. A request with neither
    is no browser's, so with ``is_browser`` it is refused.
    """
    site = asking.headers.get("sec-fetch-site")
    origin = asking.headers.get("origin")
    if origin is not None and origin.lower() in trusted:
        return True
    if site is not None:
        return site in OURS
    if origin is None:
        return not is_browser
    try:
        return urlsplit(origin).netloc.lower() == asking.headers.get("host", "").lower() != ""
    except ValueError:
        return False


def _foreign() -> Problem:
    return Problem(
        HTTPStatus.FORBIDDEN,
        "A page of another origin may not change anything here; SPOTCAST_CORS_ORIGINS lists "
        "those that may, with a key.",
    )
