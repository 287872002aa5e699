"""The words of the pages."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dashboard.figures import Figures, level_of
from api.dashboard.language import LANGUAGES, Words, catalogue, chosen

TEMPLATES = sorted(Path(str(files("api.dashboard").joinpath("templates"))).iterdir())
SAID = {"Spotcast", "· Spotcast"}
"""What needs no translation: the name."""


def test_all_languages_have_the_same_words_with_the_same_places() -> None:
    english = catalogue("en")
    for language in LANGUAGES:
        words = catalogue(language)
        assert words.keys() == english.keys()
        for key, text in words.items():
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", english[key])), key


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.name)
def test_no_template_has_words_of_its_own(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    bare = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", "\n", text, flags=re.DOTALL)
    attributes = re.findall(r'(?:alt|title|aria-label|placeholder)="([^"{]*)"', bare)
    shown = re.sub(r"<[^>]*>", "\n", bare, flags=re.DOTALL).splitlines()
    words = {one.strip() for one in shown if re.search(r"[A-Za-z]{2,}", one)}
    assert words <= SAID
    assert all(not re.search(r"^[A-Z][a-z]+ ", one) for one in attributes)


def test_chinese_is_not_left_in_english() -> None:
    english, chinese = catalogue("en"), catalogue("zh")
    names = (
        "source.",
        "cloud.",
        "maker.",
        "architecture.",
        "format.",
        "image_pull.",
        "step.",
        "chip.",
    )
    same = {key for key, text in english.items() if chinese[key] == text and len(text) > 4}
    assert {key for key in same if not key.startswith(names)} <= {"copy.curl", "about.native"}


@pytest.mark.parametrize(
    ("asked", "kept", "header", "language"),
    [
        ("zh", "en", "en", "zh"),
        (None, "zh", "en", "zh"),
        (None, None, "fr, zh-CN;q=0.8, en;q=0.5", "zh"),
        (None, None, "en;q=0.9,zh;q=0.95", "zh"),
        ("xx", "yy", "fr", "en"),
        (None, None, "zh;q=0", "en"),
        (None, None, "zh;q=oops", "en"),
    ],
)
def test_the_link_goes_before_the_cookie_and_the_cookie_before_the_browser(
    asked: str | None, kept: str | None, header: str, language: str
) -> None:
    assert chosen(asked, kept, header) == language


@given(st.text(max_size=80))
def test_no_header_breaks_the_choice(header: str) -> None:
    assert chosen(None, None, header) in LANGUAGES


@given(st.floats(0, 1))
def test_what_is_above_zero_is_never_written_as_zero(share: float) -> None:
    text = Figures(Words("en")).share(share)
    assert (text == "0.0%") == (share == 0)


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_risk_never_has_a_safer_colour(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert level_of(low) <= level_of(high)


def test_ages_are_in_their_largest_sensible_unit() -> None:
    english, chinese = Figures(Words("en")), Figures(Words("zh"))
    assert [english.span(one) for one in (40, 720, 18_000, 20_563_200)] == [
        "40 s",
        "12 min",
        "5 h",
        "238 d",
    ]
    assert chinese.ago(18_000) == "5 小时前"
