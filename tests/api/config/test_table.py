"""The papers and the table speak of the same settings."""

import re
from pathlib import Path
from typing import get_args

from api.config.market import ProviderName
from api.config.page import settings_page
from api.config.table import PREFIX, SECRETS, by_variable, rows
from api.settings import CONFIG, SECTIONS
from collector.provider import providers

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "settings.md"
CODE = [
    path
    for part in ("api", "collector", "warehouse", "advisor")
    for path in (ROOT / part).rglob("*.py")
]


def test_the_page_about_settings_is_the_one_made_from_the_sections() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_page(), "run `make docs`"


def test_every_setting_is_explained() -> None:
    assert len(rows()) > 40
    unexplained = [row.key for row in rows() if not row.about]

    assert unexplained == []


def test_the_clouds_of_the_file_are_those_that_can_be_read() -> None:
    assert set(get_args(ProviderName)) == set(providers())


def test_no_two_settings_have_one_variable() -> None:
    named = [row.variable for row in rows() if row.variable]

    assert len(named) == len(set(named))
    assert not set(named) & {*SECRETS, CONFIG}


def test_every_variable_that_the_code_names_is_in_the_table() -> None:
    known = {*by_variable(), *SECRETS, CONFIG}
    named = {
        name
        for path in CODE
        for name in re.findall(
            rf'["$`\b]({PREFIX}[A-Z0-9_]*[A-Z0-9])', path.read_text(encoding="utf-8")
        )
    }

    assert len(named) > 10
    assert named - known - EXAMPLES == set()


EXAMPLES = {"SPOTCAST_SLACK_URL"}
"""Names that a sentence gives as an example of what a user may choose."""


def test_every_variable_without_a_reader_of_its_own_makes_the_sections_be_read() -> None:
    prefixes = tuple(f"{PREFIX}{section.upper()}_" for section in SECTIONS)
    unread = [
        name
        for name, row in by_variable().items()
        if not row.is_text and not name.startswith(prefixes)
    ]

    assert unread == []
