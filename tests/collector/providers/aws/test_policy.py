"""The policy that the page tells users to paste: all that the feeds need, and nothing else."""

import json
import re
from pathlib import Path

from collector.providers.aws import PROVIDER
from collector.providers.aws.refusals import ACTIONS

PAGE = Path(__file__).parents[4] / "docs" / "providers" / "aws.md"
OPTIONAL = {"ec2:DescribeRegions"}
"""It only tells a region that is not opted in from a wrong key."""


def allowed() -> dict[str, set[str]]:
    """What each statement of the page's policy allows, by the resource it is limited to."""
    blocks = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    (policy,) = [json.loads(block) for block in blocks if "Statement" in block]
    return {one["Resource"]: set(one["Action"]) for one in policy["Statement"]}


def test_the_policy_allows_what_the_feeds_need_and_no_more() -> None:
    needed = {action for feed in PROVIDER.feeds for action in feed.permissions}

    assert set().union(*allowed().values()) == needed | OPTIONAL


def test_only_the_queue_is_written_to() -> None:
    statements = allowed()
    reading = {one.partition(":")[2] for one in statements["*"]}

    assert all(one.startswith(("Describe", "Get", "Lookup")) for one in reading)
    assert {one for one in statements if one != "*"} == {
        "arn:aws:sqs:*:123456789012:spotcast-events"
    }


def test_a_refusal_names_an_action_of_the_policy() -> None:
    assert set(ACTIONS.values()) <= set().union(*allowed().values())


def test_each_pattern_on_the_page_is_json() -> None:
    blocks = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)

    assert len([json.loads(block) for block in blocks]) == 4
