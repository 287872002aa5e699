"""Azure's management API: what is sent, what each refusal becomes, and how lists are paged."""

import json
from typing import Any

import pytest
import stamina

from collector.errors import (
    NotOfferedError,
    SourceChangedError,
    SourceDeniedError,
    SourceError,
    SourceUnavailableError,
)
from collector.provider import Network, Source
from collector.providers.azure import PROVIDER
from collector.providers.azure.client import (
    AzureConnection,
    checked_region,
    connect,
    connection_of,
    own_url,
)
from collector.providers.azure.credentials import StaticToken
from collector.providers.azure.refusals import BusyError
from tests.support.azure import (
    SUBSCRIPTION,
    TOKEN,
    azure_at,
    connection,
    in_turn,
    refused,
    serving,
)
from tests.support.loopback import NOW, Answer, source_at

PERMISSION = "Microsoft.Test/things/read"


def call(source: Source, path: str = "/providers/Microsoft.Test/things") -> Any:
    return connection_of(source, "azure.test").call(
        source.http, "GET", path, source="azure.test", permission=PERMISSION
    )


def pages(source: Source) -> list[Any]:
    found = connection_of(source, "azure.test").pages(
        source.http,
        "/providers/Microsoft.Test/things",
        {"api-version": "1"},
        source="azure.test",
        permission=PERMISSION,
    )
    return list(found)


def told(answer: Answer) -> SourceError:
    with (
        serving(in_turn(answer)) as server,
        azure_at(server.url) as source,
        pytest.raises(SourceError, match=r"^azure\.test: ") as raised,
    ):
        call(source)
    return raised.value


def test_a_call_goes_to_the_management_host_with_the_token() -> None:
    with serving(in_turn({"a": 1})) as server, azure_at(server.url) as source:
        answer = call(source)

    (sent,) = server.sent
    assert answer == {"a": 1}
    assert (sent.method, sent.url) == (
        "GET",
        "management.azure.com/providers/Microsoft.Test/things",
    )
    assert sent.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refused(403, "AuthorizationFailed"), SourceDeniedError, f"the right to {PERMISSION}"),
        (refused(403, "Other"), SourceDeniedError, "HTTP 403 Other: the app needs the right to"),
        (refused(401, "ExpiredAuthenticationToken"), SourceDeniedError, "the token is over"),
        (refused(401, "InvalidAuthenticationTokenTenant"), SourceDeniedError, "is not accepted"),
        (refused(404, "SubscriptionNotFound"), SourceDeniedError, "check AZURE_SUBSCRIPTION_ID"),
        (refused(409, "MissingSubscriptionRegistration"), SourceDeniedError, "register"),
        (refused(400, "NoRegisteredProviderFound"), NotOfferedError, "NoRegisteredProviderFound"),
        (refused(400, "LocationNotAvailableForResourceType"), NotOfferedError, "LocationNotAv"),
        (refused(429, "TooManyRequests"), BusyError, "HTTP 429 TooManyRequests"),
        (refused(400, "RateLimiting"), BusyError, "RateLimiting"),
        (refused(503, "Other"), BusyError, "HTTP 503 Other"),
        (refused(400, "BadRequest"), SourceChangedError, "things: HTTP 400 BadRequest"),
        (Answer(b'{"error": "no"}', 400), SourceChangedError, "HTTP 400 from "),
        (Answer(b"[]", 403), SourceDeniedError, "HTTP 403"),
    ],
)
def test_each_refusal_becomes_what_the_caller_must_do(
    answer: Answer, kind: type[SourceError], words: str
) -> None:
    error = told(answer)

    assert type(error) is kind
    assert words in str(error)
    assert "tenant" not in str(error)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7),
        ({"x_ms_user_quota_resets_after": "00:01:03"}, 63),
        ({"retry_after": "2", "x_ms_user_quota_resets_after": "00:00:05"}, 2),
        ({"x_ms_user_quota_resets_after": "soon"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_the_api_asks_for_is_told(
    headers: dict[str, str], seconds: float | None
) -> None:
    error = told(refused(429, "TooManyRequests", **headers))

    assert isinstance(error, SourceUnavailableError)
    assert error.retry_after_seconds == seconds


def test_a_busy_api_is_asked_again() -> None:
    patient = AzureConnection(StaticToken(TOKEN), SUBSCRIPTION, clock=lambda: NOW)
    answers = in_turn(refused(429, "TooManyRequests"), {"a": 1})
    with (
        serving(answers) as server,
        azure_at(server.url) as source,
        stamina.set_testing(True, attempts=2),
    ):
        answer = patient.call(
            source.http, "GET", "/things", source="azure.test", permission=PERMISSION
        )

    assert answer == {"a": 1}


def test_the_pages_of_a_list_follow_its_links() -> None:
    link = f"https://management.azure.com:443/subscriptions/{SUBSCRIPTION}/x?$skiptoken=2"
    with (
        serving(in_turn({"value": [1], "nextLink": link}, {"value": [2]})) as server,
        azure_at(server.url) as source,
    ):
        found = pages(source)

    assert [page["value"] for page in found] == [[1], [2]]
    assert [one.query for one in server.sent] == [{"api-version": "1"}, {"$skiptoken": "2"}]


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/providers/Microsoft.Test/things",
        "http://management.azure.com/providers/Microsoft.Test/things",
        "https://management.azure.com.evil.example/things",
        "https://management.azure.com:8443/things",
        "https://someone@management.azure.com/things",
        "//evil.example/things",
    ],
)
def test_the_token_is_sent_to_no_other_host(link: str) -> None:
    with (
        serving(in_turn({"value": [], "nextLink": link})) as server,
        azure_at(server.url) as source,
        pytest.raises(SourceChangedError, match="a link leads to"),
    ):
        pages(source)

    assert len(server.sent) == 1


