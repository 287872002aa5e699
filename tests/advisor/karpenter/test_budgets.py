"""Disruption budgets: what a person writes, and what Karpenter would refuse or misread."""

import pytest

from advisor.errors import ManifestError
from advisor.karpenter.budgets import DisruptionBudget, budget


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10%", DisruptionBudget("10%")),
        ("1; reasons=Drifted", DisruptionBudget("1", ("Drifted",))),
        (
            "0; schedule=0 8 * * mon-fri; duration=10h; reasons=Drifted, Empty",
            DisruptionBudget("0", ("Drifted", "Empty"), "0 8 * * mon-fri", "10h"),
        ),
        ("5;schedule=@daily;duration=1h30m", DisruptionBudget("5", (), "@daily", "1h30m")),
    ],
)
def test_a_budget_is_read_from_one_line(text: str, expected: DisruptionBudget) -> None:
    assert budget(text) == expected


def test_a_budget_with_hours_is_written_with_both_fields() -> None:
    assert budget("0; schedule=@daily; duration=8h").as_manifest() == {
        "nodes": "0",
        "schedule": "@daily",
        "duration": "8h",
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "neither a number nor"),
        ("101%", "neither a number nor"),
        ("1; Drifted", "'Drifted' is not understood"),
        ("1; reasons=Drifted; reasons=Empty", "is not understood"),
        ("1; colour=red", "is not understood"),
        ("1; reasons=Spot", "Spot is none of Underutilized, Empty, Drifted"),
        ("1; schedule=@daily", "a schedule and a duration go together"),
        ("1; duration=8h", "a schedule and a duration go together"),
        ("1; schedule=@daily; duration=8d", "'8d' is no duration"),
        ("1; schedule=@often; duration=8h", "has 1 fields, not five"),
        ("1; schedule=0 8 * *; duration=8h", "has 4 fields, not five"),
    ],
)
def test_a_line_that_is_no_budget_is_refused_with_the_reason(text: str, complaint: str) -> None:
    with pytest.raises(ManifestError, match=complaint):
        budget(text)


@pytest.mark.parametrize(
    "schedule",
    ["0 8 * * *", "*/5 0-6,22 1,15 JAN-mar Sun", "59 23 31 12 6", "@hourly", "? ? ? ? ?"],
)
def test_schedules_that_the_parser_knows_are_taken(schedule: str) -> None:
    assert DisruptionBudget("1", (), schedule, "1h").schedule == schedule


@pytest.mark.parametrize(
    "schedule",
    [
        *("60 8 * * *", "0 24 * * *", "0 0 0 * *", "0 0 32 * *", "0 0 * 13 *", "0 0 * * 7"),
        *("a b c d e", "9-5 * * * *", "*/0 * * * *", "1- * * * *", "mon * * * *", ", * * * *"),
        "1,,2 * * * *",
    ],
)
def test_a_schedule_that_karpenter_cannot_read_is_refused(schedule: str) -> None:
    with pytest.raises(ManifestError, match="is not within"):
        DisruptionBudget("1", (), schedule, "1h")
