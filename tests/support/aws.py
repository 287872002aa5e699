"""AWS as a test says it answers, and a source whose boto3 takes the answers for AWS' own."""

import json
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from collector.provider import Source
from collector.providers.aws.client import AwsConnection, EventQueues
from collector.replay import Recordings, ReplayServer
from tests.support.loopback import Answer, source_at

PAYLOADS = Path(__file__).parents[1] / "fixtures" / "payloads"
REGION = "us-east-1"
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/spotcast-events"

Form = dict[str, str]
"""A request's fields as they went over the wire (``Action``, ``StartTime``), and ``path``.
One in JSON has its operation as ``Action`` and the rest as ``body``."""


@dataclass(slots=True)
class Ec2:
    """The running server: where it is, what it says now, and the requests it got."""

    url: str
    answer: Callable[[Form], Answer]
    asked: list[Form]


@contextmanager
def ec2(answer: Callable[[Form], Answer]) -> Generator[Ec2]:
    """Answer so while the context lasts."""
    server = _server()
    server.answer, server.asked = answer, []
    try:
        yield server
    finally:
        server.answer = _nothing


@cache
def connection(url: str) -> AwsConnection:
    """A connection to the server at ``url`` that tries nothing twice.

    Made once per server, for boto3 takes a fifth of a second to read what EC2 can do. A test
    that is throttled makes its own: botocore remembers, and would slow down all that follow.
    """
    return AwsConnection(
        endpoint=lambda host: f"{url}/{host}",
        retries=0,
        queues=EventQueues((QUEUE,), wait_seconds=0),
        sleep=lambda _: None,
    )


@contextmanager
def aws_at(url: str, region: str = REGION, **given: Any) -> Generator[Source]:
    """A source whose EC2 is the server at ``url``."""
    wired = {"connections": {"aws": connection(url)}, **given}
    with source_at(url, region, **wired) as source:
        yield source


@contextmanager
def replayed(folder: Path = PAYLOADS, region: str = REGION, **given: Any) -> Generator[Source]:
    """A source whose EC2 is a folder of payloads."""
    with ExitStack() as stack:
        url = _replay() if folder == PAYLOADS else _replay_of(folder, stack)
        yield stack.enter_context(aws_at(url, region, **given))


def reply(operation: str, content: str) -> Answer:
    """EC2's answer to the operation, with ``content`` inside."""
    namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"
    name = f"{operation}Response"
    return Answer(f'<?xml version="1.0"?><{name} xmlns="{namespace}">{content}</{name}>'.encode())


def told(**fields: object) -> Answer:
    """An answer in JSON, as SQS and CloudTrail give it."""
    return Answer(json.dumps(fields).encode())


def refused_json(code: str, status: int, message: str = "No.") -> Answer:
    """SQS' or CloudTrail's answer to what it will not do."""
    return Answer(json.dumps({"__type": code, "message": message}).encode(), status)


def payload(name: str) -> Any:
    """A recorded JSON payload."""
    return json.loads((PAYLOADS / "aws" / name).read_text())


def refusal(code: str, status: int, message: str = "No.") -> Answer:
    """EC2's answer to what it will not do."""
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Answer(f"<Response><Errors>{error}</Errors></Response>".encode(), status)


def item(**fields: str | None) -> str:
    """One ``<item>``; a field that is None is left out."""
    told = (f"<{name}>{value}</{name}>" for name, value in fields.items() if value is not None)
    return f"<item>{''.join(told)}</item>"


def price_row(**changed: str | None) -> str:
    """A row of spot prices; a field that is None is left out."""
    fields: dict[str, str | None] = {
        "instanceType": "g5.xlarge",
        "productDescription": "Linux/UNIX",
        "spotPrice": "0.400000",
        "timestamp": "2026-11-23T18:00:00.000Z",
        "availabilityZone": "us-east-1a",
        "availabilityZoneId": "use1-az4",
    }
    return item(**{**fields, **changed})


def prices(*rows: str, following: str = "") -> Answer:
    """A page of spot prices; ``following`` is the next page's token."""
    rows_and_token = f"<spotPriceHistorySet>{''.join(rows)}</spotPriceHistorySet>"
    return reply("DescribeSpotPriceHistory", f"{rows_and_token}<nextToken>{following}</nextToken>")


def zones(**ids: str) -> Answer:
    """The account's zones, by name (``us_east_1a`` for us-east-1a)."""
    rows = "".join(
        item(zoneName=name.replace("_", "-"), zoneId=zone_id) for name, zone_id in ids.items()
    )
    return reply(
        "DescribeAvailabilityZones", f"<availabilityZoneInfo>{rows}</availabilityZoneInfo>"
    )


def script(**answers: Answer) -> Callable[[Form], Answer]:
    """A server that answers each operation, and refuses those it is not told about."""
    return lambda form: answers.get(form["Action"], refusal("InvalidAction", 400))


def instance(node: str = "i-0b662ef9931388ba0", **changed: str | None) -> str:
    """A machine; a field that is None is left out. ``state_reason`` is the code of its end.

    ``state`` is where it is in its life.
    """
    place = "<availabilityZone>us-east-1a</availabilityZone>"
    zone_id = changed.pop("zone_id", "use1-az4")
    if zone_id:
        place += f"<availabilityZoneId>{zone_id}</availabilityZoneId>"
    reason = changed.pop("state_reason", None)
    state = changed.pop("state", "running")
    fields: dict[str, str | None] = {
        "instanceId": node,
        "instanceType": "g5.xlarge",
        "instanceState": f"<name>{state}</name>" if state else None,
        "instanceLifecycle": "spot",
        "launchTime": "2026-11-23T09:15:00.000Z",
        "placement": place,
        "stateReason": f"<code>{reason}</code>" if reason else None,
    }
    return item(**{**fields, **changed})


def machines(*rows: str, following: str = "") -> Answer:
    """A page of machines; ``following`` is the next page's token."""
    sets = f"<item><instancesSet>{''.join(rows)}</instancesSet></item>"
    content = f"<reservationSet>{sets}</reservationSet><nextToken>{following}</nextToken>"
    return reply("DescribeInstances", content)


def _nothing(_: Form) -> Answer:
    return refusal("InternalError", 500, "no test is asking")


@cache
def _server() -> Ec2:
    """One server for all tests, so that one connection serves them all."""
    made = Ec2("", _nothing, [])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    made.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return made


@cache
def _replay() -> str:
    """One server for the recorded payloads, for the same reason; it ends with the process."""
    return _replay_of(PAYLOADS, ExitStack())


def _replay_of(folder: Path, stack: ExitStack) -> str:
    return stack.enter_context(ReplayServer(Recordings(folder))).url


def _handler(server: Ec2) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            target = self.headers["x-amz-target"]
            if target:
                fields = {"Action": target.rpartition(".")[2], "body": body}
            else:
                fields = dict(parse_qsl(body, keep_blank_values=True))
            form = {**fields, "path": self.path}
            server.asked.append(form)
            given = server.answer(form)
            self.send_response(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(given.declared_size or len(given.body)))
            self.end_headers()
            self.wfile.write(given.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    return Handler
