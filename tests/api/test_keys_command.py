"""``spotcast keys``."""

import json
from pathlib import Path
from typing import Any

import pytest

from api.security.key_file import read_keys
from api.security.keys import is_of
from tests.support.cli import Ended, Run


@pytest.fixture
def keys(run: Run, tmp_path: Path) -> Run:
    """Run ``spotcast keys`` for a database in a folder."""

    def run_keys(*arguments: str) -> Ended:
        return run("keys", *arguments, "--warehouse", str(tmp_path / "spotcast.duckdb"))

    return run_keys


def listed(keys: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(keys("list", "-o", "json").out)["keys"]
    return found


def test_a_key_is_shown_once_alone_on_standard_output(keys: Run, tmp_path: Path) -> None:
    made = keys("create", "--name", "ci", "--scope", "read", "--scope", "ingest")
    text = made.out.strip()

    assert made.code == 0
    assert is_of(text, read_keys(tmp_path / "keys.json")[0])
    assert "cannot be shown again" in made.err
    assert text not in keys("list").out + keys("list", "-o", "json").out + made.err
    row = listed(keys)[0]
    assert (row["name"], row["scopes"], row["state"]) == ("ci", ["ingest", "read"], "active")


def test_another_place_can_be_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPOTCAST_KEYS", str(tmp_path / "mounted.json"))
    run("keys", "create", "--name", "x", "--scope", "act", "-w", str(tmp_path / "a.duckdb"))

    assert (tmp_path / "mounted.json").exists()
    assert not (tmp_path / "keys.json").exists()


def test_a_revoked_key_is_listed_as_such(keys: Run) -> None:
    keys("create", "--name", "ci", "--scope", "read", "--expires", "never")
    identity = listed(keys)[0]["id"]
    revoked = keys("revoke", identity)

    assert (revoked.code, listed(keys)[0]["state"]) == (0, "revoked")
    first = listed(keys)[0]["revoked_at"]
    keys("revoke", identity)
    assert listed(keys)[0]["revoked_at"] == first
    refused = keys("rotate", identity)
    assert refused.code == 2
    assert "is revoked: make a new key" in refused.err


def test_a_rotated_key_has_one_in_its_place(keys: Run) -> None:
    keys("create", "--name", "ci", "--scope", "read", "--expires", "30d")
    identity = listed(keys)[0]["id"]
    ended = keys("rotate", identity, "--grace", "1h")
    old, new = listed(keys)

    assert ended.out.startswith(f"spotcast_{new['id']}_")
    assert "stays good for 60 min" in ended.err
    assert (old["id"], old["replaced_by"], new["name"]) == (identity, new["id"], "ci")
    assert old["expires_at"] < new["expires_at"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "--name", 'a"b', "--scope", "read"), "give 1 to 64 letters"),
        (("create", "--name", "x" * 65, "--scope", "read"), "give 1 to 64 letters"),
        (("create", "--name", "x\n", "--scope", "read"), "give 1 to 64 letters"),
        (("create", "--name", "ci", "--scope", "all"), "--scope"),
        (("create", "--name", "ci"), "--scope"),
        (("create", "--name", "ci", "--scope", "read", "--expires", "0d"), "above 0"),
        (("create", "--name", "ci", "--scope", "read", "--expires", "soon"), "no duration"),
        (("create", "--name", "ci", "--scope", "read", "--expires", "40000d"), "100 years"),
        (("revoke", "nothing"), "is the id of no key"),
        (("rotate", "nothing"), "is the id of no key"),
    ],
)
def test_what_cannot_be_done_is_said(keys: Run, arguments: tuple[str, ...], said: str) -> None:
    ended = keys(*arguments)

    assert ended.code == 2
    assert said in ended.err
