"""``spotcast demo``: prices, a ranking and a NodePool, without an account and without setting up.

With a network it reads the public feeds; without one it simulates a market and says so loudly.
Either way it works on a database of its own, which is gone afterwards.
"""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.panel import Panel

from advisor.karpenter.nodepool import NodePoolSettings
from advisor.karpenter.nodepool import nodepool as render_nodepool
from advisor.simulation import SHAPES, MarketSettings, simulate
from api.answers import ask
from api.choices import TYPES, choose, explain
from api.commands.market import PRICED, RANKED, show
from api.manifest_files import write_manifests
from api.options import Filters
from api.output import Format, Manifest, note
from api.rows.offerings import Sort
from api.settings import Settings
from api.wiring import collect, live_connections, replay_connections, utc_now
from collector.provider import providers
from collector.watchlist import Watchlist
from warehouse.frames import frames_of
from warehouse.records import RunOutcome
from warehouse.store import Warehouse

PUBLIC_FEEDS = ("aws.website_spot", "aws.spot_advisor")
"""What can be read without an account and is small enough for a first look (about 4 MB)."""

SEED = 7
REGION = "us-east-1"
GPU_MEMORY_GIB = 16.0
ROWS = 12

SIMULATED = """\
SIMULATED MARKET. Every price, risk and event below is invented (seed {seed}); none is real.
Only the machine shapes are. Collect or import a real market before you decide anything."""

PUBLIC = """\
Public feeds of AWS, read just now: regional spot prices of its website and the published
interruption bands. Prices per zone need an account: see `spotcast providers`."""


def demo_command(
    context: typer.Context,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Simulate even if there is a network.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulated market.")] = SEED,
    replay: Annotated[
        Path | None,
        typer.Option(help="Take the public feeds from a folder of payloads.", exists=True),
    ] = None,
) -> None:
    """Show prices, a ranking of GPU offerings and a NodePool, on public or simulated data."""
    settings: Settings = context.obj
    with TemporaryDirectory(prefix="spotcast-demo-") as folder:
        path = Path(folder) / "demo.duckdb"
        real = not simulated and _collect_public(path, settings, replay)
        if not real:
            _simulate(path, seed, utc_now())
        banner = PUBLIC if real else SIMULATED.format(seed=seed)
        with _framed(banner, "green" if real else "red"):
            _walk_through(path, settings)


def _collect_public(path: Path, settings: Settings, replay: Path | None) -> bool:
    """Read the public feeds; False, and no trace of it, if any cannot be had."""
    known = providers()
    feeds = {feed.name: (one, feed) for one in known.values() for feed in one.feeds}
    reached = replay_connections(replay) if replay else live_connections(settings.environ)
    with reached as connections, Warehouse.open(path) as warehouse:
        reports = collect(
            warehouse,
            connections,
            [feeds[name] for name in PUBLIC_FEEDS],
            Watchlist(),
            attempts=1,
        )
        for report in reports:
            if report.result.outcome is not RunOutcome.OK:
                note(f"No public feeds ({report.result.error}): simulating a market instead.")
                break
        else:
            shapes = [shape.instance_type_at("public documentation", utc_now()) for shape in SHAPES]
            with warehouse.transaction():
                for table, frame in frames_of(warehouse, shapes):
                    warehouse.append(table, frame)
            return True
    path.unlink()
    return False


def _simulate(path: Path, seed: int, now: datetime) -> None:
    market = simulate(MarketSettings(), now=now, rng=np.random.default_rng(seed))
    with Warehouse.open(path) as warehouse, warehouse.transaction():
        for table, frame in market.frames():
            warehouse.append(table, frame)


@contextmanager
def _framed(banner: str, color: str) -> Generator[None]:
    """Say what the numbers are before and after they are shown."""
    console = Console()
    console.print(Panel(banner, border_style=color))
    yield
    console.print(Panel(banner, border_style=color))


def _walk_through(path: Path, settings: Settings) -> None:
    """The commands a user would give, each under the line that gives it."""
    gpu = Filters(gpus=1, gpu_memory_min=GPU_MEMORY_GIB, warehouse=path)
    wanted = '--gpus 1 --gpu-memory-min "16 GiB"'
    _say(f"spotcast price {wanted}")
    show(ask(settings, gpu, gpu.demand()), PRICED, Sort.PRICE, ROWS, Format.TABLE)

    here = Filters(
        provider="aws",
        region=[REGION],
        gpus=1,
        gpu_memory_min=GPU_MEMORY_GIB,
        arch="amd64",
        warehouse=path,
    )
    answer = ask(settings, here, here.demand())
    _say(f"spotcast rank --provider aws --region {REGION} --arch amd64 {wanted}")
    show(answer, RANKED, Sort.COST, ROWS, Format.TABLE)

    _say(f"spotcast nodepool --provider aws --region {REGION} {wanted}")
    choice = choose(answer, TYPES)
    nodepool = render_nodepool(
        [one.offering for one in choice.ranked],
        NodePoolSettings(name="gpu-spot", node_class="default"),
        choice.annotations(),
    )
    write_manifests([nodepool], Manifest.YAML)
    explain(choice)


def _say(command: str) -> None:
    Console(soft_wrap=True).print(f"\n$ {command}\n", style="bold", markup=False, highlight=False)
