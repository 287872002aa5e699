"""Replay: a loopback server that answers from a folder of recorded payloads.

Every feed's real client is pointed at it: httpx through `ReplayTransport`, boto3 through
`endpoint_url`. So parsing, paging, retries and errors run as they do against a cloud, without an
account, and a user can reproduce a bug by sending the folder.

Files are found by name, anywhere below the folder, under a folder named like the provider::

    aws/describe_spot_price_history.page1.xml   the API operation, in snake case; pages in order
    aws/us-east-1/describe_instance_types.xml   only for that region; preferred to the one above
    public/spot_advisor.json.gz                 a plain URL, by the stem its feed declares
    aws/describe_spot_price_history.status503.xml   answered with that HTTP status

Page n+1 answers the request that carries the token found in page n.
"""

import gzip
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote_plus, urlsplit

import httpx

from collector.http import NOT_RECORDED
from collector.provider import RecordedAs

PAYLOAD = re.compile(
    r"^(?P<stem>[\w.-]+?)(?:_excerpt)?(?:\.(?P<variant>(?!end\.)[a-z_]+))?"
    r"(?:\.(?:page(?P<page>\d+)|(?P<end>end)|status(?P<status>\d{3})))?"
    r"\.(?P<kind>json|xml|csv|txt)(?P<packed>\.gz)?$"
)
CONTENT_TYPE = {
    "json": "application/json",
    "xml": "text/xml;charset=UTF-8",
    "csv": "text/csv",
    "txt": "text/plain",
}
TOKENS = ("NextToken", "Offset", "pageToken", "nextToken", "$skip", "$skipToken", "continue")
IN_BODY = re.compile(r'"(?P<name>NextToken|pageToken|\$skipToken)"\s*:\s*"(?P<token>[^"]+)"')
HOSTS = {"amazonaws.com": "aws", "amazonaws.com.cn": "aws", "aliyuncs.com": "alibaba"}
SERVICES = {"metrics": "cms"}
"""How a host begins whose operations' files may begin with their service's name."""
REGION = re.compile(r"\b(?P<region>[a-z]{2,}(?:-[a-z]+)+-?\d*)\b")
NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Recording:
    """One payload file: which request it answers, and how.

    ``name`` is the stem with the variant behind it: a stem may hold dots itself
    (``pricing.bulk.offer``), and then its last part looks like a variant.
    """

    path: Path
    stem: str
    name: str
    page: int
    status: int
    kind: str
    is_packed: bool
    is_variant: bool

    @classmethod
    def of(cls, path: Path) -> "Recording | None":
        """Read what a file's name says; None if it is not a payload's name."""
        match = PAYLOAD.match(path.name)
        if not match:
            return None
        page = 10_000 if match["end"] else int(match["page"] or 1)
        return cls(
            path=path,
            stem=match["stem"],
            name=".".join(
                part.removesuffix("_excerpt") for part in (match["stem"], match["variant"]) if part
            ),
            page=page,
            status=int(match["status"] or httpx.codes.OK),
            kind=match["kind"],
            is_packed=bool(match["packed"]),
            is_variant=bool(match["variant"]),
        )

    def text(self) -> str:
        """What the payload says, unpacked."""
        body = self.path.read_bytes()
        return (gzip.decompress(body) if self.is_packed else body).decode()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants: candidate file stems, the provider, the region, the page token."""

    stems: tuple[str, ...]
    provider: str
    region: str
    token: str | None
    kinds: tuple[str, ...]


class Recordings:
    """The payloads below one folder, found by what a request asks for."""

    def __init__(self, folder: Path, recorded_as: Sequence[tuple[str, RecordedAs]] = ()) -> None:
        """``recorded_as`` holds what all feeds declare, each with the name of its provider."""
        self.folder = folder
        self._recorded_as = recorded_as
        self._all = [
            recording
            for path in sorted(folder.rglob("*"))
            if path.is_file() and (recording := Recording.of(path))
        ]

    def answer(self, asked: Asked) -> Recording | None:
        """The payload for the request, None if there is none."""
        pages = self._pages(asked)
        if not pages or not asked.token:
            return pages[0] if pages else None
        for page, following in pairwise(pages):
            if holds_token(page.text(), asked.token):
                return following
        return None

    def _pages(self, asked: Asked) -> list[Recording]:
        """All pages of the best matching series: the region's own, then the plain name."""
        found = [
            recording
            for recording in self._all
            if not {recording.stem, recording.name}.isdisjoint(asked.stems)
            and recording.kind in asked.kinds
            and asked.provider in recording.path.relative_to(self.folder.parent).parts[:-1]
        ]
        found.sort(key=lambda one: (asked.region not in one.path.parts, one.is_variant))
        if not found:
            return []
        best = found[0]
        series = [
            one
            for one in found
            if one.path.parent == best.path.parent and one.is_variant == best.is_variant
        ]
        return sorted(series, key=lambda one: one.page)

    def ask(self, host: str, path: str, query: str, headers: httpx.Headers, body: str) -> Asked:
        """Read from a request what it wants."""
        form = parse_qs(body, keep_blank_values=True) if "Action=" in body else {}
        fields = {name: values[-1] for name, values in {**parse_qs(query), **form}.items()}
        token = next((fields[name] for name in TOKENS if fields.get(name, "0") != "0"), None)
        if in_body := IN_BODY.search(body):
            token = in_body["token"]
        in_host = REGION.search(host.removeprefix("ecs-").split(".amazonaws")[0])
        region = fields.get("RegionId") or (in_host["region"] if in_host else "")
        operation = headers.get("x-acs-action") or fields.get("Action")
        if operation:
            provider = next((name for end, name in HOSTS.items() if host.endswith(end)), "alibaba")
            kinds = ("json",) if headers.get("x-acs-action") else ("xml",)
            stem, service = snake_case(operation), SERVICES.get(host.partition(".")[0])
            stems = (stem, f"{service}.{stem}") if service else (stem,)
            return Asked(stems, provider, region, token, kinds)
        if target := headers.get("x-amz-target"):
            # AWS' JSON protocol: CloudTrail_20131101.LookupEvents, AmazonSQS.ReceiveMessage.
            service, _, operation = target.rpartition(".")
            name = service.rpartition(".")[2].removeprefix("Amazon").partition("_")[0].lower()
            return Asked((f"{name}.{snake_case(operation)}",), "aws", region, token, ("json",))
        # A price list's host names the region it is served from, its path the one it is about.
        region = in_path["region"] if (in_path := REGION.search(path)) else region
        question = f"{unquote_plus(query)} {body}"
        for provider, one in self._recorded_as:
            if f"{host}{path}".endswith(one.end) and one.asking in question:
                return Asked((one.stem,), provider, region, token, tuple(CONTENT_TYPE))
        return Asked((), "", region, token, ())


