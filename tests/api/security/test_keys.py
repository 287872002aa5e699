"""API keys: their text, their file, and how a server sees a change of it."""

import json
import logging
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.security.key_file import KeyFileError, change_keys, read_keys
from api.security.key_ring import KeyRing
from api.security.keys import KEY, Key, id_in, is_of, new_key, rotated
from api.security.principal import Scope
from tests.support.market import NOW
from tests.support.secured import READ, MovedClock

DAY = timedelta(days=1)


def a_key(name: str = "ci", days: float | None = 90) -> tuple[Key, str]:
    lifetime = None if days is None else timedelta(days=days)
    return new_key(name, READ, now=NOW, lifetime=lifetime)


def stored(path: Path, *keys: Key) -> None:
    change_keys(path, lambda before: [*before, *keys])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "keys.json"


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def ring(path: Path, clock: MovedClock) -> KeyRing:
    return KeyRing(path, clock, clock.ticks)


def test_a_key_has_256_random_bits_and_a_prefix_that_scanners_find() -> None:
    made, text = a_key()

    assert re.search(r"\bspotcast_[0-9a-f]{12}_[0-9a-f]{64}\b", f"SPOTCAST_KEY={text}\n")
    assert id_in(text) == made.id
    assert len({a_key()[1] for _ in range(100)}) == 100


def test_neither_the_file_nor_the_objects_text_holds_the_secret(path: Path) -> None:
    made, text = a_key()
    stored(path, made)
    secret = text.rpartition("_")[2]

    assert secret not in path.read_text(encoding="utf-8")
    assert secret not in repr(made)
    assert made.sha256 not in repr(made)


@given(st.text(st.characters()) | st.from_regex(KEY, fullmatch=True))
def test_any_text_is_a_key_by_its_form_or_is_not_and_opens_nothing(text: str) -> None:
    identity = id_in(text)

    assert (identity is None) == (re.fullmatch(KEY, text) is None)
    assert not is_of(text, a_key()[0])
    assert not is_of(text, None)


@given(st.integers(0, 85), st.characters(categories=["Nd", "Ll", "Lu"]))
def test_a_key_with_one_character_changed_opens_nothing(place: int, character: str) -> None:
    made, text = a_key()
    changed = text[:place] + character + text[place + 1 :]

    assert is_of(changed, made) == (changed == text)


def test_the_file_is_for_its_owner_alone(path: Path) -> None:
    stored(path, a_key()[0])

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {one.name for one in path.parent.iterdir()} == {"keys.json", "keys.json.lock"}


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o620, 0o644, 0o666])
def test_a_file_that_others_may_read_or_change_is_refused(path: Path, mode: int) -> None:
    stored(path, a_key()[0])
    path.chmod(mode)

    with pytest.raises(KeyFileError, match=f"mode 0{mode:o}.*chmod 600"):
        read_keys(path)


def test_a_file_that_the_group_may_read_is_a_mounted_secret(path: Path) -> None:
    stored(path, a_key()[0])
    path.chmod(0o640)

    assert len(read_keys(path)) == 1


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "Invalid JSON"),
        ("[]", "should be an object"),
        ('{"version": 2, "keys": []}', "at version"),
        ('{"version": 1, "keys": [{"id": "x"}]}', "at keys.0.id"),
        ('{"version": 1, "keys": [], "more": 1}', "at more"),
        ("\xff\x00", "damaged"),
    ],
)
def test_a_damaged_file_is_refused_and_says_where(path: Path, text: str, place: str) -> None:
    stored(path)
    path.write_text(text, encoding="latin-1")

    with pytest.raises(KeyFileError, match="damaged") as error:
        read_keys(path)
    assert place in str(error.value)
    with pytest.raises(KeyFileError):
        stored(path, a_key()[0])
    assert path.read_text(encoding="latin-1") == text, "what a person may mend is not overwritten"


def test_two_keys_of_one_id_are_refused(path: Path) -> None:
    made, _ = a_key()
    stored(path, made, made)

    with pytest.raises(KeyFileError, match="two keys have the same id"):
        read_keys(path)


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be read"):
        read_keys(tmp_path)


def test_a_failed_change_leaves_the_keys_and_no_file_behind(path: Path) -> None:
    stored(path, a_key()[0])

    def fails(_: list[Key]) -> list[Key]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_keys(path, fails)
    assert len(read_keys(path)) == 1
    assert len(list(path.parent.iterdir())) == 2


