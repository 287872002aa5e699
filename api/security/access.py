"""Finds out who is asking by what the request shows: a key, a token or a session."""

import logging
from collections.abc import Sequence
from http import HTTPStatus

from starlette.requests import HTTPConnection

from api.security.credentials import Credential, Kind, credential_of
from api.security.key_file import KeyFileError
from api.security.key_ring import KeyRing
from api.security.oidc import Oidc
from api.security.origins import changes, check_own
from api.security.principal import ANYONE, LocalAccess, Principal, Scope
from api.security.published_keys import IssuerDownError
from api.security.sessions import Sessions
from api.web.problems import Problem

logger = logging.getLogger("spotcast.security")


class KeyedAccess:
    """Only who shows a good credential is known.

    With ``local``, for a server on loopback, whoever shows none is asked for none, for as long as
    nobody made a key. Below ``open_paths`` everybody may read, for clients that send no key.
    """

    def __init__(
        self,
        ring: KeyRing,
        sessions: Sessions,
        oidc: Oidc | None = None,
        local: LocalAccess | None = None,
        open_paths: Sequence[str] = (),
    ) -> None:
        self._ring = ring
        self._sessions = sessions
        self._oidc = oidc
        self._local = local
        self._open_paths = tuple(open_paths)

    def principal(self, asking: HTTPConnection) -> Principal | None:
        """Who sent the request; None if it shows nothing, or nothing good.

        Raises:
            Problem: 403, a foreign page sent it, or a key that does more stands in an address;
                503, the keys cannot be read or the tokens' issuer cannot be asked.
        """
        credential = credential_of(asking)
        if credential is None and self._is_open(asking):
            return ANYONE
        try:
            if self._local and not self._ring.had_keys:
                local = self._local.principal(asking)
                if credential is None or credential.kind is Kind.SESSION:
                    return local
            return self._known(asking, credential) if credential else None
        except (KeyFileError, IssuerDownError) as error:
            raise _not_now(error) from None

    def sign_in(self, text: str) -> str | None:
        """Open a session for the one with this key; None if it is not good.

        Raises:
            Problem: 503, the keys cannot be read.
        """
        try:
            key = self._ring.find(text)
        except KeyFileError as error:
            raise _not_now(error) from None
        return self._sessions.begin(key.id) if key else None

    def sign_out(self, asking: HTTPConnection) -> None:
        """End the session that the request shows, if it shows one."""
        credential = credential_of(asking)
        if credential and credential.kind is Kind.SESSION:
            self._sessions.end(credential.secret)

    def _is_open(self, asking: HTTPConnection) -> bool:
        return not changes(asking) and asking.scope["path"].startswith(self._open_paths)

    def _known(self, asking: HTTPConnection, credential: Credential) -> Principal | None:
        match credential.kind:
            case Kind.KEY:
                return self._by_key(credential.secret)
            case Kind.QUERY_KEY:
                return _only_ingests(self._by_key(credential.secret))
            case Kind.TOKEN:
                return self._oidc.principal(credential.secret) if self._oidc else None
            case Kind.SESSION:
                return self._by_session(asking, credential.secret)
            case Kind.UNREADABLE:
                return None

    def _by_key(self, text: str) -> Principal | None:
        key = self._ring.find(text)
        return key.principal if key else None

    def _by_session(self, asking: HTTPConnection, text: str) -> Principal | None:
        key_id = self._sessions.key_id(text)
        key = self._ring.by_id(key_id) if key_id else None
        if key is None:
            return None
        check_own(asking)
        return key.principal


def _only_ingests(found: Principal | None) -> Principal | None:
    """A key in an address stands in a cloud's console and in proxies' logs: it may do no more."""
    if found and found.scopes != frozenset({Scope.INGEST}):
        raise Problem(
            HTTPStatus.FORBIDDEN,
            "A key in the address must have the scope ingest and no other: "
            "`spotcast keys create --scope ingest`. Revoke this one: it may stand in a log by now.",
        )
    return found


def _not_now(error: Exception) -> Problem:
    """The details are for the log: they name files and addresses."""
    logger.error("nobody can be let in: %s", error)
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Who you are cannot be found out now; the server's log says why.",
        headers={"retry-after": "5"},
    )
