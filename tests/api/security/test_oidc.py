"""Tokens of an OpenID Connect issuer, made by a library that is not the one that checks them."""

import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk

from api.security.oidc import Oidc
from api.security.published_keys import IssuerDownError, PublishedKeys, over_http
from api.security.settings import OidcSettings, oidc_settings
from api.security.tokens import ALGORITHMS, SigningKey, TokenError, key_id
from tests.support.issuer import AUDIENCE, Issuer, ec_key, issuer
from tests.support.loopback import Answer, always, loopback
from tests.support.secured import READ, MovedClock, Secured, bearing


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def idp() -> Iterator[Issuer]:
    with issuer() as made:
        yield made


@pytest.fixture
def keys(idp: Issuer, clock: MovedClock) -> PublishedKeys:
    return PublishedKeys(idp.url, over_http, clock.ticks)


@pytest.fixture
def oidc(idp: Issuer, keys: PublishedKeys) -> Oidc:
    return Oidc(settings_of(idp), keys)


def encoded(part: bytes) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def settings_of(idp: Issuer, **environ: str) -> OidcSettings:
    given = {"SPOTCAST_OIDC_ISSUER": idp.url, "SPOTCAST_OIDC_AUDIENCE": AUDIENCE, **environ}
    found = oidc_settings(given)
    assert found
    return found


def test_a_good_token_names_its_subject_and_what_it_allows(oidc: Oidc, idp: Issuer) -> None:
    found = oidc.principal(idp.token())

    assert found
    assert (found.name, found.scopes) == ("oidc ann", READ)


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (jwk.RSAKey.generate_key(2048, {"kid": "rsa"}), "RS256"),
        (jwk.RSAKey.generate_key(2048, {"kid": "rsa"}), "PS256"),
        (ec_key("p384", "P-384"), "ES384"),
        (jwk.OKPKey.generate_key("Ed25519", {"kid": "ed"}), "EdDSA"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # its new name is in few issuers yet
def test_every_signature_with_a_private_key_is_taken(
    oidc: Oidc, idp: Issuer, key: Any, alg: str
) -> None:
    idp.keys.append(key)

    assert oidc.principal(idp.token(key, alg))


HOUR = 3_600
"""Longer than the tests take: a token is judged by the time at which it is shown."""


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "another-service"},
        {"aud": ["a", "b"]},
        {"aud": None},
        {"sub": None},
        {"exp": int(time.time()) - 31},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": int(time.time()) + HOUR},
        {"iat": int(time.time()) + HOUR},
        {"iat": None},
    ],
    ids=lambda one: f"{next(iter(one))}-{type(next(iter(one.values()))).__name__}",
)
def test_a_token_for_another_time_or_place_opens_nothing(
    oidc: Oidc, idp: Issuer, claims: dict[str, Any]
) -> None:
    assert oidc.principal(idp.token(**claims)) is None


def test_two_clocks_may_differ_by_half_a_minute(oidc: Oidc, idp: Issuer) -> None:
    now = int(time.time())

    assert oidc.principal(idp.token(exp=now - 20))
    assert oidc.principal(idp.token(nbf=now + 20, iat=now + 20))


def test_one_audience_of_several_is_enough(oidc: Oidc, idp: Issuer) -> None:
    assert oidc.principal(idp.token(aud=["other", AUDIENCE]))


def test_a_token_of_another_key_with_the_same_id_opens_nothing(oidc: Oidc, idp: Issuer) -> None:
    assert oidc.principal(idp.token(ec_key("one"))) is None


def test_a_token_signed_with_the_public_key_as_a_secret_opens_nothing(
    oidc: Oidc, idp: Issuer
) -> None:
    secret = idp.keys[0].as_pem(private=False)
    _, payload, _ = idp.token().split(".")
    header = encoded(b'{"alg":"HS256","kid":"one"}')
    signed = f"{header}.{payload}"
    signature = encoded(hmac.digest(secret, signed.encode(), "sha256"))

    assert oidc.principal(f"{signed}.{signature}") is None


