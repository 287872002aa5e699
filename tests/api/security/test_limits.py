"""How often one may ask, and who counts as one."""

from datetime import timedelta

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from api.security.limits import Limit, home_of
from tests.support.clock import stopped_at
from tests.support.market import NOW
from tests.support.secured import READ, Secured, bearing


def test_a_key_may_ask_so_often_a_minute_and_is_told_when_to_come_back(secured: Secured) -> None:
    secured.environ = {"SPOTCAST_REQUESTS_PER_MINUTE": "3"}
    one, other = bearing(secured.key(READ)), bearing(secured.key(READ))
    client = secured.client()
    with stopped_at(NOW):
        answers = [client.get("/v1/whoami", headers=one) for _ in range(4)]
        another = client.get("/v1/whoami", headers=other)

    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert another.status_code == 200
    assert answers[0].headers["ratelimit-policy"] == '"requests";q=3;w=60'
    assert [one.headers["ratelimit"].split(";")[1] for one in answers] == [
        "r=2",
        "r=1",
        "r=0",
        "r=0",
    ]
    assert 1 <= int(answers[3].headers["retry-after"]) <= 61
    assert answers[3].headers["content-type"] == "application/problem+json"


def test_the_window_slides() -> None:
    limit = Limit("requests", 10)
    with time_machine.travel(NOW, tick=False) as clock:
        first = [limit.counted("a").is_within for _ in range(12)]
        clock.shift(timedelta(seconds=90))
        half = [limit.counted("a").is_within for _ in range(12)]
        clock.shift(timedelta(seconds=180))
        later = [limit.counted("a").is_within for _ in range(12)]

    assert first == [True] * 10 + [False] * 2
    assert half.count(True) == 5
    assert later == first


@given(
    st.integers(1, 20),
    st.lists(st.tuples(st.floats(0, 40), st.integers(1, 25)), min_size=1, max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_who_waits_as_long_as_was_said_is_let_in(most: int, asked: list[tuple[float, int]]) -> None:
    limit = Limit("requests", most)
    with time_machine.travel(NOW, tick=False) as clock:
        for pause, times in asked:
            clock.shift(timedelta(seconds=pause))
            for _ in range(times - 1):
                limit.counted("a")
        standing = limit.counted("a")
        if not standing.is_within:
            clock.shift(timedelta(seconds=standing.reset_seconds))
            assert limit.counted("a").is_within
        assert standing.remaining <= most - standing.is_within
        assert 1 <= standing.reset_seconds <= 121


def test_wrong_keys_of_one_address_are_refused_after_some_but_a_good_one_never(
    secured: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    secured.environ = {"SPOTCAST_FAILURES_PER_MINUTE": "3"}
    good = bearing(secured.key(READ))
    client = secured.client(client=("192.0.2.1", 5))
    other = secured.client(client=("192.0.2.2", 5))
    with stopped_at(NOW):
        wrong = [client.get("/v1/whoami", headers=bearing("wrong")) for _ in range(5)]
        nothing = client.get("/v1/whoami")
        right = client.get("/v1/whoami", headers=good)
        elsewhere = other.get("/v1/whoami", headers=bearing("wrong"))

    assert [one.status_code for one in wrong] == [401, 401, 401, 429, 429]
    assert wrong[-1].headers["retry-after"]
    assert caplog.text.count("wrong key: address=192.0.2.1 request_id=") == 3
    assert (nothing.status_code, right.status_code, elsewhere.status_code) == (401, 200, 401)


def test_wrong_keys_on_the_page_count_as_well(secured: Secured) -> None:
    secured.environ = {"SPOTCAST_FAILURES_PER_MINUTE": "2"}
    secured.key(READ)
    client = secured.client()
    ours = {"sec-fetch-site": "same-origin"}
    with stopped_at(NOW):
        answers = [
            client.post("/session", data={"key": "wrong"}, headers=ours).status_code
            for _ in range(3)
        ]

    assert answers == [401, 401, 429]


@pytest.mark.parametrize(
    ("forwarded", "trusted", "counted"),
    [
        ("203.0.113.7", "", "192.0.2.1"),
        ("203.0.113.7", "192.0.2.0/24", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "192.0.2.0/24", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7, 192.0.2.9", "192.0.2.0/24", "203.0.113.7"),
        ("203.0.113.7", "192.0.2.1,10.0.0.0/8", "203.0.113.7"),
    ],
)
def test_an_address_that_is_told_is_believed_of_trusted_proxies_only(
    secured: Secured, forwarded: str, trusted: str, counted: str
) -> None:
    secured.environ = {"SPOTCAST_FAILURES_PER_MINUTE": "1", "SPOTCAST_TRUSTED_PROXIES": trusted}
    secured.key(READ)
    client = secured.client(client=("192.0.2.1", 5))
    headers = {**bearing("wrong"), "x-forwarded-for": forwarded}
    direct = {**bearing("wrong"), "x-forwarded-for": counted}
    with stopped_at(NOW):
        client.get("/v1/whoami", headers=headers)
        same = client.get("/v1/whoami", headers=direct if trusted else bearing("wrong"))

    assert same.status_code == 429


def test_https_is_believed_of_a_trusted_proxy_only(secured: Secured) -> None:
    secured.key(READ)
    headers = {"x-forwarded-proto": "https"}
    url = "http://spotcast.example.com"
    without = secured.client(url=url, client=("192.0.2.1", 5)).get("/", headers=headers)
    secured.environ = {"SPOTCAST_TRUSTED_PROXIES": "192.0.2.1"}
    behind = secured.client(url=url, client=("192.0.2.1", 5)).get("/", headers=headers)

    assert "strict-transport-security" not in without.headers
    assert "strict-transport-security" in behind.headers


@pytest.mark.parametrize(
    ("address", "home"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_an_ipv6_network_counts_as_one(address: str, home: str) -> None:
    assert home_of(address) == home


@given(st.text())
def test_any_address_has_a_home(text: str) -> None:
    assert isinstance(home_of(text), str)


def test_no_more_is_kept_than_two_windows_of_addresses() -> None:
    limit = Limit("failures", 5)
    storage = limit._storage  # noqa: SLF001 - what grows
    with time_machine.travel(NOW, tick=False) as clock:
        for number in range(1_000):
            limit.counted(f"2001:db8:{number}::/64")
        storage.timer.join()
        many = len(storage.storage)
        clock.shift(timedelta(minutes=3))
        storage._MemoryStorage__expire_events()  # type: ignore[attr-defined] # noqa: SLF001 - its timer's turn

    assert (many, len(storage.storage)) == (1_000, 0)
