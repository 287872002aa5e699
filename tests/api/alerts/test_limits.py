"""What the figures of alerts are held against."""

from datetime import timedelta

import pytest

from api.alerts.limits import Limit, Unit, limit_of
from api.config.alerts import AlertsSection

RULES = AlertsSection().rules
FIGURES = {
    "risk": Limit(Unit.SHARE, 0.15),
    "price": Limit(Unit.TIMES, 1.5),
    "feed_late": Limit(Unit.SECONDS, 7_200),
    "feed_failing": Limit(Unit.COUNT, 3),
    "feed_quarantined": None,
    "forecast": Limit(Unit.SECONDS, 3_600),
    "skill": Limit(Unit.SKILL, 0),
    "replacement_failed": None,
    "replacement_late": None,
    "replacement_stuck": Limit(Unit.SECONDS, 2_700),
    "job_failed": Limit(Unit.COUNT, None),
    "job_overdue": Limit(Unit.SECONDS, 0),
    "backup": Limit(Unit.SECONDS, 129_600),
    "message": Limit(Unit.COUNT, None),
}


@pytest.mark.parametrize("name", RULES)
def test_each_rule_has_the_limit_that_it_is_set_to(name: str) -> None:
    assert limit_of(RULES[name], timedelta(hours=1)) == FIGURES[name]


def test_the_limit_of_a_feed_that_nobody_knows_is_unknown() -> None:
    assert limit_of(RULES["feed_late"]) == Limit(Unit.SECONDS, None)


def test_a_price_that_is_compared_with_no_mean_has_no_limit() -> None:
    rule = AlertsSection.model_validate({"price": {"times_mean": 0}}).price

    assert limit_of(rule) == Limit(Unit.TIMES, None)
