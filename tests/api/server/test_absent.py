"""pandas, which DuckDB asks for at each parameter of a query, and which is not there."""

import sys
from importlib import import_module
from types import ModuleType

import pytest

from api.service.absent import WithoutPandas, remember_that_pandas_is_absent
from warehouse.store import Warehouse


class Asked(list[str]):
    """A finder that finds nothing and keeps what it was asked for."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """None, always."""
        del path, target
        self.append(name)


def test_a_query_does_not_search_for_what_is_not_there(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse
) -> None:
    asked = Asked()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, asked])
    remember_that_pandas_is_absent()

    assert warehouse.rows("select $one + 1", {"one": 1}) == [(2,)]

    assert "pandas" not in asked


def test_it_is_missing_in_pythons_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [Asked()])
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    with pytest.raises(ModuleNotFoundError) as without:
        import_module("pandas")

    remember_that_pandas_is_absent()

    with pytest.raises(ModuleNotFoundError) as told:
        import_module("pandas")
    assert (str(told.value), told.value.name) == (str(without.value), without.value.name)


def test_it_is_remembered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    monkeypatch.setattr(sys, "meta_path", [asked])

    remember_that_pandas_is_absent()
    remember_that_pandas_is_absent()

    assert sys.meta_path == [WithoutPandas, asked]


def test_nothing_changes_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    monkeypatch.setattr(sys, "meta_path", [asked])
    monkeypatch.setitem(sys.modules, "pandas", ModuleType("pandas"))

    remember_that_pandas_is_absent()

    assert sys.meta_path == [asked]
