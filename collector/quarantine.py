"""What is kept aside: the rows of a payload that told of far less than the last good one.

A region that vanishes from a list looks exactly like a region that is sold out. So a payload that
speaks of 30 % fewer pools than the last good one is not stored; its rows wait in a folder beside
the database, as Parquet, until a person accepts or discards them.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import polars as pl

from collector.errors import ShrunkError
from warehouse.tables import TABLES, Table

LARGEST_LOSS = 0.30
"""Share of the pools that may vanish from one good run to the next. Real lists grow; the largest
fall between two stored versions of the public catalogs, a retired family, was 4 %."""

RUN_FILE = "run.json"


@dataclass(frozen=True, slots=True)
class Held:
    """One payload kept aside: which run read it, how many pools it told of, and how many before."""

    run_id: str
    feed: str
    scope: str
    held_at: str
    pools: int
    pools_before: int


def check_loss(feed: str, pools: int, before: int | None) -> None:
    """Refuse a payload that tells of too few pools.

    Raises:
        ShrunkError: more than `LARGEST_LOSS` of ``before`` are gone.
    """
    if before and pools < before * (1 - LARGEST_LOSS):
        lost = 1 - pools / before
        raise ShrunkError(
            feed,
            f"tells of {pools:,} pools where the last good run told of {before:,} ({lost:.0%} "
            "fewer): kept aside, see `spotcast quarantine`",
        )


class Quarantine:
    """The folder of payloads kept aside, one folder each, named by its run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def hold(
        self,
        run_id: UUID,
        feed: str,
        scope: str,
        frames: Sequence[tuple[Table, pl.DataFrame]],
        *,
        pools: int,
        before: int,
        now: datetime,
    ) -> None:
        """Keep the rows. The folder gets its name last, so that none is ever half there."""
        partial = self.folder / f".{run_id}"
        partial.mkdir(parents=True, exist_ok=True)
        for table, frame in frames:
            frame.write_parquet(partial / f"{table.name}.parquet")
        held = Held(str(run_id), feed, scope, now.isoformat(), pools, before)
        (partial / RUN_FILE).write_text(json.dumps(asdict(held), indent=2) + "\n")
        partial.rename(self.folder / str(run_id))

    def held(self) -> list[Held]:
        """All that is kept aside, oldest first."""
        found = [
            Held(**json.loads(path.read_text())) for path in self.folder.glob(f"[!.]*/{RUN_FILE}")
        ]
        return sorted(found, key=lambda one: (one.held_at, one.run_id))

    def frames(self, held: Held) -> list[tuple[Table, pl.DataFrame]]:
        """The rows of one payload, as they would have been stored."""
        paths = sorted((self.folder / held.run_id).glob("*.parquet"))
        return [(TABLES[path.stem], pl.read_parquet(path)) for path in paths]

    def discard(self, held: Held) -> None:
        """Forget one payload."""
        shutil.rmtree(self.folder / held.run_id)
