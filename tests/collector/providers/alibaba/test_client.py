"""One signed call to Alibaba Cloud's API: what is sent, and what each refusal becomes."""

import json
from itertools import chain, repeat
from typing import Any

import pytest
import stamina

from collector.errors import (
    NotOfferedError,
    NotRecordedError,
    SourceChangedError,
    SourceDeniedError,
    SourceError,
    SourceUnavailableError,
)
from collector.provider import Feed, Network, Source
from collector.providers.alibaba import PROVIDER, spot_advice, spot_price_history
from collector.providers.alibaba.client import AlibabaConnection, connect, connection_of
from collector.providers.alibaba.credentials import AlibabaCredentials, credentials_from
from collector.providers.alibaba.endpoints import CLOUD_MONITOR
from collector.providers.alibaba.refusals import BusyError, TypeNotOfferedError
from collector.providers.alibaba.signature import EMPTY_BODY_HASH, authorization
from tests.support.alibaba import (
    PAYLOADS,
    QUEUE,
    REGION,
    SECRET,
    TOKEN,
    alibaba_at,
    connection,
    replayed,
)
from tests.support.loopback import NOW, Answer, always, loopback

ACTION = "DescribeSpotAdvice"


def call(source: Source, **params: str) -> Any:
    made = connection_of(source, "alibaba.test")
    return made.call(source.http, ACTION, source.region, params, source="alibaba.test")


def refused(code: str, status: int = 400, message: str = "no", **headers: str) -> Answer:
    body = {"RequestId": "R", "HostId": "H", "Code": code, "Message": message}
    return Answer(json.dumps(body).encode(), status, headers)


def test_a_call_carries_all_in_the_query_and_is_signed_for_the_regions_host() -> None:
    with loopback(always(Answer(b"{}"))) as server, alibaba_at(server.url) as source:
        answer = call(source, **{"InstanceTypes.1": "ecs.g7.large", "Odd": "a+b &ü*~/"})

    (sent,) = server.requests
    assert answer == {}
    assert (sent.method, sent.url) == ("POST", "ecs-cn-hangzhou.aliyuncs.com/")
    assert sent.query == {
        "InstanceTypes.1": "ecs.g7.large",
        "Odd": "a+b &ü*~/",
        "RegionId": "cn-hangzhou",
    }
    signed = {
        "host": "ecs-cn-hangzhou.aliyuncs.com",
        "x-acs-action": ACTION,
        "x-acs-version": "2014-05-26",
        "x-acs-date": "2026-11-23T18:30:00Z",
        "x-acs-signature-nonce": "0",
        "x-acs-content-sha256": EMPTY_BODY_HASH,
        "x-acs-accesskey-id": "key-id",
        "x-acs-security-token": TOKEN,
    }
    told = {name: sent.headers[name] for name in signed if name != "host"}
    assert {**told, "host": signed["host"]} == signed
    assert sent.headers["authorization"] == authorization(
        "POST", "/", sent.query, signed, body_hash=EMPTY_BODY_HASH, key_id="key-id", secret=SECRET
    )


def test_another_service_has_its_own_host_version_and_permission() -> None:
    with (
        loopback(always(refused("NoPermission", 403))) as server,
        alibaba_at(server.url) as source,
        pytest.raises(SourceDeniedError, match="grant cms:DescribeOther to the key's"),
    ):
        connection_of(source, "f").call(
            source.http, "DescribeOther", REGION, {}, source="f", service=CLOUD_MONITOR
        )

    (sent,) = server.requests
    assert sent.url == "metrics.cn-hangzhou.aliyuncs.com/"
    assert sent.headers["x-acs-version"] == "2019-01-01"


def test_a_queue_is_connected_only_if_it_is_set() -> None:
    key = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "s"}

    def queue_with(**environ: str) -> str | None:
        made = connect(Network(environ, lambda: NOW))
        return made.event_queue.address if made and made.event_queue else None

    assert queue_with(**key) is None
    assert queue_with(**key, SPOTCAST_ALIBABA_EVENT_QUEUE=f" {QUEUE} ") == QUEUE
    assert queue_with(SPOTCAST_ALIBABA_EVENT_QUEUE=QUEUE) is None


