"""``spotcast config`` and ``--config`` as a user has them."""

import json
import subprocess
import sys
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from api import cli
from api.cli import main
from api.config.options import KEYS
from api.config.table import rows
from tests.support.cli import Run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "c.toml"
    path.write_text(
        '[warehouse]\npath = "w.duckdb"\n[serve]\nport = 9001\n'
        '[guard]\nwebhook = "https://hooks.example/T0/secret"\n'
    )
    return path


def test_show_says_what_holds_and_who_said_it(
    run: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPOTCAST_SERVE_HOST", "localhost")
    monkeypatch.setenv("SPOTCAST_WEBHOOK_SECRET", "hunter2")

    ended = run("config", "show", "-o", "json", "--config", str(file))
    found = {row["key"]: row for row in json.loads(ended.out)["settings"]}

    assert ended.code == 0
    assert found["warehouse.path"]["value"] == str(tmp_path / "w.duckdb")
    assert found["security.keys"]["value"] == str(tmp_path / "keys.json")
    assert (found["serve.port"]["value"], found["serve.port"]["from"]) == (9001, f"{file}:4")
    assert found["serve.host"]["from"] == "SPOTCAST_SERVE_HOST"
    assert found["serve.collect"]["from"] == "default"
    assert found["guard.webhook"]["value"] == "https://hooks.example/…"
    assert found["SPOTCAST_WEBHOOK_SECRET"]["value"] == "set, not shown"
    assert "hunter2" not in ended.out
    assert {row.key for row in rows() if row.is_closed} <= found.keys()


def test_check_counts_what_is_set_and_warns_of_what_has_no_effect(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPOTCAST_SERVE_PROT", "1")
    monkeypatch.setenv("SPOTCAST_SERVE_PORT", "2")

    ended = run("config", "check", str(file))

    assert (ended.code, ended.out) == (0, f"{file}: 3 settings, no errors, 3 warnings.\n")
    assert "SPOTCAST_SERVE_PROT: nothing reads it; did you mean SPOTCAST_SERVE_PORT?" in ended.err
    assert f"{file}:4: serve.port: SPOTCAST_SERVE_PORT is set and goes before it" in ended.err
    assert 'while serve.guard is "off"' in ended.err


def test_check_ends_with_2_and_the_line_of_what_is_wrong(run: Run, file: Path) -> None:
    file.write_text("[serve]\nport = 'x'\n")

    ended = run("config", "check", str(file))

    assert (ended.code, ended.out) == (2, "")
    assert f'{file}:2: serve.port = "x": give a whole number' in ended.err


def test_check_without_a_file_says_where_it_would_be(run: Run, tmp_path: Path) -> None:
    ended = run("config", "check")

    assert ended.code == 0
    assert str(tmp_path / "config" / "spotcast" / "spotcast.toml") in ended.err


def test_an_example_is_a_file_that_can_be_checked(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "example.toml"

    assert run("config", "example", "--output", str(path)).code == 0
    assert run("config", "check", str(path)).out.endswith(": 0 settings, no errors, 0 warnings.\n")
    assert run("config", "example", "--output", str(tmp_path / "no" / "x")).code == 2


def test_a_wrong_file_stops_every_command_with_a_sentence(run: Run, file: Path) -> None:
    file.write_text("[serve]\nport = 'x'\n")

    for arguments in (("feeds", "--config", str(file)), (f"--config={file}", "feeds")):
        ended = run(*arguments)
        assert (ended.code, ended.out) == (2, "")
        assert f"{file}:2: serve.port" in ended.err


def test_the_users_own_file_is_read_if_it_is_there(run: Run, tmp_path: Path) -> None:
    own = tmp_path / "config" / "spotcast" / "spotcast.toml"
    own.parent.mkdir(parents=True)
    own.write_text("[serve]\nport = 'x'\n")

    assert f"{own}:2: serve.port" in run("feeds").err


def test_options_take_what_the_file_says_unless_they_are_given(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, object]] = []

    def serve(context: typer.Context, host: str = "a", port: int = 1, guard: str = "none") -> None:
        seen.append({"host": host, "port": port, "guard": guard, "at": context.obj.warehouse.name})

    monkeypatch.setattr("api.commands.serve.serve_command", serve)
    for more in ([], ["--port", "7"]):
        with pytest.raises(SystemExit):
            main(["--config", str(file), "serve", *more])

    assert seen == [
        {"host": "127.0.0.1", "port": 9001, "guard": "none", "at": "w.duckdb"},
        {"host": "127.0.0.1", "port": 7, "guard": "none", "at": "w.duckdb"},
    ]


def test_every_option_that_the_file_sets_is_one_of_its_command() -> None:
    known = {row.key: row for row in rows()}
    for name, keys in KEYS.items():
        group = typer.main.get_command(cli.app_for([name]))
        assert isinstance(group, TyperGroup)
        command = group.commands[name]

        of_option = {parameter.name or "": parameter.default for parameter in command.params}
        for option, key in keys.items():
            default = _plain(of_option[option])
            assert default in {None, _plain(known[key].default)}, (name, option)


def _plain(default: object) -> object:
    """A default that an option and a setting can be compared by."""
    return default.value if isinstance(default, Enum) else default


def test_what_loads_the_sections_is_not_loaded_for_those_who_need_them_not() -> None:
    code = "import sys, api.cli; sys.exit('pydantic' in sys.modules or 'tomllib' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_commands_with_an_option_of_that_name_are_known() -> None:
    def having(command: Any) -> bool:
        inner: list[Any] = list(getattr(command, "commands", {}).values())
        own = any("--config" in parameter.opts for parameter in command.params)
        return own or any(map(having, inner))

    whole = typer.main.get_command(cli.app_for([]))
    assert isinstance(whole, TyperGroup)

    assert {name for name, one in whole.commands.items() if having(one)} == cli.OWN_CONFIG


def test_check_tells_of_a_channel_that_could_not_deliver(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pager.json").write_text('{"title": {{ titel|tojson }}}')
    (tmp_path / "file").touch()
    path = tmp_path / "c.toml"
    path.write_text(
        '[reports]\nchannels = ["hook", "out"]\n'
        '[channels.hook]\nkind = "webhook"\nurl = "https://example.com/in"\n'
        'template = "pager.json"\n'
        '[channels.out]\nkind = "folder"\npath = "file/in"\n'
    )

    ended = run("config", "check", str(path))

    assert ended.code == 0
    assert (
        f"{path}:3: channels.hook: template {tmp_path / 'pager.json'}: 'titel' is undefined"
        in ended.err
    )
    assert f"{path}:7: channels.out: path: {tmp_path / 'file'} is no folder" in ended.err
