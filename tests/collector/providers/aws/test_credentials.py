"""What is said to be missing for AWS: told from variables and files alone."""

from pathlib import Path

import pytest

from collector.providers.aws import PROVIDER
from collector.providers.aws.credentials import INSTRUCTIONS, missing


@pytest.mark.parametrize(
    "environ",
    [
        {"AWS_PROFILE": "spot"},
        {"AWS_DEFAULT_PROFILE": "spot"},
        {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"},
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": "arn:aws:iam::1:role/spot"},
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/1"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials"},
    ],
)
def test_each_way_to_give_credentials_is_enough(environ: dict[str, str]) -> None:
    assert missing(environ) == []


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"HOME": "/nowhere"},
        {"AWS_PROFILE": " "},
        {"AWS_ACCESS_KEY_ID": "id"},
        {"AWS_ROLE_ARN": "arn:aws:iam::1:role/spot"},
        {"AWS_CONFIG_FILE": "/nowhere/config"},
    ],
)
def test_less_than_that_is_told_in_words(environ: dict[str, str]) -> None:
    assert missing(environ) == [INSTRUCTIONS]


@pytest.mark.parametrize("name", ["credentials", "config"])
def test_a_file_in_the_home_is_enough(name: str, tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / name).touch()

    assert missing({"HOME": str(tmp_path)}) == []
    assert missing({"USERPROFILE": str(tmp_path)}) == []


@pytest.mark.parametrize("variable", ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"])
def test_a_file_that_was_moved_is_looked_for_where_it_is(variable: str, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    moved.touch()

    assert missing({variable: str(moved)}) == []
    assert missing({variable: "~/elsewhere", "HOME": str(tmp_path)}) == []


def test_only_the_feeds_of_an_account_need_one() -> None:
    needing = {feed.name: bool(feed.permissions) for feed in PROVIDER.feeds if feed.needs_account}

    assert needing == {
        "aws.spot_price_history": True,
        "aws.instance_types": True,
        "aws.instance_type_offerings": True,
        "aws.availability_zones": True,
        "aws.events": True,
        "aws.bid_evictions": True,
        "aws.instances": True,
        "aws.placement_scores": True,
        "aws.capacity_manager": True,
    }
