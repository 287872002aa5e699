"""Section ``[alerts]``: what is told, how soon, and to whom."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from api.config.section import Section, setting

Severity = Literal["info", "warning", "critical"]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Pattern = Annotated[str, Field(min_length=1, max_length=200)]

MONTH_OF_MINUTES = 43_200.0
"""The longest time that a rule may take: 30 days."""


def _wait(minutes: float, why: str) -> Any:
    return setting(
        minutes,
        about="How long it must last before it fires; what ends sooner is never told.",
        unit="minutes",
        why=why,
        ge=0,
        le=MONTH_OF_MINUTES,
    )


def _severity(level: Severity, why: str) -> Any:
    return setting(level, about="info, warning or critical.", unit="", why=why)


class RuleSection(Section):
    """What every rule has."""

    enabled: bool = setting(
        True,
        about="Whether the rule is judged; false ends what it fires.",
        unit="true or false",
        why="a rule that lacks its data says unknown and tells nobody, so all may be on",
    )
    for_minutes: float = _wait(0, "what has happened has happened")
    severity: Severity = _severity("warning", "somebody should look today")
    channels: tuple[Name, ...] | None = setting(
        None,
        about="The channels it is told to.",
        unit="names of [channels]",
        why="none given: those of [alerts]",
        max_length=20,
    )


class PoolRuleSection(RuleSection):
    """A rule about pools, with those that it is about."""

    providers: tuple[Name, ...] = setting(
        (),
        about="Only these clouds.",
        unit="names",
        why="empty: all",
        max_length=20,
    )
    regions: tuple[Name, ...] = setting(
        (), about="Only these regions.", unit="names", why="empty: all", max_length=200
    )
    instance_types: tuple[Pattern, ...] = setting(
        (),
        about="Only these instance types.",
        unit="names or shell patterns, such as g5.*",
        why="empty: those of the watchlist, and those of machines that run",
        max_length=200,
    )


class RiskRule(PoolRuleSection):
    """A watched pool is likely to lose a machine before a replacement serves."""

    for_minutes: float = _wait(
        10, "two forecasts in a row: a single one moves with every probe that fails"
    )
    severity: Severity = _severity("critical", "a machine that serves may be gone within minutes")
    probability: float = setting(
        0.15,
        about="Fires above this probability that a machine of the pool is interrupted.",
        unit="share, 0 to 1",
        why="from there replacing ahead paid in the replay (docs/verification.md)",
        gt=0,
        lt=1,
    )
    lead_time_minutes: float = setting(
        60,
        about="Within what time; the shortest forecast that covers it is taken.",
        unit="minutes",
        why="a machine, its image and a model of some 100 GB serve within an hour",
        gt=0,
        le=1440,
    )
    needs_skill: bool = setting(
        True,
        about="Whether a forecast counts only if forecasts like it proved their skill.",
        unit="true or false",
        why="nothing of Spotcast acts on others; their risk is told as unknown",
    )


class PriceRule(PoolRuleSection):
    """The price of a watched pool has risen."""

    for_minutes: float = _wait(30, "AWS' prices move within minutes, and half of that goes back")
    times_mean: float = setting(
        1.5,
        about="Fires above so many times the pool's mean of the last 7 days; 0: never for that.",
        unit="times",
        why="AWS' prices move by a few percent a day, since 2017 by no auction",
        ge=0,
        le=1000,
    )
    on_demand_share: float = setting(
        0.9,
        about="Fires above this share of the list price on demand; 0: never for that.",
        unit="share",
        why="a tenth less than on demand does not pay for being interrupted",
        ge=0,
        le=10,
    )


class FeedLateRule(RuleSection):
    """A feed that is read by the clock has had no good run for twice its cadence."""

    for_minutes: float = _wait(5, "a run that is late and under way has ended by then")


class FeedFailingRule(RuleSection):
    """A feed has failed again and again."""

    failures: int = setting(
        3,
        about="Fires from so many failed runs since the last good one.",
        unit="runs",
        why="one failure is the network, three are the source or the credentials",
        ge=1,
        le=1000,
    )


class FeedQuarantinedRule(RuleSection):
    """The last answer of a feed was doubtful and was kept aside."""


class ForecastRule(RuleSection):
    """A cloud with prices has no forecast, or only old ones."""

    for_minutes: float = _wait(10, "a forecast that is being made is stored by then")
    max_age_minutes: float = setting(
        60,
        about="Fires if the newest forecast of a cloud is older.",
        unit="minutes",
        why="from there a forecast of the shortest horizon counts as stale everywhere",
        gt=0,
        le=MONTH_OF_MINUTES,
    )


class SkillRule(RuleSection):
    """Forecasts are worse than the plain rate of the past month."""

    for_minutes: float = _wait(60, "scores move with each outcome; they are made anew in 30 min")
    brier_skill: float = setting(
        0.0,
        about="Fires below this Brier skill over the reference, given enough outcomes.",
        unit="skill, below 1",
        why="below 0 the plain rate of the past is the better forecast",
        gt=-10,
        lt=1,
    )


class RecentRule(RuleSection):
    """A rule about what happened a short time ago."""

    within_hours: float = setting(
        24,
        about="For how long after it happened it fires.",
        unit="hours",
        why="somebody has looked within a day",
        gt=0,
        le=720,
    )


class ReplacementFailedRule(RecentRule):
    """A hand-over was given up."""

    severity: Severity = _severity("critical", "the node at risk still serves")


class ReplacementLateRule(RecentRule):
    """The cloud took a node before its hand-over was through."""

    severity: Severity = _severity("critical", "there was a gap in serving")


class ReplacementStuckRule(RuleSection):
    """A hand-over has not moved on."""

    max_minutes: float = setting(
        45,
        about="Fires if a hand-over has been in one state for longer.",
        unit="minutes",
        why="the guard gives each state up after 30 min at most, if it runs",
        gt=0,
        le=MONTH_OF_MINUTES,
    )


class JobFailedRule(RuleSection):
    """The last run of a job failed."""


class JobOverdueRule(RuleSection):
    """A job has not been begun though its date has passed."""

    for_minutes: float = _wait(
        60, "a job that fails is tried again within half an hour; one at a time is done"
    )


class BackupRule(RuleSection):
    """The newest backup is too old."""

    max_age_hours: float = setting(
        36,
        about="Fires if the last good backup is older.",
        unit="hours",
        why="one a day, and half a day to catch up",
        gt=0,
        le=8760,
    )


class MessageRule(RecentRule):
    """A message was given up: its channel did not accept it in time."""


class Silence(Section):
    """A time in which some alerts are held back: a maintenance, a known fault."""

    starts_at: AwareDatetime = setting(about="From when.", unit="time with its zone", why="")
    ends_at: AwareDatetime = setting(
        about="Until when; what still fires then is told.", unit="time with its zone", why=""
    )
    rules: tuple[Name, ...] = setting(
        (), about="Only these rules.", unit="names", why="empty: all", max_length=50
    )
    labels: dict[Name, Pattern] = setting(
        {},
        about="Only alerts whose labels are these.",
        unit='table, such as { region = "us-*" }',
        why="empty: all",
        max_length=20,
    )
    reason: str = setting(
        "", about="Why, for those who ask.", unit="sentence", why="", max_length=500
    )

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise ValueError("a silence ends after it starts: give a later ends_at")
        return self

    def holds(self, now: datetime) -> bool:
        """Whether it holds at that moment."""
        return self.starts_at <= now < self.ends_at


class AlertsSection(Section):
    """``[alerts]``: the rules."""

    channels: tuple[Name, ...] = setting(
        (),
        about="The channels that alerts are told to.",
        unit="names of [channels]",
        why="nobody is told before somebody says whom; `spotcast alerts` shows them all the same",
        max_length=20,
    )
    repeat_hours: float = setting(
        12,
        about="After this time what still fires is told again; 0: once only.",
        unit="hours",
        why="once in each working day and night",
        ge=0,
        le=720,
    )
    recover_minutes: float = setting(
        10,
        about="How long a thing must be well before its alert is resolved.",
        unit="minutes",
        why="what comes and goes is one alert, not one for each time",
        ge=0,
        le=MONTH_OF_MINUTES,
    )
    silences: tuple[Silence, ...] = setting(
        (),
        about="Times in which alerts are held back.",
        unit="[[alerts.silences]]",
        why="none",
        max_length=200,
    )
    risk: RiskRule = RiskRule()
    price: PriceRule = PriceRule()
    feed_late: FeedLateRule = FeedLateRule()
    feed_failing: FeedFailingRule = FeedFailingRule()
    feed_quarantined: FeedQuarantinedRule = FeedQuarantinedRule()
    forecast: ForecastRule = ForecastRule()
    skill: SkillRule = SkillRule()
    replacement_failed: ReplacementFailedRule = ReplacementFailedRule()
    replacement_late: ReplacementLateRule = ReplacementLateRule()
    replacement_stuck: ReplacementStuckRule = ReplacementStuckRule()
    job_failed: JobFailedRule = JobFailedRule()
    job_overdue: JobOverdueRule = JobOverdueRule()
    backup: BackupRule = BackupRule()
    message: MessageRule = MessageRule()

    @property
    def rules(self) -> dict[str, RuleSection]:
        """Every rule by its name."""
        found = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: one for name, one in found if isinstance(one, RuleSection)}

    @model_validator(mode="after")
    def _names_only_rules(self) -> Self:
        for silence in self.silences:
            if unknown := sorted(set(silence.rules) - self.rules.keys()):
                raise ValueError(
                    f"silences: there is no rule {', '.join(unknown)}; "
                    f"the rules are {', '.join(self.rules)}"
                )
        return self
