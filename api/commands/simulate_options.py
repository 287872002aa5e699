"""The options of ``spotcast simulate``: which traces and forecasts, and the knobs of a replay."""

import math
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.simulation.policies import SERVING_POLICIES
from advisor.simulation.replay_settings import ReplaySettings, ServingJob, TrainingJob
from advisor.simulation.training_policies import TRAINING_POLICIES
from api.commands.ticks_folder import TICKS
from api.errors import UsageError

SERVING, TRAINING, DEFAULT = ServingJob(), TrainingJob(), ReplaySettings()
MINUTE = timedelta(minutes=1)

MOST_REPLICAS = 200
"""More is refused: a replay of that many says nothing that fewer do not, and takes hours."""

LONGEST_MINUTES = 1440.0
"""No forecast reaches further ahead than a day."""


class Job(StrEnum):
    """What runs on the machines."""

    SERVING = "serving"
    TRAINING = "training"


class Source(StrEnum):
    """Where the forecasts come from; see `advisor.simulation.out_of_sample.SOURCES`."""

    MODEL = "model"
    DECAYED = "decayed"
    POOL_RATE = "pool-rate"
    NONE = "none"


Traces = Annotated[
    Path, typer.Option(help=f"Folder with the {TICKS} to replay.", exists=True, file_okay=False)
]
Policies = Annotated[
    list[str] | None,
    typer.Option(help="Policy to replay; may be repeated. All of the job if not given."),
]
Train = Annotated[
    Path | None,
    typer.Option(
        help="Fit the forecast on this folder; without it --traces is walked through in time.",
        exists=True,
        file_okay=False,
    ),
]
ModelFile = Annotated[
    Path | None, typer.Option(help="Forecast with the model of this file, fitted elsewhere.")
]
Forecast = Annotated[
    Source, typer.Option(help="The model, a plain rate to compare it with, or no forecast.")
]
Campaigns = Annotated[
    list[str] | None, typer.Option(help="Campaign (`aws-2022-10-26`); may be repeated.")
]
ProbeKinds = Annotated[
    list[str] | None, typer.Option(help="Kind of probe (`launch_probe`); may be repeated.")
]
Seed = Annotated[
    int, typer.Option(min=0, help="Of ties, drawn signals and intervals; one for all policies.")
]


def _minutes(text: str) -> Any:
    return typer.Option(min=0, max=LONGEST_MINUTES, help=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """The job and how policies act, one option per field; what is of the other job is not used."""

    job: Annotated[
        Job, typer.Option(help="A service of several replicas, or one training job.")
    ] = Job.SERVING
    target: Annotated[
        list[float] | None,
        typer.Option(
            min=0,
            max=1,
            help="P(enough replicas outlast a cold start) that headroom holds; may be repeated "
            f"for a curve. {DEFAULT.target:g} if not given.",
        ),
    ] = None
    replicas: Annotated[
        int,
        typer.Option(min=1, max=MOST_REPLICAS, help="Serving: replicas needed at every moment."),
    ] = SERVING.replicas
    cold_start_minutes: Annotated[
        float, _minutes("Serving: from launch until a replica serves.")
    ] = SERVING.cold_start / MINUTE
    notice_minutes: Annotated[
        float, _minutes("Serving: how long before a loss it is announced.")
    ] = SERVING.notice / MINUTE
    on_demand_ratio: Annotated[
        float, typer.Option(min=0, help="Serving: on-demand price over spot price.")
    ] = SERVING.on_demand_ratio
    most_per_pool: Annotated[
        int | None, typer.Option(min=1, help="Serving: replicas that one pool gives, at most.")
    ] = None
    most_spare: Annotated[
        int, typer.Option(min=0, max=MOST_REPLICAS, help="Serving: spares of headroom, at most.")
    ] = DEFAULT.most_spare
    hedge_spare: Annotated[
        int, typer.Option(min=0, max=MOST_REPLICAS, help="Serving: spares of spothedge.")
    ] = DEFAULT.hedge_spare
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="P(lost within 1 h) that threshold moves away from.")
    ] = DEFAULT.threshold
    uncovered_cost: Annotated[
        float,
        typer.Option(
            min=0, help="Serving: a missing replica-hour for expected-cost, in spot machine-hours."
        ),
    ] = DEFAULT.uncovered_cost
    place_by_risk: Annotated[
        bool,
        typer.Option(
            "--place-by-risk", help="Serving: reactive and static place by the forecast too."
        ),
    ] = False
    checkpoint_minutes: Annotated[
        float, _minutes("Training: how long a checkpoint stops the work.")
    ] = TRAINING.checkpoint_cost / MINUTE
    checkpoint_interval_minutes: Annotated[
        float, _minutes("Training: work between two checkpoints, without a forecast.")
    ] = TRAINING.checkpoint_interval / MINUTE
    restart_minutes: Annotated[
        float, _minutes("Training: from a new machine until work goes on.")
    ] = TRAINING.restart / MINUTE
    move_minutes: Annotated[float, _minutes("Training: what moving with the work saved takes.")] = (
        TRAINING.move / MINUTE
    )

    @property
    def targets(self) -> list[float]:
        """The targets of headroom, each once, in the order given."""
        return list(dict.fromkeys(self.target or [DEFAULT.target]))

    def settings(self) -> ReplaySettings:
        """What they come to.

        Raises:
            UsageError: a number that makes no sense.
        """
        for name, value in asdict(self).items():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, float) and not math.isfinite(one):
                    raise UsageError(f"--{name.replace('_', '-')} {one} is not a number")
        try:
            return ReplaySettings(
                self._serving() if self.job is Job.SERVING else self._training(),
                most_spare=self.most_spare,
                hedge_spare=self.hedge_spare,
                threshold=self.threshold,
                uncovered_cost=self.uncovered_cost,
                place_by_risk=self.place_by_risk,
            )
        except ValueError as error:
            raise UsageError(f"this {self.job.value} job cannot be: {error}") from error

    def _serving(self) -> ServingJob:
        return ServingJob(
            replicas=self.replicas,
            cold_start=self.cold_start_minutes * MINUTE,
            notice=self.notice_minutes * MINUTE,
            on_demand_ratio=self.on_demand_ratio,
            most_per_pool=self.most_per_pool,
        )

    def _training(self) -> TrainingJob:
        return TrainingJob(
            checkpoint_cost=self.checkpoint_minutes * MINUTE,
            checkpoint_interval=self.checkpoint_interval_minutes * MINUTE,
            restart=self.restart_minutes * MINUTE,
            move=self.move_minutes * MINUTE,
        )

    def policies(self, asked: list[str] | None) -> list[str]:
        """The policies to replay, each once, in the order asked for; all of the job if None.

        Raises:
            UsageError: one that the job does not know.
        """
        known = SERVING_POLICIES if self.job is Job.SERVING else TRAINING_POLICIES
        for name in asked or ():
            if name not in known:
                raise UsageError(
                    f"--policy {name}: the policies of a {self.job.value} job are "
                    f"{', '.join(known)}"
                )
        return list(dict.fromkeys(asked or known))
