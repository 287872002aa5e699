"""Databases of every version so far: upgraded without loss, also after a kill half-way."""

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.support.market import NOW
from tests.support.upkeep import (
    an_old_database,
    in_another_process,
    rows_in,
    tables_of,
    versions_of,
)
from warehouse.availability import availability_spells
from warehouse.features import lifetimes_until, pools_until, ticks_until
from warehouse.forecasts import forecast_counts, newest_forecasts, resolved_forecasts
from warehouse.keyset import EVERYWHERE
from warehouse.migrations import migrations
from warehouse.price_history import PriceQuestion, price_facts, price_steps
from warehouse.price_standing import Speaking
from warehouse.prices import market
from warehouse.retention import Terms, retain
from warehouse.runs import latest_runs
from warehouse.signal_history import SignalQuestion, newest_signal_page
from warehouse.store import Warehouse

VERSIONS = range(1, len(migrations()))
START = datetime.fromisoformat("2025-12-31T00:00Z")

KILLED = """
import os, sys
from pathlib import Path
import duckdb
from warehouse import migrations

class Killed:
    def __init__(self, connection, commits):
        self.connection, self.commits = connection, commits
    def __getattr__(self, name):
        return getattr(self.connection, name)
    def commit(self):
        if not self.commits:
            os._exit(9)
        self.connection.commit()
        self.commits -= 1

migrations.migrate(Killed(duckdb.connect(sys.argv[1]), int(sys.argv[2])))
"""
"""Ended by force when a schema file is applied and not yet committed."""


@pytest.mark.parametrize("version", VERSIONS)
def test_an_upgrade_keeps_every_row_and_every_question_answers(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "spotcast.duckdb"
    before = an_old_database(path, version)

    with Warehouse.open(path) as upgraded:
        after = rows_in(upgraded.connection)
        for table, rows in before.items():
            assert [row[: len(rows[0])] for row in after[table]] == rows, table
        _ask_everything(upgraded, outcomes=len(before.get("exposure", [])))
    assert versions_of(path) == [one.version for one in migrations()]


def test_an_old_database_has_a_row_in_each_of_its_tables(tmp_path: Path) -> None:
    rows = an_old_database(tmp_path / "old.duckdb", len(migrations()))

    assert len(rows) > 15
    assert all(len(of_table) == 1 for of_table in rows.values())


def _ask_everything(warehouse: Warehouse, *, outcomes: int) -> None:
    assert len(market(warehouse, NOW, usd_per_unit={}).offerings) == 1
    asked = PriceQuestion(provider="x", instance_type="x", start=START, end=NOW)
    assert price_facts(warehouse, NOW, asked).height == 1
    found = price_steps(warehouse, NOW, asked, timedelta(days=1), Speaking({}))
    assert found.height > 0
    assert newest_signal_page(warehouse, NOW, SignalQuestion()).height == 1
    assert availability_spells(warehouse, NOW, (START, NOW), EVERYWHERE).height == outcomes
    assert latest_runs(warehouse).height == 1
    assert newest_forecasts(warehouse, NOW).height == outcomes
    assert forecast_counts(warehouse, NOW).stored == outcomes
    assert resolved_forecasts(warehouse, NOW).height >= 0
    assert ticks_until(warehouse, START + timedelta(days=2)).height == outcomes
    assert lifetimes_until(warehouse, START + timedelta(days=2)).height == outcomes
    assert len(pools_until(warehouse, NOW)) == 1
    assert list(retain(warehouse, NOW, Terms(), Speaking({}))) == []


@pytest.mark.parametrize("commits", [0, 5])
def test_a_kill_in_the_middle_of_an_upgrade_leaves_a_database_that_is_upgraded_later(
    tmp_path: Path, commits: int
) -> None:
    path = tmp_path / "spotcast.duckdb"
    before = an_old_database(path, 1)

    assert in_another_process(KILLED, path, commits).returncode == 9

    assert versions_of(path) == list(range(1, commits + 2))
    with Warehouse.open(path) as upgraded:
        after = rows_in(upgraded.connection)
    assert versions_of(path) == [one.version for one in migrations()]
    for table, rows in before.items():
        assert [row[: len(rows[0])] for row in after[table]] == rows, table


def test_an_upgraded_database_has_the_tables_of_a_new_one(tmp_path: Path) -> None:
    old, new = tmp_path / "old.duckdb", tmp_path / "new.duckdb"
    an_old_database(old, 1)
    Warehouse.open(old).close()
    Warehouse.open(new).close()

    with duckdb.connect(old) as upgraded, duckdb.connect(new) as made:
        assert sorted(tables_of(upgraded)) == sorted(tables_of(made))
