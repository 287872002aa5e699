"""Signing in with a browser: the page, the session and its cookie."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from api.security.sessions import LASTS, MOST, Sessions
from api.security.sign_in import TEXTS, form_of, own_path
from tests.support.secured import ACT, READ, MovedClock, Secured, bearing

PAGE = {"accept": "text/html,application/xhtml+xml;q=0.9"}
OURS = {"sec-fetch-site": "same-origin"}
FORM = {"content-type": "application/x-www-form-urlencoded", **OURS}


def sign_in(client: TestClient, text: str, after: str = "/v1/whoami", **headers: str) -> Any:
    return client.post("/session", data={"key": text, "next": after}, headers={**FORM, **headers})


def signed_in(secured: Secured, days: float = 90) -> TestClient:
    """A browser of someone who may read and act."""
    text = secured.key(READ | ACT, days=days)
    client = secured.client()
    assert sign_in(client, text).status_code == 303
    return client


def cookie_of(answer: Any) -> tuple[str, str]:
    """The cookie's name, and its attributes in lower case."""
    told = answer.headers["set-cookie"]
    return next(iter(SimpleCookie(told))), told.lower()


class Parsed(HTMLParser):
    """The elements of a page, and the values of its form."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fields: dict[str, str | None] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.append(tag)
        given = dict(attrs)
        if tag == "input":
            self.fields[given["name"] or ""] = given.get("value")
        assert not {"style", "onclick", "onload"} & set(given), "the CSP allows none"


def test_a_browser_that_is_not_known_is_asked_for_a_key(secured: Secured) -> None:
    secured.key(READ)
    answer = secured.client().get("/risk?provider=aws&region=x", headers=PAGE)
    page = Parsed(answer.text)

    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-store"
    assert page.fields == {"next": "/risk?provider=aws&region=x", "key": None}
    assert not {"script", "link", "img"} & set(page.tags)


def test_the_page_to_sign_in_allows_the_style_that_stands_in_it_and_no_other(
    secured: Secured,
) -> None:
    secured.key(READ)
    answer = secured.client().get("/", headers=PAGE)
    style = answer.text.split("<style>")[1].split("</style>")[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()

    assert f"style-src 'sha256-{digest}';" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_program_is_not_shown_the_page(secured: Secured) -> None:
    secured.key(READ)
    client = secured.client()

    for headers in ({}, {"accept": "*/*"}, {"accept": "application/json"}):
        assert client.get("/risk", headers=headers).headers["content-type"].endswith("problem+json")
    assert client.post("/risk", headers=PAGE).headers["content-type"].endswith("problem+json")


def test_with_a_key_one_goes_on_to_the_page_that_was_asked_for(secured: Secured) -> None:
    made, text = secured.kept(READ)
    client = secured.client()
    answer = sign_in(client, text)
    name, told = cookie_of(answer)

    assert (answer.status_code, answer.headers["location"]) == (303, "/v1/whoami")
    assert name == "__Host-spotcast"
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= set(told.split("; "))
    assert "domain" not in told
    assert text not in told
    assert client.get("/v1/whoami").json()["name"] == f"ci ({made.id})"


def test_on_this_machine_the_cookie_works_without_tls(secured: Secured) -> None:
    text = secured.key(READ)
    client = secured.client("127.0.0.1", "http://localhost:8080")
    name, told = cookie_of(sign_in(client, text))

    assert name == "spotcast-session"
    assert "secure" not in told
    assert "httponly" in told
    assert client.get("/v1/whoami").status_code == 200


def test_off_this_machine_nobody_signs_in_without_tls(secured: Secured) -> None:
    text = secured.key(READ)
    client = secured.client(url="http://spotcast.example.com")
    page = Parsed(client.get("/", headers=PAGE).text)
    answer = sign_in(client, text)

    assert page.fields == {}
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("wrong", ["", "x", f"spotcast_000000000000_{64 * '0'}", "\0", "é"])
def test_a_wrong_key_is_asked_for_again_and_the_page_is_not_forgotten(
    secured: Secured, wrong: str
) -> None:
    secured.key(READ)
    answer = sign_in(secured.client(), wrong, after="/risk?a=1")

    assert answer.status_code == 401
    assert Parsed(answer.text).fields["next"] == "/risk?a=1"
    assert TEXTS["en"]["wrong"] in answer.text
    assert "set-cookie" not in answer.headers


def test_a_session_ends_after_half_a_day(secured: Secured) -> None:
    client = signed_in(secured)
    secured.clock.pass_by(seconds=LASTS.total_seconds() - 1)
    last = client.get("/v1/whoami")
    secured.clock.pass_by(seconds=1)

    assert (last.status_code, client.get("/v1/whoami").status_code) == (200, 401)


def test_a_session_ends_with_its_key(secured: Secured) -> None:
    client = signed_in(secured, days=0.1)
    before = client.get("/v1/whoami").status_code
    secured.clock.pass_by(hours=3)

    assert (before, client.get("/v1/whoami").status_code) == (200, 401)


def test_signing_out_ends_the_session_not_only_the_cookie(secured: Secured) -> None:
    client = signed_in(secured)
    cookies = dict(client.cookies)
    answer = client.post("/session/end", headers=OURS)
    client.cookies.update(cookies)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    assert client.get("/v1/whoami").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (OURS, 200),
        ({"origin": "https://spotcast.example.com"}, 200),
        ({}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site", "origin": "https://other.example.com"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_only_our_own_page_changes_something_with_the_cookie(
    secured: Secured, headers: dict[str, str], status: int
) -> None:
    client = signed_in(secured)

    assert client.post("/v1/act", headers=headers).status_code == status


def test_a_foreign_page_signs_nobody_in_or_out(secured: Secured) -> None:
    text = secured.key(READ)
    client = secured.client()
    foreign = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}

    assert sign_in(client, text, **foreign).status_code == 403
    sign_in(client, text)
    assert client.post("/session/end", headers=foreign).status_code == 403
    assert client.get("/v1/whoami").status_code == 200


def test_a_shown_key_goes_before_the_cookie(secured: Secured) -> None:
    client = signed_in(secured)

    assert client.get("/v1/whoami", headers=bearing("wrong")).status_code == 401


def test_a_form_that_is_too_large_is_refused(secured: Secured) -> None:
    secured.key(READ)

    assert sign_in(secured.client(), "x" * 10_000).status_code == 413


@pytest.mark.parametrize(
    "elsewhere",
    [
        *("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"),
        *("/\t/evil.example", "\\\\evil", "", "risk", "//[bad", "/a\r\nset-cookie: x=y"),
    ],
)
def test_nobody_is_led_elsewhere(secured: Secured, elsewhere: str) -> None:
    text = secured.key(READ)
    answer = sign_in(secured.client(), text, after=elsewhere)

    assert answer.headers["location"] == "/"


@given(st.text())
def test_where_one_goes_on_is_a_path_of_ours(text: str) -> None:
    parts = urlsplit(own_path(text))

    assert (parts.scheme, parts.netloc) == ("", "")
    assert re.match(r"/(?![/\\])", own_path(text) + " ")


@given(st.binary())
def test_any_body_is_read_as_a_form(body: bytes) -> None:
    form = form_of(body)

    assert form.after.startswith("/")
    assert repr(form.key) not in repr(form) or form.key in {"", "/", form.after}


def test_the_page_cannot_be_made_to_hold_foreign_markup(secured: Secured) -> None:
    secured.key(READ)
    answer = secured.client().get('/risk"><script>x</script>?a="><script>', headers=PAGE)

    assert "script" not in Parsed(answer.text).tags


def test_who_follows_a_link_of_another_site_asks_once_more_with_his_cookie(
    secured: Secured,
) -> None:
    secured.key(READ)
    client = secured.client()
    sites = {"cross-site": True, "same-site": True, "same-origin": False, "none": False}
    again = {
        site: "http-equiv" in client.get("/", headers={**PAGE, "sec-fetch-site": site}).text
        for site in sites
    }

    assert again == sites


def test_the_page_speaks_the_browsers_language(secured: Secured) -> None:
    secured.key(READ)
    client = secured.client()
    chinese = client.get("/", headers={**PAGE, "accept-language": "zh-CN,zh;q=0.9,en;q=0.8"})
    english = client.get("/", headers={**PAGE, "accept-language": "de"})

    assert '<html lang="zh">' in chinese.text
    assert TEXTS["zh"]["title"] in chinese.text
    assert '<html lang="en">' in english.text
    assert TEXTS["zh"].keys() == TEXTS["en"].keys()


def test_sessions_are_kept_by_their_hash_and_not_without_bound() -> None:
    sessions = Sessions(MovedClock())
    first = sessions.begin("a")
    texts = [sessions.begin("b") for _ in range(MOST)]
    kept = repr(vars(sessions))

    assert sessions.key_id(first) is None
    assert sessions.key_id(texts[0]) == sessions.key_id(texts[-1]) == "b"
    assert texts[0] not in kept
    assert texts[-1] not in kept
