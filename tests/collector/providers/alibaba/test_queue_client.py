"""One queue: what is sent, how it is signed, and what its answers become."""

import json
from typing import Any

import pytest

from collector.errors import (
    NotRecordedError,
    SourceChangedError,
    SourceDeniedError,
    SourceError,
    SourceUnavailableError,
)
from collector.provider import Source
from collector.providers.alibaba.credentials import AlibabaCredentials
from collector.providers.alibaba.queue_client import EventQueue, Message, error_code, read_messages
from collector.providers.alibaba.queue_signature import authorization
from tests.support.alibaba import (
    PAYLOADS,
    QUEUE,
    SECRET,
    TOKEN,
    alibaba_at,
    payload,
    queue_of,
    replayed,
)
from tests.support.loopback import NOW, Answer, always, loopback

VECTOR: dict[str, Any] = json.loads(payload("mns_signing_vector.json"))


def queue(address: str = QUEUE, security_token: str | None = TOKEN) -> EventQueue:
    return EventQueue(address, AlibabaCredentials("key-id", SECRET, security_token), lambda: NOW)


def receive(source: Source, given: EventQueue | None = None) -> list[Message]:
    return (given or queue()).receive(source.http, wait_seconds=10, source="test")


def error(code: str, status: int) -> Answer:
    body = (
        '<?xml version="1.0"?><Error xmlns="http://mns.aliyuncs.com/doc/v1">'
        f"<Code>{code}</Code><Message>key-id {SECRET} {TOKEN}</Message></Error>"
    )
    return Answer(body.encode(), status)


@pytest.mark.parametrize("number", range(len(VECTOR["requests"])))
def test_the_official_clients_signature_is_made_byte_for_byte(number: int) -> None:
    request = VECTOR["requests"][number]

    made = authorization(
        request["method"],
        request["target"],
        request["headers"],
        key_id=VECTOR["access_key_id"],
        secret=VECTOR["access_key_secret"],
    )

    assert made == request["expected_authorization"]


def test_requests_are_signed_as_they_are_sent() -> None:
    with queue_of(a="one") as server, alibaba_at(server.url) as source:
        (message,) = receive(source)
        queue().delete(source.http, message.receipt, source="test")

    assert message == Message("a", "r+a==", "one")
    host = QUEUE.removeprefix("https://").partition("/")[0]
    targets = [
        ("GET", "/queues/spotcast/messages?numOfMessages=16&waitseconds=10"),
        ("DELETE", "/queues/spotcast/messages?ReceiptHandle=r+a=="),
    ]
    assert [(method, target) for method, target, _ in server.asked] == [
        (method, f"/{host}{target}") for method, target in targets
    ]
    for (method, target), (_, _, sent) in zip(targets, server.asked, strict=True):
        headers = {name.lower(): value for name, value in sent.items()}
        assert headers["date"] == "Mon, 23 Nov 2026 18:30:00 GMT"
        assert headers["x-mns-version"] == "2015-06-06"
        assert headers["security-token"] == TOKEN
        assert "content-type" not in headers
        made = authorization(method, target, headers, key_id="key-id", secret=SECRET)
        assert headers["authorization"] == made
    assert server.bodies == {}


def test_a_lasting_key_sends_no_security_token() -> None:
    with queue_of(a="one") as server, alibaba_at(server.url) as source:
        receive(source, queue(security_token=None))

    assert "security-token" not in {name.lower() for name in server.asked[0][2]}


def test_the_recorded_batch_is_read() -> None:
    messages = read_messages(payload("mns.batch_receive_message.xml"), source="test")

    assert [one.message_id[:1] for one in messages] == ["1", "2", "3"]
    assert messages[0].receipt == "1-ODU4OTkzNDU51y0xNDM1MTk3NjAwLTItNg=="
    assert json.loads(messages[0].body)["specversion"] == "1.0"


def test_an_empty_queue_is_no_fault() -> None:
    with queue_of() as server, alibaba_at(server.url) as source:
        assert receive(source) == []


