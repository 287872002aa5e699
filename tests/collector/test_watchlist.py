"""What a user wants read: every field has a default, and a mistake is told where it is."""

from pathlib import Path

import pytest

from collector.profiles import WorkloadProfile
from collector.provider import providers
from collector.watchlist import Watchlist, WatchlistError, read_watchlist

KNOWN = providers()


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "watch.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_watchlist_is_read_whole(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        regions: {aws: [us-east-1, eu-west-1]}
        instance_types: [g6.xlarge]
        feeds: {aws.website_spot: on, aws.price_list: off}
        profiles:
          - {name: inference, provider: aws, instance_types: [g6.xlarge, g5.xlarge], count: 8,
             regions: [us-east-1], zonal: false}
        """,
    )

    assert read_watchlist(path, KNOWN) == Watchlist(
        regions={"aws": ("us-east-1", "eu-west-1")},
        instance_types=("g6.xlarge",),
        feeds={"aws.website_spot": True, "aws.price_list": False},
        profiles=(
            WorkloadProfile(
                "inference", "aws", ("g6.xlarge", "g5.xlarge"), 8, ("us-east-1",), is_zonal=False
            ),
        ),
    )


def test_an_empty_watchlist_wants_the_default_regions_and_all_feeds_that_are_on(
    tmp_path: Path,
) -> None:
    found = read_watchlist(written(tmp_path, ""), KNOWN)

    aws = KNOWN["aws"]
    assert found == Watchlist()
    assert found.regions_of(aws) == aws.default_regions
    assert {feed.name for feed in aws.feeds if not found.wants(feed)} == {
        feed.name for feed in aws.feeds if feed.opt_in
    }


def test_the_users_word_turns_a_feed_on_or_off(tmp_path: Path) -> None:
    text = "feeds: {aws.website_spot: true, aws.spot_advisor: false}"
    found = read_watchlist(written(tmp_path, text), KNOWN)

    wanted = {feed.name: found.wants(feed) for feed in KNOWN["aws"].feeds}
    assert (wanted["aws.website_spot"], wanted["aws.spot_advisor"]) == (True, False)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("regions: [a", "is no YAML"),
        ("just words", "holds 'just words', not the fields"),
        ("region: {}", "the watchlist: unknown region; known are feeds, instance_types"),
        ("regions: {asw: [us-east-1]}", "regions: unknown asw; known are alibaba, aws"),
        ("regions: {aws: us-east-1}", "aws is 'us-east-1', not a list of texts"),
        ("instance_types: g6.xlarge", "instance_types is 'g6.xlarge', not a list of texts"),
        ("feeds: {aws.spot: on}", "feeds: unknown aws.spot"),
        ("feeds: {aws.spot_advisor: maybe}", "aws.spot_advisor is 'maybe'; write on or off"),
        ("profiles: {}", "profiles is {}, not a list"),
        ("profiles: [x]", "profile 1 is 'x', not fields"),
        ("profiles: [{name: a}]", "profile 1: missing 'provider'"),
        (
            "profiles: [{name: a, provider: aws, instance_types: [], count: 1}]",
            "profile 1: give a count of at least 1 and at least one instance type",
        ),
        (
            "profiles: [{name: a, provider: aws, instance_types: [x], count: many}]",
            "profile 1: count is 'many', not a number",
        ),
        (
            "profiles: [{name: a, provider: oz, instance_types: [x], count: 1}]",
            "profile 1: provider: unknown oz",
        ),
        (
            "profiles: [{name: a, provider: aws, instance_types: [x], count: 1, zonal: 2}]",
            "profile 1: zonal is 2, not true or false",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    path = written(tmp_path, text)

    with pytest.raises(WatchlistError) as caught:
        read_watchlist(path, KNOWN)

    assert str(caught.value).startswith(f"{path}: ")
    assert complaint in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(WatchlistError, match="No such file"):
        read_watchlist(tmp_path / "none.yaml", KNOWN)


def test_equal_requests_have_one_fingerprint_whatever_they_are_called() -> None:
    one = WorkloadProfile("a", "aws", ("g6.xlarge",), 8)

    assert one.fingerprint == WorkloadProfile("b", "aws", ("g6.xlarge",), 8).fingerprint
    assert one.fingerprint != WorkloadProfile("a", "aws", ("g6.xlarge",), 9).fingerprint
