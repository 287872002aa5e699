"""Each channel hands over what it was given, tells why it could not, and shows no secret."""

import hashlib
import hmac
import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from api.config.channels import Channel, ChannelSection
from api.delivery import trust
from api.delivery.checking import sample, troubles
from api.delivery.errors import DeliveryError
from api.delivery.notice import Attachment, Notice, Severity, addressed, message_id
from api.delivery.parcel import Parcel
from api.delivery.posting import slack_body
from api.delivery.sending import LONGEST_PAUSE, deliver, pause
from tests.support.authority import Authority
from tests.support.loopback import Answer, Request, loopback
from tests.support.processes import free_port
from tests.support.receivers import Fault, hook, mail_server, posted

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)

REPORT = Notice(
    kind="report",
    key="weekly 2026-11-23",
    title="Week of 2026-11-16 <&>",
    text="338 prices rose.\n664 fell.",
    severity=Severity.INFO,
    at=NOW,
    facts={"Median GPU saving": "62 %", "Feeds": "<unknown>"},
    attachments=(
        Attachment(name="weekly.html", media_type="text/html", text="<p>Prices & risks</p>"),
        Attachment(name="weekly.json", media_type="application/json", text='{"a": 1}'),
    ),
)


SIGNED = {"secret_env": "KEY", "token_env": "TOKEN"}


def channel(kind: str, **told: Any) -> ChannelSection:
    """A channel as the configuration has it."""
    return TypeAdapter[ChannelSection](Channel).validate_python({"kind": kind, **told})


def parcel(
    notice: Notice = REPORT, receiver: str = "", environ: Mapping[str, str] | None = None
) -> Parcel:
    """The notice on its way."""
    return Parcel(message_id(notice, "ops", receiver), receiver, notice, NOW, environ or {})


def smtp(port: int, **told: Any) -> ChannelSection:
    """A mail channel on loopback."""
    about = {"sender": "Spotcast <desk@example.com>", "to": ["ops@example.com"]}
    return channel(
        "smtp", **{"host": "127.0.0.1", "port": port, "security": "none", **about, **told}
    )


def test_a_mail_has_text_the_same_as_html_and_its_attachments() -> None:
    with mail_server() as received:
        deliver(smtp(received.port), parcel(receiver="ops@example.com"))

    (mail,) = received.mails
    assert mail["Subject"] == "[Spotcast][report] Week of 2026-11-16 <&>"
    assert mail["To"] == "ops@example.com"
    assert mail["Message-ID"] == f"<{parcel(receiver='ops@example.com').message_id}@example.com>"
    plain, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert page is not None
    assert "Median GPU saving: 62 %" in plain.get_content()
    assert "Week of 2026-11-16 &lt;&amp;&gt;" in page.get_content()
    files = {part.get_filename(): part.get_content() for part in mail.iter_attachments()}
    assert files["weekly.html"].strip() == "<p>Prices & risks</p>"
    assert json.loads(files["weekly.json"]) == {"a": 1}


@pytest.mark.parametrize(
    ("fault", "said"),
    [(Fault.BUSY, "421 busy"), (Fault.LATER, "451 later"), (Fault.LOST, "unexpectedly closed")],
)
def test_a_mail_server_that_is_busy_is_asked_again(fault: Fault, said: str) -> None:
    with mail_server(lambda _: fault) as received, pytest.raises(DeliveryError, match=said) as told:
        deliver(smtp(received.port), parcel(receiver="ops@example.com"))

    assert not told.value.is_final


def test_a_mail_server_that_is_not_there_is_asked_again() -> None:
    with pytest.raises(DeliveryError, match="refused") as told:
        deliver(smtp(free_port()), parcel(receiver="ops@example.com"))

    assert not told.value.is_final


def test_mail_is_not_sent_in_the_clear_where_starttls_is_wanted() -> None:
    with mail_server() as received, pytest.raises(DeliveryError, match="STARTTLS"):
        deliver(smtp(received.port, security="starttls"), parcel(receiver="ops@example.com"))

    assert received.mails == []


def test_mail_goes_over_tls_to_a_server_whose_certificate_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    pair = authority.server("mail")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with mail_server(context=context) as received:
        secure = smtp(received.port, security="tls")
        with pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
            deliver(secure, parcel(receiver="ops@example.com"))
        good = ssl.create_default_context(cafile=authority.certificate)
        monkeypatch.setattr(trust, "trusted", lambda: good)
        monkeypatch.setattr("api.delivery.mail.trusted", lambda: good)
        deliver(secure, parcel(receiver="ops@example.com"))

    assert len(received.mails) == 1