def test_a_lasting_key_sends_no_security_token() -> None:
    given = {"connections": {"alibaba": connection(security_token=None)}}
    with loopback(always(Answer(b"{}"))) as server, alibaba_at(server.url, **given) as source:
        call(source)

    assert not {"x-acs-security-token", "x-acs-accesskey-id"} & set(server.requests[0].headers)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refused("Throttling"), BusyError, "HTTP 400 Throttling"),
        (refused("Throttling.User", 503), BusyError, "HTTP 503 Throttling.User"),
        (refused("Throttling.Api", 429), BusyError, "Throttling.Api"),
        (refused("UnknownError", 500), BusyError, "HTTP 500 UnknownError"),
        (refused("SignatureNonceUsed"), BusyError, "SignatureNonceUsed"),
        (refused("InvalidAccessKeyId.NotFound", 404), SourceDeniedError, "check the access key"),
        (refused("InvalidAccessKeyId.Inactive"), SourceDeniedError, "check the access key"),
        (refused("SignatureDoesNotMatch"), SourceDeniedError, "check the access key"),
        (refused("InvalidSecurityToken.Expired"), SourceDeniedError, "security token"),
        (refused("Forbidden.RAM", 403), SourceDeniedError, f"grant ecs:{ACTION}"),
        (refused("NoPermission", 403), SourceDeniedError, f"grant ecs:{ACTION}"),
        (refused("Account.Arrearage", 403), SourceDeniedError, f"right to ecs:{ACTION}"),
        (refused("InvalidTimeStamp.Expired"), SourceDeniedError, "this machine's clock"),
        (refused("InvalidRegionId.NotFound", 404), NotOfferedError, "InvalidRegionId"),
        (refused("InvalidInstanceType.ValueNotSupported"), TypeNotOfferedError, "InvalidInstance"),
        (refused("InvalidParameter", message="NetworkType"), SourceChangedError, "NetworkType"),
        (Answer(b'{"Code": 7}', 400), SourceChangedError, "HTTP 400 from"),
        (Answer(b'{"Code": 7}', 401), SourceDeniedError, "HTTP 401"),
    ],
)
def test_each_refusal_becomes_what_the_caller_must_do(
    answer: Answer, kind: type[SourceError], words: str
) -> None:
    with (
        loopback(always(answer)) as server,
        alibaba_at(server.url) as source,
        pytest.raises(SourceError, match=r"^alibaba\.test: ") as raised,
    ):
        call(source)

    assert type(raised.value) is kind
    assert words in str(raised.value)


def test_throttling_passes_on_how_long_to_wait() -> None:
    answer = refused("Throttling.User", 429, **{"retry-after": "7"})
    with (
        loopback(always(answer)) as server,
        alibaba_at(server.url) as source,
        pytest.raises(SourceUnavailableError) as raised,
    ):
        call(source)

    assert raised.value.retry_after_seconds == 7.0


def test_the_recorded_errors_are_known() -> None:
    recorded = {
        name: Answer((PAYLOADS / "alibaba" / f"error.{name}.json").read_bytes(), 400)
        for name in ("Throttling.User", "InvalidInstanceType")
    }
    kinds = {}
    for name, answer in recorded.items():
        with (
            loopback(always(answer)) as server,
            alibaba_at(server.url) as source,
            pytest.raises(SourceError) as raised,
        ):
            call(source)
        kinds[name] = type(raised.value).__mro__[1]

    assert kinds == {
        "Throttling.User": SourceUnavailableError,
        "InvalidInstanceType": NotOfferedError,
    }


def test_a_busy_cloud_is_asked_again_with_a_new_nonce() -> None:
    answers = chain([refused("Throttling.User")], repeat(Answer(b'{"done": true}')))
    with loopback(lambda _: next(answers)) as server, alibaba_at(server.url) as source:
        stamina.set_testing(True, attempts=3)
        answer = call(source)

    assert answer == {"done": True}
    assert [one.headers["x-acs-signature-nonce"] for one in server.requests] == ["0", "1"]
    assert len({one.headers["authorization"] for one in server.requests}) == 2


