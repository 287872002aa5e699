"""The small parts of the api: sizes, ages, settings, and the public half of the demo."""

from datetime import timedelta
from pathlib import Path

import pytest

from advisor.units import gib
from api.settings import SettingsError, settings_from
from api.units import age_text

SETTINGS_PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64", 64),
        ("64 GiB", 64),
        ("64Gi", 64),
        ("65536 MiB", 64),
        ("1.5 TiB", 1536),
        ("16 GB", 16e9 / 2**30),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str, size: float) -> None:
    assert gib(text) == pytest.approx(size)


@pytest.mark.parametrize("text", ["", "much", "16 GiBs", "-4 GiB", "1e3"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write 64 GiB"):
        gib(text)


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=40), "40 s"),
        (timedelta(minutes=12), "12 min"),
        (timedelta(hours=5), "5 h"),
        (timedelta(days=238), "238 d"),
    ],
)
def test_an_age_is_shown_in_its_own_unit(age: timedelta, text: str) -> None:
    assert age_text(age) == text


def test_the_defaults_are_those_that_the_page_says(tmp_path: Path) -> None:
    settings = settings_from({"HOME": str(tmp_path)})

    assert settings.warehouse.parts[-2:] == ("data", "spotcast.duckdb")
    assert settings.usd_per_unit == {"USD": 1.0, "CNY": 0.14}
    assert settings.price_max_age == timedelta(hours=24)


def test_every_setting_is_on_the_page() -> None:
    page = SETTINGS_PAGE.read_text(encoding="utf-8")
    names = ("SPOTCAST_WAREHOUSE", "SPOTCAST_USD_PER_CNY", "SPOTCAST_PRICE_MAX_AGE_HOURS")

    assert all(f"`{name}`" in page for name in names)


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "seven"])
def test_a_setting_that_is_no_positive_number_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="SPOTCAST_PRICE_MAX_AGE_HOURS"):
        settings_from({"SPOTCAST_PRICE_MAX_AGE_HOURS": value})