def test_a_webhook_gets_the_notice_signed_with_the_time_of_the_attempt() -> None:
    with hook() as received:
        deliver(
            channel("webhook", url=f"http://127.0.0.1:{received.port}/in", **SIGNED),
            parcel(environ={"KEY": "a key", "TOKEN": "t0ken"}),
        )

    ((headers, body),) = received.posts
    seconds = int(NOW.timestamp())
    digest = hmac.new(b"a key", f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["spotcast-signature"] == f"t={seconds},v1={digest}"
    assert headers["authorization"] == "Bearer t0ken"
    (told,) = posted(received)
    assert told["message_id"] == headers["idempotency-key"] == parcel().message_id
    assert told["facts"] == dict(REPORT.facts)
    assert told["attachments"][0] == {"name": "weekly.html", "media_type": "text/html"}


@pytest.mark.parametrize(
    ("status", "is_final"),
    [(400, True), (401, False), (404, False), (410, True), (422, True), (429, False), (503, False)],
)
def test_what_speaks_of_the_message_is_final_and_what_speaks_of_the_moment_is_not(
    status: int,
    is_final: bool,  # noqa: FBT001 - pytest gives it by name
) -> None:
    def refuse(_: Request) -> Answer:
        return Answer(b"no t0ken here", status, {"retry-after": "90"})

    with loopback(refuse) as server, pytest.raises(DeliveryError) as told:
        deliver(
            channel("webhook", url=server.url, **SIGNED),
            parcel(environ={"KEY": "a key", "TOKEN": "t0ken"}),
        )

    assert told.value.is_final == is_final
    assert told.value.wait == timedelta(seconds=90)
    assert str(told.value) == f"the receiver answers {status}: no [redacted] here"


def test_an_answer_elsewhere_is_not_followed() -> None:
    def elsewhere(_: Request) -> Answer:
        return Answer(b"", 302, {"location": "http://127.0.0.1:1/"})

    with loopback(elsewhere) as server, pytest.raises(DeliveryError, match="answers 302"):
        deliver(channel("webhook", url=server.url), parcel())

    assert len(server.requests) == 1


def test_slack_gets_blocks_within_its_limits() -> None:
    long = REPORT.model_copy(
        update={
            "title": "t" * 400,
            "text": "a < b & c" * 900,
            "facts": {str(number): "v" for number in range(30)},
        }
    )
    with hook() as received:
        url = f"http://127.0.0.1:{received.port}/services/T0/B0/secret"
        deliver(channel("slack", url_env="SLACK"), parcel(long, environ={"SLACK": url}))

    (told,) = posted(received)
    header, text, fields, about = told["blocks"]
    assert len(header["text"]["text"]) <= 150
    assert len(text["text"]["text"]) <= 3_000
    assert len(fields["fields"]) == 10
    assert "a &lt; b &amp; c" in text["text"]["text"]
    assert parcel(long).message_id in about["elements"][0]["text"]


def test_no_error_shows_the_address_that_is_a_secret() -> None:
    url = f"http://127.0.0.1:{free_port()}/services/T0/B0/s3cret"
    with pytest.raises(DeliveryError) as told:
        deliver(channel("slack", url_env="SLACK"), parcel(environ={"SLACK": url}))

    assert "s3cret" not in str(told.value)
    assert "s3cret" not in repr(told.value.__cause__)


def test_a_template_makes_what_is_posted(tmp_path: Path) -> None:
    form = tmp_path / "pager.json"
    form.write_text('{"summary": {{ title|tojson }}, "key": "{{ message_id }}"}')
    with hook() as received:
        url = f"http://127.0.0.1:{received.port}/"
        deliver(channel("webhook", url=url, template=form), parcel())

    assert posted(received) == [{"summary": REPORT.title, "key": parcel().message_id}]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("{{ titel }}", "'titel' is undefined"),
        ("{{ titel|tojson }}", "'titel' is undefined"),
        ("{% if %}", "pager.json:1"),
        ("plain", "it makes no JSON"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ 1 / 0 }}", "division by zero"),
    ],
)
def test_a_wrong_template_is_found_before_there_is_something_to_send(
    tmp_path: Path, form: str, said: str
) -> None:
    (tmp_path / "pager.json").write_text(form)
    told = channel("webhook", url="http://127.0.0.1:1/", template=tmp_path / "pager.json")

    (trouble,) = troubles("pager", told, {})

    assert said in trouble


