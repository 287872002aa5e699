"""Options that several commands share, in the users' words."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor import Demand, Policy
from api.output import Format
from api.units import duration_seconds, gib
from api.wiring import utc_now


def _size(text: str) -> float:
    try:
        return gib(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def moment(text: str) -> datetime:
    """A date, or how long ago, as a time in UTC.

    Raises:
        BadParameter: it is neither; says how to write one.
    """
    seconds = duration_seconds(text)
    try:
        if seconds is not None:
            return utc_now() - timedelta(seconds=seconds)
        given = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(
            f"{text!r} is no time: write a date such as 2026-11-01, or how long ago, such as 30d"
        ) from error
    return given if given.tzinfo else given.replace(tzinfo=UTC)


DEFAULT_RESTART = Demand().restart

MAKERS = ("nvidia", "amd", "any")


def _maker(text: str) -> str:
    if text.lower() not in MAKERS:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(MAKERS)}")
    return text.lower()


Provider = Annotated[
    str | None, typer.Option("--provider", "-p", help="Cloud: aws, alibaba, gcp or azure.")
]
Regions = Annotated[
    list[str] | None,
    typer.Option("--region", "-r", help="Region; may be repeated. `all` for every region."),
]
Watchlist = Annotated[
    Path | None,
    typer.Option(
        "--watchlist", help="What to read, as YAML. Default: SPOTCAST_WATCHLIST.", dir_okay=False
    ),
]
Zones = Annotated[
    list[str] | None, typer.Option("--zone", "-z", help="Zone id or name; may be repeated.")
]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", "-t", help="Instance type or pattern (`g5.*`); may be repeated."),
]
Gpus = Annotated[
    int | None, typer.Option("--gpus", "-g", min=0, help="Exactly this many GPUs; 0 for none.")
]
GpuModel = Annotated[
    str | None, typer.Option("--gpu-model", help="GPU model, such as L4 or `A100 80GB`.")
]
GpuManufacturer = Annotated[
    str,
    typer.Option(
        "--gpu-manufacturer", help="nvidia, amd or any.", metavar="MAKER", callback=_maker
    ),
]
GpuMemory = Annotated[
    float | None,
    typer.Option(
        "--gpu-memory-min", parser=_size, metavar="SIZE", help="Memory per GPU, `16 GiB`."
    ),
]
Vcpus = Annotated[float | None, typer.Option("--vcpus-min", min=0, help="Virtual CPUs.")]
Memory = Annotated[
    float | None,
    typer.Option("--memory-min", parser=_size, metavar="SIZE", help="Memory, `64 GiB`."),
]
Architecture = Annotated[str | None, typer.Option("--arch", help="amd64 or arm64.", metavar="ARCH")]
MaxPrice = Annotated[
    float | None, typer.Option("--max-price", min=0, help="USD per hour, at most.")
]
Limit = Annotated[
    int, typer.Option("--limit", "-n", min=0, help="Rows to show; 0 for all.", show_default=True)
]
Output = Annotated[Format, typer.Option("--output", "-o", help="How to write the answer.")]
Warehouse = Annotated[
    Path | None,
    typer.Option(
        "--warehouse", "-w", help="The database file; else SPOTCAST_WAREHOUSE, else the user's."
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The options by which offerings are asked for; the same for every command that asks."""

    provider: Provider = None
    region: Regions = None
    zone: Zones = None
    type: Types = None
    gpus: Gpus = None
    gpu_model: GpuModel = None
    gpu_manufacturer: GpuManufacturer = "nvidia"
    gpu_memory_min: GpuMemory = None
    vcpus_min: Vcpus = None
    memory_min: Memory = None
    arch: Architecture = None
    max_price: MaxPrice = None
    warehouse: Warehouse = None

    @property
    def regions(self) -> list[str] | None:
        """The regions asked for; None for all."""
        return None if not self.region or "all" in self.region else self.region

    @property
    def policy(self) -> Policy:
        """What the user accepts."""
        return Policy(
            zones=tuple(self.zone or ()),
            types=tuple(self.type or ()),
            max_usd_per_hour=self.max_price,
        )

    def demand(
        self, *, restart: timedelta | None = None, interruption_cost_usd: float = 0.0
    ) -> Demand:
        """What is asked of a machine."""
        return Demand(
            gpus=self.gpus,
            gpu_model=self.gpu_model,
            gpu_manufacturer=None if self.gpu_manufacturer == "any" else self.gpu_manufacturer,
            gpu_memory_min_gib=self.gpu_memory_min,
            vcpus_min=self.vcpus_min,
            memory_min_gib=self.memory_min,
            architecture=self.arch,
            restart=DEFAULT_RESTART if restart is None else restart,
            interruption_cost_usd=interruption_cost_usd,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedChoice:
    """The options by which feeds are chosen; the same for every command that reads them."""

    provider: Annotated[
        list[str] | None,
        typer.Option(
            "--provider", "-p", help="Cloud, or `public` for all without account; repeatable."
        ),
    ] = None
    feed: Annotated[
        list[str] | None,
        typer.Option("--feed", "-f", help="Feed by name (aws.spot_advisor); may be repeated."),
    ] = None
    region: Annotated[
        list[str] | None,
        typer.Option("--region", "-r", help="Region, before the watchlist's; may be repeated."),
    ] = None
    instance_type: Annotated[
        list[str] | None,
        typer.Option("--type", "-t", help="Instance type to watch, for feeds asked per type."),
    ] = None
    replay: Annotated[
        Path | None,
        typer.Option(
            help="Answer every request from a folder of recorded payloads instead of the cloud.",
            exists=True,
            file_okay=False,
        ),
    ] = None
    watchlist: Watchlist = None
    warehouse: Warehouse = None


def with_filters(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command whose first argument is `Filters` one option per field of it."""
    return with_fields(Filters)(command)


def with_fields(kind: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command whose first argument is the dataclass ``kind`` one option per field of it.

    typer reads a function's signature; this writes the one it should read, what must be given
    first.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command).parameters.values())[1:]
        fields = inspect.signature(kind).parameters.values()

        @functools.wraps(command)
        def run(**given: Any) -> None:
            asked = kind(**{one.name: given.pop(one.name) for one in fields})
            command(asked, **given)

        every = [*fields, *(one.replace(kind=one.KEYWORD_ONLY) for one in own)]
        parameters = sorted(every, key=lambda one: one.default is not one.empty)
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # a function's own slot
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return decorate