def test_what_is_not_recorded_is_told_as_such() -> None:
    with replayed(PAYLOADS / "aws") as source, pytest.raises(NotRecordedError):
        receive(source)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (error("QueueNotExist", 404), SourceDeniedError, "set SPOTCAST_ALIBABA_EVENT_QUEUE to"),
        (error("TimeExpired", 408), SourceDeniedError, "this machine's clock"),
        (error("AccessDenied", 403), SourceDeniedError, "grant mns:ReceiveMessage to its RAM"),
        (error("SignatureDoesNotMatch", 403), SourceDeniedError, "check the access key"),
        (error("InvalidArgument", 400), SourceChangedError, "HTTP 400 InvalidArgument"),
        (error("SomethingNew", 404), SourceChangedError, "HTTP 404 SomethingNew"),
        (error("RequestTimeout", 408), SourceUnavailableError, "HTTP 408"),
        (error("InternalServerError", 500), SourceUnavailableError, "HTTP 500"),
        (error("not a code", 400), SourceChangedError, "HTTP 400 from"),
        (Answer(b"slow", 408), SourceUnavailableError, "HTTP 408"),
    ],
)
def test_each_refusal_becomes_what_the_caller_must_do(
    answer: Answer, kind: type[SourceError], words: str
) -> None:
    with (
        loopback(always(answer)) as server,
        alibaba_at(server.url) as source,
        pytest.raises(SourceError, match=r"^test: ") as raised,
    ):
        receive(source)

    told = f"{raised.value!r} {raised.value} {queue()!r}"
    assert type(raised.value) is kind
    assert words in told
    assert not [word for word in (SECRET, TOKEN) if word in told]


def test_a_message_that_cannot_be_deleted_is_reported() -> None:
    with (
        queue_of() as server,
        alibaba_at(server.url) as source,
        pytest.raises(SourceChangedError, match="DeleteMessage: HTTP 404 MessageNotExist"),
    ):
        queue().delete(source.http, "old", source="test")


@pytest.mark.parametrize(
    "address",
    [
        "http://1.mns.cn-hangzhou.aliyuncs.com/queues/a",
        "https://1.mns.cn-hangzhou.aliyuncs.com.evil.example/queues/a",
        "https://user:word@1.mns.cn-hangzhou.aliyuncs.com/queues/a",
        "https://1.mns.cn-hangzhou.aliyuncs.com/topics/a",
        "https://1.mns.cn-hangzhou.aliyuncs.com/queues/a/messages",
        "https://1.mns.cn-hangzhou.aliyuncs.com/queues/a?b=c",
        "https://1.mns.cn-hangzhou.aliyuncs.com",
        "a-queue",
        "https://[::",
    ],
)
def test_nothing_is_sent_to_what_is_no_queues_address(address: str) -> None:
    with (
        queue_of(a="one") as server,
        alibaba_at(server.url) as source,
        pytest.raises(SourceDeniedError, match="must be like https://ACCOUNT") as raised,
    ):
        receive(source, queue(address))

    assert server.asked == []
    assert "word" not in str(raised.value)


@pytest.mark.parametrize(
    "address",
    [f"{QUEUE}/", "https://1.mns.cn-beijing-internal.aliyuncs.com/queues/My-queue"],
)
def test_an_address_may_end_in_a_slash_or_be_an_inner_one(address: str) -> None:
    with queue_of(a="one") as server, alibaba_at(server.url) as source:
        assert len(receive(source, queue(address))) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Messages>",
        b"{}",
        b"<Queue/>",
        b"<Messages><Message/></Messages>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><Messages>&b;</Messages>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a><Messages/>'.encode("utf-16"),
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><Messages/>',
    ],
)
def test_xml_of_an_unknown_form_or_with_a_document_type_is_reported(body: bytes) -> None:
    with pytest.raises(SourceChangedError, match=r"^test: "):
        read_messages(body, source="test")

    assert error_code(body) == ""


def test_no_messages_are_no_fault() -> None:
    assert read_messages(b"<Messages/>", source="test") == []