def test_what_is_missing_is_told_by_its_name_before_there_is_something_to_send(
    tmp_path: Path,
) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    (tmp_path / "file").touch()

    assert troubles("a", channel("slack", url_env="SLACK"), {}) == [
        "url_env: the environment variable SLACK is not set"
    ]
    assert troubles("a", channel("slack", url_file=empty), {}) == [f"url_file: {empty} is empty"]
    (told,) = troubles("a", channel("slack", url_file=tmp_path / "none"), {})
    assert "cannot be read" in told
    (told,) = troubles("a", channel("folder", path=tmp_path / "file" / "x"), {})
    assert "is no folder" in told
    assert troubles("a", channel("folder", path=tmp_path / "new" / "deep"), {}) == []
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"kind": "smtp", "host": "h", "sender": "a@b", "to": []}, "to"),
        ({"kind": "smtp", "host": "h", "sender": "ops", "to": ["a@b"]}, "mail address"),
        (
            {"kind": "smtp", "host": "h", "sender": "a@b", "to": ["a@b"], "username": "u"},
            "without password_env",
        ),
        ({"kind": "slack"}, "give url_env or url_file"),
        ({"kind": "slack", "url": "https://hooks.slack.com/x"}, "url"),
        ({"kind": "webhook"}, "one of url, url_env and url_file"),
        ({"kind": "webhook", "url": "https://user:word@host/"}, "user and password"),
        ({"kind": "webhook", "url": "file:///etc/passwd"}, "https://example.com/hook"),
        ({"kind": "pigeon"}, "pigeon"),
    ],
)
def test_a_channel_that_cannot_work_is_refused(told: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TypeAdapter[ChannelSection](Channel).validate_python(told)


def test_a_folder_has_a_message_whole_or_not_at_all_and_once(tmp_path: Path) -> None:
    home = channel("folder", path=tmp_path / "out")
    deliver(home, parcel())
    (made,) = (tmp_path / "out").iterdir()
    (made / "weekly.html").write_text("read and marked")
    deliver(home, parcel())

    assert [one.name for one in (tmp_path / "out").iterdir()] == [made.name]
    assert sorted(one.name for one in made.iterdir()) == [
        "notice.json", "weekly.html", "weekly.json",
    ]  # fmt: skip
    assert (made / "weekly.html").read_text() == "read and marked"
    assert json.loads((made / "notice.json").read_text())["title"] == REPORT.title


def test_what_a_killed_process_left_in_a_folder_is_written_again(tmp_path: Path) -> None:
    left = tmp_path / f".{parcel().name}.partial"
    left.mkdir()
    (left / "weekly.html").write_text("half")

    deliver(channel("folder", path=tmp_path), parcel())

    (made,) = tmp_path.iterdir()
    assert (made / "weekly.html").read_text() == "<p>Prices & risks</p>"


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DeliveryError, match="Not a directory"):
        deliver(channel("folder", path=tmp_path / "file" / "x"), parcel())


@given(st.text(min_size=1), st.text(min_size=1), st.text(), st.text())
def test_the_id_is_that_of_the_notice_and_its_receiver(
    key: str, other: str, receiver: str, name: str
) -> None:
    one = REPORT.model_copy(update={"key": key})
    same = one.model_copy(update={"text": "another wording", "at": NOW + timedelta(days=1)})
    different = one.model_copy(update={"key": other})

    assert message_id(one, name, receiver) == message_id(same, name, receiver)
    assert (message_id(one, name, receiver) == message_id(different, name, receiver)) == (
        key == other
    )


@given(st.text(), st.integers(0, 10_000))
def test_a_pause_grows_up_to_an_hour_and_is_the_same_each_time(name: str, attempts: int) -> None:
    found = pause(name, attempts)

    assert found == pause(name, attempts)
    assert timedelta(seconds=15) < found <= LONGEST_PAUSE
    assert attempts < 8 or found > LONGEST_PAUSE / 2.01


def test_each_receiver_of_mail_has_a_message_of_his_own() -> None:
    told = channel("smtp", host="h", sender="a@b.c", to=["x@b.c", "y@b.c"])

    made = addressed([REPORT], {"mail": told}, NOW)

    assert [one.receiver for one in made] == ["x@b.c", "y@b.c"]
    assert len({one.message_id for one in made}) == 2
    assert Notice.model_validate_json(made[0].payload) == REPORT


def test_a_test_notice_is_a_new_one_each_time() -> None:
    first, second = sample("ops", NOW), sample("ops", NOW + timedelta(seconds=1))

    assert message_id(first, "ops", "") != message_id(second, "ops", "")
    assert slack_body(channel("slack", url_env="X"), parcel(first))  # type: ignore[arg-type]