def test_a_token_without_a_signature_opens_nothing(oidc: Oidc, idp: Issuer) -> None:
    _, payload, _ = idp.token().split(".")
    header = encoded(b'{"alg":"none","kid":"one"}')

    assert oidc.principal(f"{header}.{payload}.") is None
    assert oidc.principal(f"{header}.{payload}.AA") is None


def test_a_token_that_was_changed_opens_nothing(oidc: Oidc, idp: Issuer) -> None:
    head, payload, signature = idp.token().split(".")
    told = json.loads(base64.urlsafe_b64decode(payload + "=="))
    told["scope"] = "spotcast:act"
    changed = encoded(json.dumps(told).encode())

    assert oidc.principal(f"{head}.{changed}.{signature}") is None


def test_a_shared_secret_in_the_list_of_keys_is_not_taken(oidc: Oidc, idp: Issuer) -> None:
    secret = jwk.OctKey.generate_key(256, {"kid": "oct"})
    idp.extra = [secret.as_dict(private=True), {}, None, 3, {"kty": "RSA", "kid": "x"}]

    assert oidc.principal(idp.token(secret, "HS256")) is None
    assert oidc.principal(idp.token())


def test_only_signatures_with_a_private_key_are_known() -> None:
    assert not {"none", "HS256", "HS384", "HS512"} & set(ALGORITHMS)
    with pytest.raises(TokenError):
        SigningKey({"kty": "oct", "k": "c2VjcmV0"})
    with pytest.raises(TokenError):
        SigningKey({**ec_key().as_dict(private=False), "use": "enc"})
    with pytest.raises(TokenError):
        SigningKey({**ec_key().as_dict(private=False), "alg": "HS256"})


@pytest.mark.parametrize(
    ("claim", "said", "scopes"),
    [
        ("scope", {"scope": "read act x"}, {"read", "act"}),
        ("scope", {"scope": "reader"}, set[str]()),
        ("scp", {"scp": "ingest", "scope": "act"}, {"ingest"}),
        ("groups", {"groups": ["ops=1", "all"]}, {"act"}),
        ("groups", {"groups": ["read", 3, None]}, {"read"}),
        ("groups", {"groups": {"read": 1}}, set[str]()),
        ("groups", {}, set[str]()),
        ("realm_access.roles", {"realm_access": {"roles": ["read"]}}, {"read"}),
        ("realm_access.roles", {"realm_access": ["read"]}, set[str]()),
        ("https://spotcast.example/roles", {"https://spotcast.example/roles": ["read"]}, {"read"}),
    ],
)
def test_what_a_token_allows_is_mapped_from_a_claim(
    idp: Issuer, keys: PublishedKeys, claim: str, said: dict[str, Any], scopes: set[str]
) -> None:
    mapping = "read=read, ingest=ingest, act=act, ops=1=act"
    settings = settings_of(idp, SPOTCAST_OIDC_CLAIM=claim, SPOTCAST_OIDC_SCOPES=mapping)
    claims: dict[str, Any] = {"scope": None, **said}
    found = Oidc(settings, keys).principal(idp.token(**claims))

    assert found
    assert found.scopes == scopes


def test_a_subject_cannot_break_the_log(oidc: Oidc, idp: Issuer) -> None:
    found = oidc.principal(idp.token(sub="ann\nINFO root " + "x" * 500))

    assert found
    assert found.name.isprintable()
    assert len(found.name) < 120


def test_the_keys_are_read_once_and_not_for_each_token(oidc: Oidc, idp: Issuer) -> None:
    tokens = [idp.token() for _ in range(5)]

    assert all(oidc.principal(one) for one in tokens)
    assert idp.asked == 1


def test_a_new_key_is_found_at_once_but_unknown_ids_ask_once_a_minute(
    oidc: Oidc, idp: Issuer, clock: MovedClock
) -> None:
    oidc.principal(idp.token())
    idp.keys.append(ec_key("two"))
    clock.pass_by(seconds=60)
    assert oidc.principal(idp.token(idp.keys[1]))
    for number in range(50):
        assert oidc.principal(idp.token(ec_key(f"unknown-{number}"))) is None

    assert idp.asked == 2