def test_a_link_is_followed_not_replaced(path: Path, tmp_path: Path) -> None:
    stored(path, a_key()[0])
    link = tmp_path / "link.json"
    link.symlink_to(path)
    stored(link, a_key()[0])

    assert link.is_symlink()
    assert len(read_keys(path)) == 2


def test_keys_that_are_made_at_the_same_time_are_all_kept(path: Path) -> None:
    with ThreadPoolExecutor(4) as makers:
        ended = [makers.submit(stored, path, a_key()[0]) for _ in range(60)]

    assert [one.exception() for one in ended] == [None] * 60
    assert len(read_keys(path)) == 60


def test_a_server_sees_a_new_key_and_a_revoked_one_within_a_second(
    path: Path, ring: KeyRing, clock: MovedClock
) -> None:
    made, text = a_key()
    before = ring.find(text)
    stored(path, made)
    clock.pass_by(seconds=1)
    known = ring.find(text)
    change_keys(path, lambda keys: [one.model_copy(update={"revoked_at": NOW}) for one in keys])
    still = ring.find(text)
    clock.pass_by(seconds=1)

    assert [before, known, still, ring.find(text)] == [None, made, made, None]


def test_the_file_is_looked_at_once_a_second_at_the_most(
    path: Path, ring: KeyRing, clock: MovedClock
) -> None:
    made, text = a_key()
    stored(path, made)
    assert ring.find(text) == made
    path.unlink()
    clock.pass_by(seconds=0.9)
    within = ring.find(text)
    clock.pass_by(seconds=0.1)

    assert (within, ring.find(text)) == (made, None)
    assert ring.had_keys, "a server that had keys goes on asking for them"


def test_a_file_that_breaks_while_the_server_runs_opens_nothing_until_it_is_mended(
    path: Path, ring: KeyRing, clock: MovedClock
) -> None:
    made, text = a_key()
    stored(path, made)
    good = path.read_bytes()
    ring.find(text)
    path.write_bytes(good[:40])
    clock.pass_by(seconds=1)
    for _ in range(2):
        with pytest.raises(KeyFileError):
            ring.find(text)
    path.write_bytes(good)

    assert ring.find(text) == made


def test_a_key_ends_when_it_says(path: Path, ring: KeyRing, clock: MovedClock) -> None:
    made, text = a_key(days=1)
    lasting, lasting_text = a_key(days=None)
    stored(path, made, lasting)
    clock.pass_by(days=1, microseconds=-1)
    last = ring.find(text)
    clock.pass_by(microseconds=1)

    assert (last, ring.find(text), ring.by_id(made.id)) == (made, None, None)
    clock.pass_by(days=10_000)
    assert ring.find(lasting_text) == lasting


def test_a_known_id_with_another_secret_opens_nothing(path: Path, ring: KeyRing) -> None:
    made, text = a_key()
    stored(path, made)

    assert ring.find(f"spotcast_{made.id}_{64 * '0'}") is None
    assert ring.find(text) == made


def test_a_rotated_key_goes_on_for_its_grace_and_no_longer_than_before(
    path: Path, ring: KeyRing, clock: MovedClock
) -> None:
    made, text = a_key(days=30)
    old, new, new_text = rotated(made, now=NOW + 10 * DAY, grace=DAY)
    near, _, _ = rotated(made, now=NOW + 29.5 * DAY, grace=DAY)
    stored(path, old, new)
    clock.pass_by(days=10.9)
    both = ring.find(text), ring.find(new_text)
    clock.pass_by(days=0.2)

    assert both == (old, new)
    assert (ring.find(text), ring.find(new_text)) == (None, new)
    assert (new.name, new.scopes, new.expires_at) == ("ci", READ, NOW + 40 * DAY)
    assert old.replaced_by == new.id
    assert near.expires_at == made.expires_at


def test_the_first_use_of_a_day_is_logged_without_the_secret(
    path: Path, ring: KeyRing, clock: MovedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    made, text = a_key()
    stored(path, made)
    for hours in (0, 1, 2, 23, 1):
        clock.pass_by(hours=hours)
        ring.find(text)

    said = [one.getMessage() for one in caplog.records]
    assert said == [f"key used: id={made.id} name='ci' day=2026-11-{day}" for day in (24, 25)]


def test_scopes_are_stored_by_name_and_in_order(path: Path) -> None:
    made, _ = new_key("all", frozenset(Scope), now=NOW, lifetime=None)
    stored(path, made)

    assert json.loads(path.read_bytes())["keys"][0]["scopes"] == ["act", "ingest", "read"]
    assert read_keys(path) == [made]