def test_a_link_that_repeats_is_not_followed_for_ever() -> None:
    link = "https://management.azure.com/things?page=2"
    page = {"value": [], "nextLink": link}
    with (
        serving(in_turn(page, page, page)) as server,
        azure_at(server.url) as source,
        pytest.raises(SourceChangedError, match="link to the next page repeats"),
    ):
        pages(source)


def test_a_link_that_is_no_text_is_reported() -> None:
    with (
        serving(in_turn({"value": [], "nextLink": 5})) as server,
        azure_at(server.url) as source,
        pytest.raises(SourceChangedError, match="nextLink is 5, not a text"),
    ):
        pages(source)


def test_a_link_that_is_no_url_is_reported() -> None:
    with pytest.raises(SourceChangedError, match="is no URL"):
        own_url("https://management.azure.com:port/", "https://management.azure.com", source="f")


def test_a_subscription_that_is_no_id_is_sent_nowhere() -> None:
    odd = AzureConnection(StaticToken(TOKEN), "../other", clock=lambda: NOW)
    with (
        serving(in_turn()) as server,
        azure_at(server.url, connections={"azure": odd}) as source,
        pytest.raises(SourceDeniedError, match="is not the id of a subscription"),
    ):
        call(source)

    assert server.sent == []


def test_without_an_account_a_feed_says_what_to_set() -> None:
    with (
        source_at("http://127.0.0.1:1") as source,
        pytest.raises(SourceDeniedError, match="AZURE_TENANT_ID, AZURE_CLIENT_ID"),
    ):
        connection_of(source, "azure.test")


def test_the_connection_is_made_of_the_environment() -> None:
    assert connect(Network({}, lambda: NOW)) is None
    assert connect(Network({"SPOTCAST_AZURE_ACCESS_TOKEN": "t"}, lambda: NOW)) is None
    made = connect(Network(PROVIDER.replay_environ, lambda: NOW))
    assert made is not None
    assert made.subscription == SUBSCRIPTION


@pytest.mark.parametrize("region", ["East US", "eastus' or 1 eq 1", "EASTUS", "", "../x"])
def test_a_name_that_is_no_region_goes_into_no_question(region: str) -> None:
    with pytest.raises(SourceDeniedError, match="is not the name of a region such as eastus"):
        checked_region(region, "azure.test")


def test_no_secret_is_shown_by_a_connection_or_its_credentials() -> None:
    made = connection()

    assert TOKEN not in repr(made) + repr(StaticToken(TOKEN)) + json.dumps(str(vars(made)))