@pytest.mark.parametrize(
    "code", ["SignatureDoesNotMatch", "InvalidAccessKeyId", "Odd", "Forbidden"]
)
def test_no_secret_is_in_a_message_even_if_the_cloud_repeats_it(code: str) -> None:
    answer = refused(code, message=f"signed key-id {SECRET} with {TOKEN}")
    with (
        loopback(always(answer)) as server,
        alibaba_at(server.url) as source,
        pytest.raises(SourceError) as raised,
    ):
        call(source)

    told = f"{raised.value!r} {raised.value} {connection_of(source, 'f')!r}"
    assert not [word for word in (SECRET, TOKEN, "key-id") if word in told]


def test_what_is_not_recorded_is_told_as_such() -> None:
    with replayed(PAYLOADS / "aws") as source, pytest.raises(NotRecordedError):
        call(source)


def test_a_region_that_is_no_name_is_refused_before_a_key_is_sent() -> None:
    with (
        loopback(always(Answer(b"{}"))) as server,
        alibaba_at(server.url, region="evil.example/") as source,
        pytest.raises(SourceDeniedError, match=r"'evil\.example/' is not the name of a region"),
    ):
        call(source)

    assert server.requests == []


def test_a_run_without_a_connection_says_what_to_set() -> None:
    with (
        alibaba_at("http://127.0.0.1:9", connections={}) as source,
        pytest.raises(SourceDeniedError, match="set ALIBABA_CLOUD_ACCESS_KEY_ID and"),
    ):
        call(source)


@pytest.mark.parametrize("feed", [spot_price_history.FEED, spot_advice.FEED], ids=lambda f: f.name)
def test_types_of_other_clouds_are_not_asked_for(feed: Feed) -> None:
    with (
        loopback(always(Answer(b"{}"))) as server,
        alibaba_at(server.url, instance_types=("g5.xlarge", "a2-highgpu-1g")) as source,
        pytest.raises(NotOfferedError, match=r"no watched type is Alibaba Cloud's.*g5\.xlarge"),
    ):
        list(feed.collect(source))

    assert server.requests == []


def test_nonces_are_unique_unless_given() -> None:
    made = AlibabaConnection(AlibabaCredentials("id", "s"), clock=lambda: NOW)
    with (
        loopback(always(Answer(b"{}"))) as server,
        alibaba_at(server.url, connections={"alibaba": made}) as source,
    ):
        call(source)
        call(source)

    assert len({one.headers["x-acs-signature-nonce"] for one in server.requests}) == 2


def test_credentials_come_from_the_mapping_given() -> None:
    lasting = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "id ", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "s"}
    temporary = {**lasting, "ALIBABA_CLOUD_SECURITY_TOKEN": "t"}

    assert credentials_from(lasting) == AlibabaCredentials("id", "s")
    assert credentials_from(temporary) == AlibabaCredentials("id", "s", "t")
    assert credentials_from({}) is None
    assert credentials_from({"ALIBABA_CLOUD_ACCESS_KEY_ID": "id"}) is None


def test_credentials_do_not_show_their_secrets() -> None:
    assert repr(AlibabaCredentials("id", "s", "t")) == "AlibabaCredentials(key_id='id')"


def test_the_provider_says_what_is_missing() -> None:
    id_only = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "id"}
    both = {**id_only, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "s"}

    assert PROVIDER.missing({}) == [
        "set ALIBABA_CLOUD_ACCESS_KEY_ID: the id of a RAM user's access key",
        "set ALIBABA_CLOUD_ACCESS_KEY_SECRET: its secret",
    ]
    assert PROVIDER.missing(id_only) == ["set ALIBABA_CLOUD_ACCESS_KEY_SECRET: its secret"]
    assert PROVIDER.missing(both) == []


def test_the_provider_has_its_feeds_under_its_own_name() -> None:
    names = [feed.name for feed in PROVIDER.feeds]

    assert names == [
        "alibaba.spot_price_history",
        "alibaba.available_resource",
        "alibaba.spot_advice",
        "alibaba.system_events",
        "alibaba.event_queue",
        "alibaba.instances",
        "alibaba.instance_types",
        "alibaba.price",
    ]
    assert [feed.name for feed in PROVIDER.feeds if feed.opt_in] == ["alibaba.price"]
    assert all(feed.needs_account and feed.permissions for feed in PROVIDER.feeds)
