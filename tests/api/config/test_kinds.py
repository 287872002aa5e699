"""Tables with names of the user's, of several kinds, as channels are."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from api.config import judging, reading, sample, table
from api.config.channels import ChannelSection
from api.config.configuration import Configuration
from api.config.document import ConfigError, parsed
from api.config.page import settings_page
from api.config.places import settings_in
from api.config.reading import Configured, configured
from api.config.section import setting
from api.config.watching import warnings

FILE = Path("/etc/spotcast/c.toml")


class Chat(ChannelSection):
    """``[channels.<name>]``: a room."""

    kind: Literal["chat"] = setting(about="Its kind.", unit="", why="")
    url_env: str = setting(about="The variable with the address.", unit="name", why="")
    tries: int = setting(3, about="How often.", unit="times", why="Thrice.", ge=1)


class Mail(ChannelSection):
    """``[channels.<name>]``: a mailbox."""

    kind: Literal["mail"] = setting(about="Its kind.", unit="", why="")
    to: tuple[str, ...] = setting(about="Who.", unit="addresses", why="", min_length=1)
    password_file: Path | None = setting(None, about="Where.", unit="path", why="")
    headers: dict[str, str] = setting({}, about="More headers.", unit="table", why="")


class Whole(Configuration):
    """A configuration with two kinds of channels."""

    channels: dict[str, Annotated[Chat | Mail, Field(discriminator="kind")]] = Field(default={})  # type: ignore[assignment] # kinds of its own


@pytest.fixture(autouse=True)
def _two_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (table, judging):
        monkeypatch.setattr(module, "Configuration", Whole)
    made = tuple(table._rows(Whole, ()))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - without its cache
    for place in (table, reading, sample, judging):
        monkeypatch.setattr(place, "rows", lambda: made)
    for name in ("api.config.places.rows", "api.config.page.rows", "api.config.watching.rows"):
        monkeypatch.setattr(name, lambda: made)


def read(text: str, **environ: str) -> Configured:
    return configured(parsed(FILE, text.encode()), environ)


GOOD = """
[reports]
channels = ["box"]
[channels.room]
kind = "chat"
url_env = "SPOTCAST_ROOM"
[channels.box]
kind = "mail"
to = ["a@example.com"]
password_file = "box.txt"
headers = { X-Team = "gpu" }
"""


def test_each_table_is_of_its_kind() -> None:
    found = read(GOOD.replace('[reports]\nchannels = ["box"]\n', "")).configuration.channels

    assert {name: type(one).__name__ for name, one in found.items()} == {
        "room": "Chat",
        "box": "Mail",
    }
    assert found["box"].model_dump()["password_file"] == Path("/etc/spotcast/box.txt")


def test_a_table_with_names_of_the_users_is_one_setting() -> None:
    tree = parsed(FILE, GOOD.encode()).tree
    found = {".".join(map(str, place)): value for place, value, _ in settings_in(tree)}

    assert found["channels.box.headers"] == {"X-Team": "gpu"}
    assert found["channels.room.kind"] == "chat"


def test_what_a_channel_needs_and_is_not_there_is_warned_of() -> None:
    said = "\n".join(warnings(read(GOOD.replace('[reports]\nchannels = ["box"]\n', ""))))

    assert "channels.room: nothing is sent there" in said
    assert "channels.room.url_env: the variable SPOTCAST_ROOM is not set" in said
    assert "channels.box.password_file: /etc/spotcast/box.txt is not there" in said
    assert "nothing reads it" not in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('kind = "tube"', ':1: channels.a: give its kind, one of "chat", "mail"'),
        ("x = 1", ':1: channels.a: give its kind, one of "chat", "mail"'),
        ('kind = "chat"', ":1: channels.a.url_env is missing; give a text in quotes"),
        ('kind = "mail"\nto = []', ":3: channels.a.to = []: give a list in square brackets, 1 or"),
        (
            'kind = "chat"\nurl_env = "A"\ntries = 0',
            ":4: channels.a.tries = 0: give a whole number",
        ),
        ('kind = "chat"\nurl_env = "https://h/T0"', ":3: channels.a.url_env: this names an env"),
        ('kind = "mail"\nto = ["a"]\nhedders = {}', ":4: channels.a.hedders: there is no such"),
        ('kind = "mail"\nheaders = { Authorization = "T0" }', ": a secret must not stand in"),
    ],
)
def test_what_is_wrong_in_one_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(f"[channels.a]\n{text}\n")

    assert said in str(caught.value)
    assert "T0" not in str(caught.value)


def test_page_and_example_have_a_table_for_each_kind() -> None:
    page, file = settings_page(), sample.example()

    assert '## [channels.<name>] kind = "chat"' in page
    assert '## [channels.<name>] kind = "mail"' in page
    assert '#kind = "mail"' in file
    assert page.count("| `kind` |") == file.count("#kind = ") == 2
