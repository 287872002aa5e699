"""A market with something on every page of the dashboard, and a server of it on loopback."""

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from socket import socket
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI

from advisor.replacement.records import DisruptionBudget, Evidence, EvidenceKind
from advisor.risk.verification import Verdict
from api.app import create_app
from api.guard.report import Mode
from api.security.principal import LocalAccess
from api.service.state import Service
from tests.support.duty import on_duty
from tests.support.guard import FakeGuardedCluster, a_cluster, a_forecast, a_node, foretell
from tests.support.guard_watch import Watch
from tests.support.market import NOW, a_pool, a_price, a_shape, a_signal
from tests.support.served import a_service
from warehouse.records import (
    AvailabilityTick,
    Interruption,
    InterruptionKind,
    OnDemandPrice,
    Pool,
    ProbeKind,
    Record,
    Replacement,
    RunOutcome,
)
from warehouse.replacements import Done, advance, note_done
from warehouse.runs import RunResult, begin_run, finish_run

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
"""What browsers are told with every page."""

G5 = [a_pool(zone=f"use1-az{number}") for number in (1, 4, 6)]
DRIVERS = '{"base": 0.0, "drivers": []}'
STEP = timedelta(minutes=20)
PROBED = timedelta(days=44)
"""How long it was probed: about as long as forecasts are scored for."""


def records() -> list[Record]:
    """Three zones of one type with a month of prices, other types, clouds, losses and probes."""
    return [*_market(), *_history(), *_losses(), *_probes()]


def _market() -> Iterator[Record]:
    yield a_shape("g5.xlarge")
    yield a_shape("g4dn.xlarge", gpu_name="T4", gpu_memory_gib=16)
    yield a_shape("m7i.large", gpu_name=None, gpu_count=0, gpu_memory_gib=None)
    yield a_shape("g2-standard-4", provider="gcp", gpu_name="L4", gpu_memory_gib=24)
    yield a_price(0.21, a_pool("g4dn.xlarge"))
    yield a_price(0.03, a_pool("m7i.large"))
    old = NOW - timedelta(days=9)
    gcp = a_pool("g2-standard-4", "us-central1-a", "us-central1", "gcp")
    yield a_price(0.28, gcp, old, source="gcp.catalog_weekly")
    for name, usd in (("g5.xlarge", 1.006), ("g4dn.xlarge", 0.526)):
        yield OnDemandPrice("aws", "us-east-1", name, NOW, usd, "USD", "list", NOW)
    yield a_signal(0.20, None, pool=a_pool("g4dn.xlarge", zone="*"))
    yield a_signal(0.05, 0.10)


def _history() -> Iterator[Record]:
    chance = np.random.default_rng(3)
    for number, pool in enumerate(G5):
        usd = 0.42 + 0.03 * number
        for hours in range(30 * 24, -1, -18):
            usd = float(np.clip(usd * (1 + chance.normal(0, 0.02)), 0.3, 0.9))
            yield a_price(round(usd, 4), pool, NOW - timedelta(hours=hours))


def _losses() -> Iterator[Record]:
    for number, kind in enumerate(InterruptionKind):
        yield Interruption(
            provider="aws",
            region="us-east-1",
            zone="use1-az4",
            instance_type="g5.xlarge",
            node="i-0abc",
            kind=kind,
            occurred_at=NOW - timedelta(days=2) + timedelta(minutes=2 * number),
            notice_seconds=120,
            source="aws.interruption_queue",
            observed_at=NOW - timedelta(days=2) + timedelta(minutes=2 * number),
        )