class ReplayServer:
    """The server, on a free port of 127.0.0.1, while the context lasts."""

    def __init__(self, recordings: Recordings) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(recordings))
        # The server looks this often whether it should stop, so that stopping takes no longer.
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def endpoint(self, host: str) -> str:
        """Where a client finds what ``host`` would have answered."""
        return f"{self.url}/{host}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class ReplayTransport(httpx.HTTPTransport):
    """httpx's own transport, with each request sent to the replay server instead of its host."""

    def __init__(self, server_url: str) -> None:
        # Plain HTTP: reading the authorities that TLS trusts would be for nothing.
        super().__init__(verify=False)
        self._server = httpx.URL(server_url)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send ``https://host/path`` as ``http://127.0.0.1:port/host/path``."""
        target = f"/{request.url.host}".encode() + request.url.raw_path
        request.url = self._server.copy_with(raw_path=target)
        request.headers["host"] = f"{self._server.host}:{self._server.port}"
        return super().handle_request(request)


def snake_case(operation: str) -> str:
    """``DescribeSpotPriceHistory`` as ``describe_spot_price_history``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()


def holds_token(page: str, token: str) -> bool:
    """Whether ``token`` stands in the page by itself: an offset such as 8 is in most numbers."""
    return re.search(rf"(?<![\w.-]){re.escape(token)}(?![\w.-])", page) is not None


def _handler(recordings: Recordings) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def do_DELETE(self) -> None:
            self._reply()

        def _reply(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(size).decode("utf-8", "replace")
            parts = urlsplit(self.path)
            _, host, *rest = parts.path.split("/", 2)
            path = "/" + (rest[0] if rest else "")
            headers = httpx.Headers(list(self.headers.items()))
            found = recordings.answer(recordings.ask(host, path, parts.query, headers, body))
            if found is None:
                self._send(NOT_FOUND, _not_recorded(body), "text/xml", packed=False)
            else:
                payload = found.path.read_bytes()
                kind = CONTENT_TYPE[found.kind]
                self._send(found.status, payload, kind, packed=found.is_packed)

        def _send(self, status: int, body: bytes, kind: str, *, packed: bool) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            if packed:
                self.send_header("content-encoding", "gzip")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing: the run's own row tells what came of it."""

    return Handler


def _not_recorded(body: str) -> bytes:
    """An error that boto3 reads as code and message, and that others find by the code."""
    asked = parse_qs(body).get("Action", [""])[0]
    return (
        f"<Response><Errors><Error><Code>{NOT_RECORDED}</Code>"
        f"<Message>no payload {snake_case(asked)}</Message></Error></Errors>"
        f"<RequestID>replay</RequestID></Response>"
    ).encode()