def test_a_key_that_was_taken_back_is_good_for_ten_minutes_at_the_most(
    oidc: Oidc, idp: Issuer, clock: MovedClock
) -> None:
    token = idp.token()
    assert oidc.principal(token)
    idp.keys[:] = [ec_key("two")]
    clock.pass_by(seconds=599)
    before = oidc.principal(token)
    clock.pass_by(seconds=2)

    assert before
    assert oidc.principal(token) is None


def test_while_the_issuer_is_down_its_keys_are_believed_for_an_hour(
    oidc: Oidc, idp: Issuer, clock: MovedClock
) -> None:
    token = idp.token()
    assert oidc.principal(token)
    idp.is_down = True
    clock.pass_by(seconds=3_599)
    assert oidc.principal(token)
    clock.pass_by(seconds=2)
    with pytest.raises(IssuerDownError):
        oidc.principal(token)
    idp.is_down = False
    clock.pass_by(seconds=10)

    assert oidc.principal(token)


def test_many_at_once_ask_the_issuer_once(oidc: Oidc, idp: Issuer) -> None:
    token, barrier = idp.token(), threading.Barrier(6)

    def ask(_: int) -> bool:
        barrier.wait()
        return oidc.principal(token) is not None

    with ThreadPoolExecutor(6) as callers:
        assert all(callers.map(ask, range(6)))
    assert idp.asked == 1


@pytest.mark.parametrize(
    "told",
    [
        {"issuer": "https://other.example"},
        {"jwks_uri": "http://192.0.2.1/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
        {"jwks_uri": "http://[bad"},
    ],
    ids=str,
)
def test_a_discovery_that_leads_elsewhere_is_not_followed(
    oidc: Oidc, idp: Issuer, told: dict[str, Any]
) -> None:
    idp.document = told

    with pytest.raises(IssuerDownError):
        oidc.principal(idp.token())
    assert idp.asked == 0


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"[]"),
        Answer(b"<html>"),
        Answer(b"{}"),
        Answer(b"", 302, {"location": "http://192.0.2.1/"}),
        Answer(b"[" * 100_000),
        Answer(b" " * 600_000),
        Answer(b"\xff\xfe"),
    ],
    ids=["list", "html", "empty", "redirect", "deep", "long", "bytes"],
)
def test_an_issuer_that_answers_nonsense_is_down(answer: Answer) -> None:
    with loopback(always(answer)) as server, pytest.raises(IssuerDownError):
        PublishedKeys(server.url, over_http).key("one")


@given(st.text(st.characters(codec="ascii")) | st.from_regex(r"[\w-]+\.[\w-]+\.[\w-]*"))
def test_what_is_no_token_is_refused_and_never_fails(text: str) -> None:
    keys = SigningKey(ec_key().as_dict(private=False))
    with pytest.raises(TokenError):
        keys.claims(text, issuer="https://a.example", audience="a")
    try:
        key_id(text)
    except TokenError as error:
        assert len(str(error)) < 50  # noqa: PT017 - it need not be raised


def test_a_server_takes_tokens_beside_keys(secured: Secured, idp: Issuer) -> None:
    secured.environ = {"SPOTCAST_OIDC_ISSUER": idp.url, "SPOTCAST_OIDC_AUDIENCE": AUDIENCE}
    client = secured.client()
    local = secured.client("127.0.0.1", "http://127.0.0.1:8080")
    text = secured.key(READ)
    secured.clock.pass_by(seconds=1)

    assert client.get("/v1/whoami", headers=bearing(idp.token())).json()["name"] == "oidc ann"
    assert client.get("/v1/whoami", headers=bearing(text)).status_code == 200
    assert client.post("/v1/act", headers=bearing(idp.token())).status_code == 403
    assert client.get("/v1/whoami", headers=bearing(idp.token(aud="x"))).status_code == 401
    assert local.get("/v1/whoami").status_code == 401


def test_an_issuer_that_is_down_is_told_as_such(secured: Secured, idp: Issuer) -> None:
    secured.environ = {"SPOTCAST_OIDC_ISSUER": idp.url, "SPOTCAST_OIDC_AUDIENCE": AUDIENCE}
    client: TestClient = secured.client()
    idp.is_down = True
    answer = client.get("/v1/whoami", headers=bearing(idp.token()))

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert idp.url not in answer.text
