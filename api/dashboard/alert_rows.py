"""Alerts as their page shows them: what each is about, its figure and limit, its reason's page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from api.alerts.judging import State
from api.alerts.limits import Unit
from api.dashboard.facts import Fact, Facts
from api.dashboard.figures import Figures
from api.dashboard.language import Words
from api.dashboard.rows import link_of
from api.dashboard.site import path_of
from api.service.alerts import AlertOut

TONES = {
    State.FIRING: "is-bad",
    State.PENDING: "is-warning",
    State.RESOLVED: "is-good",
    State.UNKNOWN: "is-unknown",
}
SEVERITIES = {"critical": "is-bad", "warning": "is-warning"}

OPEN = (State.FIRING, State.PENDING)
"""What has begun and has not ended."""

Offered = frozenset[tuple[str, str, str]]
"""The clouds, regions and instance types that have a page."""

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert, laid out."""

    one: AlertOut
    anchor: str
    rule: str
    head: str
    """What it is about."""
    place: str
    """Where that is; may be empty."""
    link: str | None
    """The page that shows the reason."""
    state: str
    tone: str
    severity: str
    severity_tone: str
    value: Fact | None
    limit: str | None
    since: Fact | None
    seen: Fact | None
    """When it was last looked at."""
    is_lost: bool
    """Whether it is open and could not be judged then."""


class AlertRows:
    """Lays out alerts for one reader, told at ``now`` of a look at ``looked_at``."""

    def __init__(
        self,
        words: Words,
        now: datetime,
        looked_at: datetime | None,
        offered: Offered,
        *,
        is_stale: bool,
    ) -> None:
        self._words, self._figures, self._now = words, Figures(words), now
        self._facts, self._offered = Facts(words, now), offered
        self._looked_at, self._is_stale = looked_at, is_stale

    def of(self, one: AlertOut) -> AlertRow:
        """All cells of an alert."""
        head, place = self._subject(one.labels)
        limit = self._limit(one)
        return AlertRow(
            one=one,
            anchor=f"alert-{one.fingerprint}",
            rule=self._words.of("rule", one.rule),
            head=head,
            place=place,
            link=reason_link(one.rule, one.labels, self._offered),
            state=self._words.of("alert_state", one.state.value),
            tone=TONES[one.state],
            severity=self._words.of("severity", one.severity),
            severity_tone=SEVERITIES.get(one.severity, ""),
            value=self._value(one, limit),
            limit=limit,
            since=self._since(one),
            seen=self._seen(),
            is_lost=one.state in OPEN and not one.is_known,
        )

    def figure(self, value: float | None, unit: Unit | None) -> str | None:
        """A value or a limit in its unit; None is unknown."""
        figures = self._figures
        if value is None or unit is None:
            return None
        match unit:
            case Unit.SHARE:
                return figures.share(value)
            case Unit.TIMES:
                return self._words("alerts.times", n=figures.number(value))
            case Unit.SECONDS:
                return figures.span(value)
            case Unit.COUNT:
                return figures.count(value)
            case Unit.SKILL:
                return figures.number(value, 3)

    def _limit(self, one: AlertOut) -> str | None:
        text = self.figure(one.limit, one.unit)
        if text is None or (one.limit == 0 and one.unit is Unit.SECONDS):
            # A job is due at its date, not so many seconds after it.
            return None
        is_least = one.unit is Unit.SKILL
        return self._words("alerts.at_least" if is_least else "alerts.limit", limit=text)

    def _value(self, one: AlertOut, limit: str | None) -> Fact | None:
        """The figure as of the last look, or as it was when it could last be judged."""
        at = None
        if one.state is State.RESOLVED:
            at = one.since
        elif one.is_known:
            at = self._looked_at
        return self._of(
            self.figure(one.value, one.unit),
            at,
            [(self._words("alerts.limit_line"), limit)] if limit else [],
            is_stale=self._is_stale or not one.is_known,
        )

    def _since(self, one: AlertOut) -> Fact | None:
        words, figures = self._words, self._figures
        told = figures.at(one.told_at) or words("alerts.told_nobody")
        lines = [(words("alerts.entered_line"), str(figures.at(one.since)))]
        if one.began_at:
            lines.append((words("alerts.began_line"), str(figures.at(one.began_at))))
        if one.state in OPEN:
            lines.append((words("alerts.told_line"), told))
        begun = one.began_at if one.state in OPEN and one.began_at else one.since
        age = figures.ago(self._now - begun)
        return self._of(age, self._looked_at, lines, is_stale=self._is_stale)

    def _seen(self) -> Fact | None:
        if self._looked_at is None:
            return None
        age = self._figures.ago(self._now - self._looked_at)
        return self._of(age, self._looked_at, [], is_stale=self._is_stale)

    def _of(
        self,
        text: str | None,
        at: datetime | None,
        more: list[tuple[str, str]],
        *,
        is_stale: bool,
    ) -> Fact | None:
        source = self._words("alerts.source")
        return self._facts.of(text, source=source, at=at, is_stale=is_stale, more=more)

    def _subject(self, labels: Labels) -> tuple[str, str]:
        """What an alert is about, and where that is."""
        words = self._words
        cloud = words.of("cloud", labels.get("provider", ""))
        match labels:
            case {"instance_type": name, "region": region, "zone": zone}:
                place = words("zone.whole") if zone == "*" else zone
                return name, f"{cloud} · {region} · {place}"
            case {"feed": name, "scope": scope}:
                return name, words("overview.all_regions") if scope == "*" else scope
            case {"made_from": kind, "horizon_seconds": seconds}:
                within = words("window.within", span=self._figures.horizon(float(seconds)))
                return cloud, f"{words.of('evidence', kind)} · {within}"
            case {"provider": _}:
                return cloud, ""
            case _:
                return self._own(labels)

    def _own(self, labels: Labels) -> tuple[str, str]:
        """The same of what is the user's own, and of a rule as a whole."""
        words = self._words
        match labels:
            case {"node": node, "replacement_id": name}:
                return node, name
            case {"job": name}:
                return name, words.of("job", name)
            case {"channel": name}:
                return name, words("alerts.channel")
            case {"of": "database"}:
                return words("alerts.database"), ""
            case _:
                return words("alerts.all"), ""


def reason_link(rule: str, labels: Labels, offered: Offered) -> str | None:
    """The page that shows why an alert stands as it does; None if there is none."""
    match labels:
        case {"instance_type": name, "region": region, "provider": provider}:
            if (provider, region, name) in offered:
                return link_of(provider, name, region)
            return path_of("/risk", {"provider": provider, "region": region})
        case {"feed": _}:
            return "/#feeds"
        case {"replacement_id": name}:
            return path_of("/nodes", {"replacement": name})
        case {"job": name}:
            return f"#job-{name}"
        case {"channel": _}:
            return "#messages"
        case {"made_from": kind, "provider": provider}:
            return path_of("/verification", {"evidence_kind": kind, "provider": provider})
        case _:
            return RULE_LINKS.get(rule)


RULE_LINKS = {
    "risk": "/risk",
    "price": "/search",
    "feed_late": "/#feeds",
    "feed_failing": "/#feeds",
    "feed_quarantined": "/#feeds",
    "forecast": "/#skill",
    "skill": "/verification",
    "replacement_failed": "/nodes",
    "replacement_late": "/nodes",
    "replacement_stuck": "/nodes",
    "job_failed": "#jobs",
    "job_overdue": "#jobs",
    "backup": "#job-backup",
    "message": "#messages",
}
"""Where the reason of an alert is that names no thing of a page of its own."""