def _probes() -> Iterator[Record]:
    """Weeks of probes in one zone, down for an hour now and then."""
    chance = np.random.default_rng(5)
    down = 0
    for tick in range(PROBED.days * 24 * 3):
        down = 3 if down == 0 and chance.random() < 0.03 else max(0, down - 1)
        yield AvailabilityTick(
            trace_id="probe",
            tick=tick,
            provider="aws",
            region="us-east-1",
            zone="use1-az4",
            instance_type="g5.xlarge",
            probe_kind=ProbeKind.LAUNCH_PROBE,
            target_capacity=1,
            available=0 if down else 1,
            observed_at=NOW - PROBED + tick * STEP,
            observed_at_is_approximate=False,
            offset_seconds=tick * STEP.total_seconds(),
            spot_usd_per_hour=None,
            source="probe",
        )


def forecasts() -> list[dict[str, Any]]:
    """Forecasts every six hours for weeks in one zone, and new ones in another."""
    of_launches = {"made_from": "launch_probe", "drivers": DRIVERS}
    chances = {15: 0.03, 60: 0.11, 360: 0.5, 1440: 0.94}
    past = [
        a_forecast(minutes, probability, age=timedelta(hours=hours)) | of_launches
        for minutes, probability in chances.items()
        for hours in range(0, PROBED.days * 24, 6)
    ]
    elsewhere = [
        a_forecast(minutes, probability / 3, zone="use1-az6") | of_launches
        for minutes, probability in chances.items()
    ]
    return [*past, *elsewhere]


def a_guard(service: Service) -> Watch:
    """A cluster with a node that goes, one that a budget blocks, and one of unknown risk."""
    cluster: FakeGuardedCluster = a_cluster("node-a", "node-b")
    cluster.nodes["node-c"] = a_node("node-c", Pool("aws", "us-east-1", "use1-az9", "p5.48xlarge"))
    blocking = DisruptionBudget("default", "llm", 0)
    node = cluster.nodes["node-b"]
    pods = tuple(replace(pod, budgets=(blocking,)) for pod in node.pods)
    cluster.nodes["node-b"] = replace(node, pods=pods)
    takes_at = NOW + timedelta(seconds=110)
    cluster.said.append(Evidence("node-a", EvidenceKind.NOTICE, NOW, takes_at))
    watch = Watch(service, cluster, Mode.ADVISE, Verdict.SKILL)
    watch.look()
    return watch


def _run(service: Service) -> None:
    """A feed that is read, one that fails, and a replacement with its audit."""
    result = RunResult(RunOutcome.OK, rows_read=1200, rows_new=40, pools_read=900)
    failed = RunResult(RunOutcome.FAILED, error="it answered 503 three times")
    with service.writing() as warehouse:
        for feed, one in (("aws.spot_advisor", result), ("public.skypilot_aws", failed)):
            run = begin_run(warehouse, feed, "*", NOW - timedelta(minutes=12))
            finish_run(warehouse, run, one, NOW - timedelta(minutes=11))
        at, before = NOW - timedelta(hours=5), None
        for number, state in enumerate(("planned", "retiring", "draining", "done")):
            after = Replacement(
                "gone-1",
                at + timedelta(minutes=3 * number),
                state,
                "node-z",
                G5[1],
                "retire",
                "P(lost within 12 min) is 31%: replacing costs 0.05 USD, a loss 0.40 USD",
                None,
            )
            assert advance(warehouse, before, after)
            before = after
        note_done(warehouse, [Done("gone-1", at, "retire", "NodeClaim gpu-x7k2p", "done")])


@contextmanager
def a_full_service() -> Generator[Service]:
    """A service whose clock stands at `NOW`."""
    with a_service(*records()) as service:
        with service.writing() as warehouse:
            foretell(warehouse, *forecasts())
        _run(service)
        yield on_duty(replace(service, guard=a_guard(service)))


def app_of(service: Service) -> FastAPI:
    """Its application, for whoever is on this machine."""
    return create_app(service, LocalAccess())


class Announcing(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """As usual, and say so."""
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def listening(service: Service) -> Generator[str]:
    """The address of a server on loopback, which ends with the block."""
    config = uvicorn.Config(app_of(service), host="127.0.0.1", port=0, log_level="error", ws="none")
    server = Announcing(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert server.ready.wait(20)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
