"""The acceptance of the events: many messages, repeated and shuffled, and a consumer that dies.

moto's server holds the queue. The consumer is the feed itself over a database in a file.
"""

import json
import logging
import multiprocessing
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from moto import backends
from moto.core.utils import camelcase_to_underscores
from moto.server import ThreadedMotoServer
from moto.sqs import models
from moto.sqs.models import Queue, SQSBackend, sqs_backends

from collector.providers.aws.client import AwsConnection, EventQueues
from collector.providers.aws.events import FEED
from tests.support.aws import aws_at
from tests.support.loopback import run
from warehouse.store import Warehouse

REGION = "us-east-1"
ACCOUNT = "123456789012"
SEED = 20261123
QUEUES = 40
"""moto looks at every message of a queue for each receive: many short queues are faster."""
KILLS = 20

Key = tuple[str, str, datetime]
"""An interruption's machine, kind and time."""


@dataclass(frozen=True, slots=True)
class Told:
    """The messages' bodies in the order in which they are sent, and what they tell of."""

    bodies: list[str]
    keys: set[Key]


def told(messages: int, share_of_repeats: float = 0.25) -> Told:
    """Warnings of different machines, some of them twice, shuffled."""
    chance = random.Random(SEED)  # noqa: S311 - no secret
    distinct = int(messages * (1 - share_of_repeats))
    first = datetime(2026, 11, 23, 12, tzinfo=UTC)
    bodies, keys = [], set()
    for number in range(distinct):
        at = first + timedelta(seconds=number // 3)
        node = f"i-{number:017x}"
        bodies.append(warning(node, at, number))
        keys.add((node, "announced", at))
    bodies += chance.choices(bodies, k=messages - distinct)
    chance.shuffle(bodies)
    return Told(bodies, keys)


def warning(node: str, at: datetime, number: int) -> str:
    return json.dumps(
        {
            "id": f"{number:08x}",
            "detail-type": "EC2 Spot Instance Interruption Warning",
            "source": "aws.ec2",
            "time": at.isoformat(),
            "region": REGION,
            "detail": {"instance-id": node, "instance-action": "terminate"},
        }
    )


def account_at(url: str, names: list[str], most_per_run: int = 2_000) -> AwsConnection:
    """A connection to the queues of these names, whose messages stay hidden once taken."""
    urls = tuple(f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{one}" for one in names)
    queues = EventQueues(urls, wait_seconds=0, hidden_seconds=600, most_per_run=most_per_run)
    return AwsConnection(endpoint=lambda _: url, retries=0, queues=queues)


def always_valid(*_: object) -> bool:
    """That no message is old enough to be forgotten."""
    return True


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The URL of a moto server on a free port of this machine.

    For each message that comes or goes moto counts all that there are, again and again, only to
    look up another attribute of the queue: that takes minutes. Here it does not count, and does not
    ask whether a message is old enough to be forgotten. For each request it lists its own folder,
    and spells the names of attributes anew: here it does so once.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    modules = tuple(backends.list_of_moto_modules())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SQSBackend, "is_message_valid_based_on_retention_period", always_valid)
        patch.setattr(backends, "list_of_moto_modules", lambda: modules)
        patch.setattr(models, "camelcase_to_underscores", cache(camelcase_to_underscores))
        for count in ("", "_delayed", "_not_visible"):
            patch.setattr(Queue, f"approximate_number_of_messages{count}", 0)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


def send(account: AwsConnection, name: str, bodies: list[str]) -> None:
    """Make the queue over the wire, and fill it from inside moto, which is faster."""
    account.sqs(REGION).create_queue(QueueName=name)
    for body in bodies:
        sqs_backends[ACCOUNT][REGION].send_message(name, body)


def left(queue: str) -> list[Any]:
    """The messages that are still in the queue, hidden ones too."""
    return sqs_backends[ACCOUNT][REGION].queues[queue]._messages  # noqa: SLF001 - hidden to clients


def stored(warehouse: Warehouse) -> list[Key]:
    return warehouse.rows("select node, kind, occurred_at from interruption")


def consume(url: str, path: Path) -> None:
    """What dies: run the feed again and again, until nothing comes."""
    account = account_at(url, ["killed"], most_per_run=30)
    with (
        Warehouse.open(path) as warehouse,
        aws_at(url, "*", connections={"aws": account}) as source,
    ):
        drain(warehouse, source)


def drain(warehouse: Warehouse, source: Any) -> int:
    """Run the feed until a run reads nothing; how many runs that took."""
    runs = 0
    while True:
        source.progress.after_stored.clear()
        result = run(warehouse, FEED, source).result
        assert result.error is None
        runs += 1
        if not result.rows_read:
            return runs


def test_ten_thousand_messages_give_each_interruption_once(moto: str) -> None:
    sent = told(10_000)
    names = [f"queue-{number}" for number in range(QUEUES)]
    account = account_at(moto, names)
    for place, name in enumerate(names):
        send(account, name, sent.bodies[place::QUEUES])
    with (
        Warehouse.in_memory() as warehouse,
        aws_at(moto, "*", connections={"aws": account}) as source,
    ):
        drain(warehouse, source)
        found = stored(warehouse)

    assert len(found) == len(sent.keys) == 7_500
    assert set(found) == sent.keys
    assert [len(left(name)) for name in names] == [0] * QUEUES


def moved(name: str) -> int:
    """How many times moto gave a message of the queue, and how many it deleted."""
    queue = sqs_backends[ACCOUNT][REGION].queues[name]
    given = sum(int(one.approximate_receive_count) for one in left(name))
    return given + len(queue.deleted_messages)


def killed_after(url: str, path: Path, messages: int) -> int | None:
    """Let a consumer run until so many messages came or went, and kill it; its exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    child = context.Process(target=consume, args=(url, path))
    before = moved("killed")
    child.start()
    while child.is_alive() and moved("killed") < before + messages:
        child.join(0.002)
    child.kill()
    child.join()
    return child.exitcode


def test_a_consumer_that_is_killed_twenty_times_loses_none(moto: str, tmp_path: Path) -> None:
    sent = told(1_500)
    account = account_at(moto, ["killed"])
    send(account, "killed", sent.bodies)
    chance = random.Random(SEED)  # noqa: S311 - no secret
    path = tmp_path / "spotcast.duckdb"
    codes = []
    for _ in range(KILLS):
        # Up to three runs of thirty messages, taken and deleted: within a run, or between two.
        code = killed_after(moto, path, chance.randint(0, 120))
        for message in left("killed"):
            message.change_visibility(0)
        codes.append(code)
    with (
        Warehouse.open(path) as warehouse,
        aws_at(moto, "*", connections={"aws": account}) as source,
    ):
        drain(warehouse, source)
        found = stored(warehouse)

    assert codes == [-signal.SIGKILL] * KILLS
    assert len(found) == len(sent.keys)
    assert set(found) == sent.keys
    assert left("killed") == []
