"""Options that several commands share, in the users' words."""

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor import Demand, Policy, Work
from advisor.demand_file import read_demand
from advisor.gpus import FORMATS
from advisor.units import duration, gib, gigabytes
from api.errors import UsageError
from api.output import Format
from api.wiring import utc_now

PARAMETERS = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[bBmM]?)")


def _size(text: str) -> float:
    try:
        return gib(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def size_gb(text: str) -> float:
    """The size of a model or an image in GB, such as ``65.5GB``.

    Raises:
        BadParameter: it is none; says how to write one.
    """
    try:
        return gigabytes(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def parameter_count(text: str) -> float:
    """How many parameters a model has, such as ``32.76B`` or ``560M``; a bare number is billions.

    Raises:
        BadParameter: it is none; says how to write one.
    """
    found = PARAMETERS.fullmatch(text.strip())
    count = float(found["number"]) * (1e6 if found["unit"].lower() == "m" else 1e9) if found else 0
    if not count:
        raise typer.BadParameter(f"{text!r} is no number of parameters: write 32.76B or 560M")
    return count


def moment(text: str) -> datetime:
    """A date, or how long ago, as a time in UTC.

    Raises:
        BadParameter: it is neither; says how to write one.
    """
    ago = duration(text)
    try:
        if ago is not None:
            return utc_now() - ago
        given = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(
            f"{text!r} is no time: write a date such as 2026-11-01, or how long ago, such as 30d"
        ) from error
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def span(text: str) -> timedelta:
    """A duration such as ``15m``.

    Raises:
        BadParameter: it is none; says how to write one.
    """
    found = duration(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no duration: write 90s, 15m, 6h or 2d")
    return found


def _format(text: str) -> str:
    if text.lower() not in FORMATS:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(FORMATS)}")
    return text.lower()


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
    str | None,
    typer.Option(
        "--gpu-manufacturer",
        help="nvidia, amd or any; nvidia if not given.",
        metavar="MAKER",
        parser=_maker,
    ),
]
GpuMemory = Annotated[
    float | None,
    typer.Option(
        "--gpu-memory-min", parser=_size, metavar="SIZE", help="Memory per GPU, `16 GiB`."
    ),
]
GpuMemoryTotal = Annotated[
    float | None,
    typer.Option(
        "--gpu-memory-total-min", parser=_size, metavar="SIZE", help="Memory of all GPUs together."
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        parser=_format,
        metavar="FORMAT",
        help=f"Number format in the GPU's hardware: {', '.join(FORMATS)}.",
    ),
]
NvLink = Annotated[bool, typer.Option("--nvlink", help="GPUs that are joined by NVLink.")]
TypesNot = Annotated[
    list[str] | None,
    typer.Option("--not-type", help="Instance type or pattern to leave out; may be repeated."),
]
DemandFile = Annotated[
    Path | None,
    typer.Option(
        "--demand",
        help="Demand and policy as YAML; options that are given as well go before it.",
        exists=True,
        dir_okay=False,
    ),
]
Kubeconfig = Annotated[
    str | None,
    typer.Option(envvar="KUBECONFIG", help="Kubeconfig of the cluster.", show_envvar=True),
]
KubeContext = Annotated[
    str | None,
    typer.Option(
        "--context",
        envvar="SPOTCAST_KUBE_CONTEXT",
        help="Context of the kubeconfig, if not the current one.",
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


def demand_in(path: Path | None) -> tuple[Demand, Policy]:
    """Demand and policy of a file; those that ask for nothing without one.

    Raises:
        UsageError: the file cannot be read.
        DemandError: what it asks for cannot be.
    """
    if path is None:
        return Demand(), Policy()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    return read_demand(text, str(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The options by which offerings are asked for; the same for every command that asks."""

    provider: Provider = None
    region: Regions = None
    zone: Zones = None
    type: Types = None
    not_type: TypesNot = None
    gpus: Gpus = None
    gpu_model: GpuModel = None
    gpu_manufacturer: GpuManufacturer = None
    gpu_memory_min: GpuMemory = None
    gpu_memory_total_min: GpuMemoryTotal = None
    precision: Precision = None
    nvlink: NvLink = False
    vcpus_min: Vcpus = None
    memory_min: Memory = None
    arch: Architecture = None
    max_price: MaxPrice = None
    demand_file: DemandFile = None
    warehouse: Warehouse = None

    @property
    def regions(self) -> list[str] | None:
        """The regions asked for; None for all."""
        return list(self.policy.regions) or None

    @property
    def policy(self) -> Policy:
        """What the user accepts: the file's policy, and what was given as an option."""
        regions = () if not self.region or "all" in self.region else tuple(self.region)
        given = {
            "providers": (self.provider,) if self.provider else (),
            "regions": regions,
            "zones": tuple(self.zone or ()),
            "types": tuple(self.type or ()),
            "types_not": tuple(self.not_type or ()),
        }
        chosen: dict[str, Any] = {name: value for name, value in given.items() if value}
        if self.region and not regions:
            chosen["regions"] = ()
        if self.max_price is not None:
            chosen["max_usd_per_hour"] = self.max_price
        return replace(self._read()[1], **chosen)

    def demand(self) -> Demand:
        """What is asked of a machine: the file's demand, and what was given as an option.

        Raises:
            DemandError: it contradicts itself, or the file cannot be read.
        """
        given = {
            "gpus": self.gpus,
            "gpu_model": self.gpu_model,
            "gpu_memory_min_gib": self.gpu_memory_min,
            "gpu_memory_total_min_gib": self.gpu_memory_total_min,
            "precision": self.precision,
            "nvlink": self.nvlink or None,
            "vcpus_min": self.vcpus_min,
            "memory_min_gib": self.memory_min,
            "architecture": self.arch,
            **self._costs(),
        }
        chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if self.gpu_manufacturer is not None:
            maker = self.gpu_manufacturer
            chosen["gpu_manufacturer"] = None if maker == "any" else maker
        return replace(self._read()[0], **chosen)

    def _costs(self) -> dict[str, Any]:
        """What else was said of the workload; by field of `Demand`."""
        return {}

    def _read(self) -> tuple[Demand, Policy]:
        return demand_in(self.demand_file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload(Filters):
    """The same, with what an interruption costs the workload; for every command that ranks."""

    restart_minutes: Annotated[
        float | None,
        typer.Option(
            min=0, help="Work and start-up time that one interruption costs; 15 if not given."
        ),
    ] = None
    interruption_cost: Annotated[
        float | None, typer.Option(min=0, help="USD that one interruption costs beside that.")
    ] = None
    lead_time: Annotated[
        timedelta | None,
        typer.Option(
            parser=span,
            metavar="TIME",
            help="From asking for a machine to serving on it; the restart's time if not given.",
        ),
    ] = None
    runs_for: Annotated[
        timedelta | None,
        typer.Option(parser=span, metavar="TIME", help="How long a job runs; none for a service."),
    ] = None
    per: Annotated[
        Work | None,
        typer.Option(
            help="Compare costs per hour, or per unit of the GPUs' peak compute or bandwidth."
        ),
    ] = None

    def _costs(self) -> dict[str, Any]:
        minutes = self.restart_minutes
        return {
            "restart": None if minutes is None else timedelta(minutes=minutes),
            "interruption_cost_usd": self.interruption_cost,
            "lead_time": self.lead_time,
            "runs_for": self.runs_for,
            "work": self.per,
        }


def with_filters(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command whose first argument is `Filters` one option per field of it."""
    return with_fields(Filters)(command)


def with_workload(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command whose first argument is `Workload` one option per field of it."""
    return with_fields(Workload)(command)


def with_fields(*kinds: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command whose first arguments are these dataclasses one option per field of them.

    A field that two of them have is one option. typer reads a function's signature; this writes
    the one it should read, what must be given first.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command).parameters.values())[len(kinds) :]
        of_kind = [inspect.signature(kind).parameters for kind in kinds]
        fields = {name: one for several in of_kind for name, one in several.items()}

        @functools.wraps(command)
        def run(**given: Any) -> None:
            asked = [
                kind(**{name: given[name] for name in names})
                for kind, names in zip(kinds, of_kind, strict=True)
            ]
            command(*asked, **{name: it for name, it in given.items() if name not in fields})

        every = [*fields.values(), *(one.replace(kind=one.KEYWORD_ONLY) for one in own)]
        parameters = sorted(every, key=lambda one: one.default is not one.empty)
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # a function's own slot
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return decorate
