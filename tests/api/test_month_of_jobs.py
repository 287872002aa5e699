"""All jobs as they are, with receivers that fail half of the time and a kill each day.

`make month` lives through a month of them; other runs through some days.
"""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

import numpy as np

from api.config.document import parsed
from api.config.reading import configured
from api.delivery.notice import Notice, message_id
from api.errors import NoAnswerError
from api.job_work import Detail, Job, Work
from api.jobs import JOBS
from api.reports.market.asked import span_of
from api.reports.market.document import Period
from api.settings import Settings, settings_from
from tests.api.test_jobs_month import check
from tests.support.cli import fill
from tests.support.jobs import START, World
from tests.support.market import a_pool, a_price, a_shape, a_signal
from tests.support.receivers import Fault, hook, mail_server
from warehouse.store import Warehouse

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DAYS = int(os.environ.get("MONTH_DAYS", "3"))
KILLS = DAYS
STATE = "select state from message where message_id = $id"
REPORTS = "select message_id, channel, state from message where kind = 'report'"

FILE = """
[warehouse]
path = "desk.duckdb"
[reports]
channels = ["mail", "hook"]
forms = ["json"]
[alerts]
channels = ["hook"]
[channels.mail]
kind = "smtp"
host = "127.0.0.1"
port = {mail}
security = "none"
sender = "desk@example.com"
to = ["ops@example.com"]
timeout_seconds = 5
[channels.hook]
kind = "webhook"
url = "http://127.0.0.1:{hook}/in"
timeout_seconds = 5
[jobs]
forecast = "7 */8 * * *"
alerts = "23 */6 * * *"
deliver = "5 * * * *"
"""
"""Not by the minute: a month is of more than a thousand runs as it is."""


@dataclass(slots=True)
class RealWorld(World):
    """Jobs do what they do; some take a while after it, and some fail before."""

    def _work_of(self, job: Job) -> Callable[[Work], Detail]:
        def work(given: Work) -> Detail:
            began = self.now
            self.step()
            if self.random.random() < self.share_failing:
                raise NoAnswerError("the disk was away")
            detail = job.work(given)
            self.step()
            if not job.is_quick:
                self.dates.run_until(self.now + timedelta(minutes=int(self.random.choice([0, 3]))))
                self.away.append((began, self.now))
            return detail

        return work


def settings_at(folder: Path, mail: int, post: int) -> Settings:
    text = FILE.format(mail=mail, hook=post)
    return settings_from({}, configured(parsed(folder / "spotcast.toml", text.encode()), {}))


def wanted(world: World) -> set[str]:
    """The ids of the messages of every report that was due, as their receivers know them."""
    found = set[str]()
    for name, period in (("report_daily", Period.DAILY), ("report_weekly", Period.WEEKLY)):
        rows = world.warehouse.rows(
            "select due_at from job_run where job = $job and outcome = 'ok'", {"job": name}
        )
        assert len(rows) >= DAYS // (7 if period is Period.WEEKLY else 1) * 0.8
        for (due_at,) in rows:
            key = f"spotcast-{period.value}-{span_of(period, due_at).end:%Y-%m-%d}"
            told = Notice(kind="report", key=key, title="", text="", at=due_at)
            for channel, section in world.settings.channels.items():
                found |= {message_id(told, channel, one) for one in section.receivers}
    return found


def test_every_report_is_accepted_and_none_after_its_acceptance(
    tmp_path: Path,
) -> None:
    chance = Random(11)  # noqa: S311 - a test's dice
    after_the_end: list[str] = []
    faults = Counter[Fault | None]()
    cut = Counter[str]()
    path = tmp_path / "desk.duckdb"
    fill(
        path,
        a_shape("m7i.large", gpu_name=None, gpu_count=0, gpu_memory_gib=None),
        # Before the days of the first weekly report too: else it would not be made.
        a_price(0.03, a_pool("m7i.large"), START - 9 * DAY),
        a_price(0.03, a_pool("m7i.large"), START - HOUR),
        a_signal(0.05, 0.10, pool=a_pool("m7i.large", zone="*"), observed_at=START - HOUR),
    )
    with Warehouse.open(path) as warehouse:

        def behave(name: str) -> Fault | None:
            if warehouse.rows(STATE, {"id": name}) == [("accepted",)]:
                after_the_end.append(name)
            fault: Fault | None = chance.choice([*[None] * 5, *Fault])
            faults[fault] += 1
            cut[name] += fault is Fault.CUT
            return fault

        with mail_server(behave) as mail, hook(behave) as post:
            settings = settings_at(tmp_path, mail.port, post.port)
            world = RealWorld(warehouse, np.random.default_rng(5), settings, JOBS)
            for number in range(KILLS):
                at = START + number * DAY * DAYS / KILLS
                world.kill_after(max(at, world.now + HOUR), chance.randrange(12))
                world.live_until(world.now + 400 * DAY)
            world.share_failing = 0.0
            # Whatever waits for its receiver is tried each hour until he has it.
            world.live_until(max(world.now, START + DAYS * DAY) + 2 * DAY)
            check(world)
            states = {one: state for one, _, state in warehouse.rows(REPORTS)}
            arrived = Counter(mail.ids + post.ids)
            due = wanted(world)

    assert world.kills == KILLS
    assert set(states) == due
    assert set(states.values()) == {"accepted"}
    assert due <= set(arrived)
    assert not after_the_end
    repeats = Counter({one: number - 1 for one, number in arrived.items() if number > 1})
    assert all(number <= cut[one] + world.kills for one, number in repeats.items())
    assert repeats.total() <= cut.total() + world.kills
    assert sum(number for fault, number in faults.items() if fault) > 0.35 * faults.total()
