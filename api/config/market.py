"""Sections ``[warehouse]``, ``[market]``, ``[collect]``: where data are, how read, how counted."""

from pathlib import Path
from typing import Literal

from api.config.section import Section, setting

ProviderName = Literal["alibaba", "aws", "azure", "gcp", "kubernetes", "public"]


class WarehouseSection(Section):
    """``[warehouse]``: where the database is."""

    path: Path | None = setting(
        None,
        about="The database file; `--warehouse` goes first.",
        unit="path",
        why="If not given, `data/spotcast.duckdb` in the user's data folder "
        "(`~/.local/share/spotcast` on Linux): the command works from any folder.",
        env="SPOTCAST_WAREHOUSE",
    )


class MarketSection(Section):
    """``[market]``: how prices are counted."""

    usd_per_cny: float = setting(
        0.14,
        about="The rate by which prices in yuan are converted when they are shown.",
        unit="USD for one yuan",
        why="Alibaba Cloud's China site bills in yuan. The rate moved between 0.137 and 0.143 in "
        "2024 and 2025, less than the distance between two neighbours in a ranking.",
        env="SPOTCAST_USD_PER_CNY",
        gt=0,
    )
    price_max_age_hours: float = setting(
        24.0,
        about="Age from which a price counts as stale; the answer then ends with exit code 3.",
        unit="hours",
        why="AWS repeats an unchanged price about once a day, the other clouds at least as often; "
        "an older one means that the feed stopped.",
        env="SPOTCAST_PRICE_MAX_AGE_HOURS",
        gt=0,
        le=87_600,
    )


class CollectSection(Section):
    """``[collect]``: what `spotcast collect`, `watch` and `serve` read."""

    watchlist: Path | None = setting(
        None,
        about="What to read, as YAML (docs/collecting.md); `--watchlist` goes first.",
        unit="path",
        why="If not given, each provider's default regions and feeds.",
        env="SPOTCAST_WATCHLIST",
    )
    providers: tuple[ProviderName, ...] = setting(
        (),
        about="Clouds to read, or `public` for all feeds without an account; as `--provider`.",
        unit="list of names",
        why="None given: every cloud that is set up; the watchlist chooses among its feeds.",
    )
    aws_event_queue: str | None = setting(
        None,
        about="Queues with AWS' interruption events, URLs with commas (docs/providers/aws.md).",
        unit="https address",
        why="Without one, interruptions of AWS are not heard of.",
        env="SPOTCAST_AWS_EVENT_QUEUE",
    )
    alibaba_event_queue: str | None = setting(
        None,
        about="Queue with Alibaba Cloud's events (docs/providers/alibaba.md).",
        unit="https address",
        why="Without one, interruptions of Alibaba Cloud are not heard of.",
        env="SPOTCAST_ALIBABA_EVENT_QUEUE",
    )
    gcp_project: str | None = setting(
        None,
        about="The id of the Google Cloud project that asks and whose machines are watched.",
        unit="project id",
        why="If not given, `GOOGLE_CLOUD_PROJECT`, as Google's own tools have it.",
        env="SPOTCAST_GCP_PROJECT",
    )
    gcp_subscription: str | None = setting(
        None,
        about="Pub/Sub subscription with the audit log's preemptions, "
        "`projects/PROJECT/subscriptions/NAME`.",
        unit="name",
        why="Only `gcp.audit_events` needs it, and is off without.",
        env="SPOTCAST_GCP_SUBSCRIPTION",
    )
    gcp_advice_version: Literal["v1", "beta"] | None = setting(
        None,
        about="Version of the Compute API that is asked for capacity advice.",
        unit="v1 or beta",
        why="If not given, v1, and beta where that does not know the question.",
        env="SPOTCAST_GCP_ADVICE_VERSION",
    )
    azure_managed_identity: bool = setting(
        False,
        about="Take tokens from the identity of the Azure machine that this runs on.",
        unit="true or false",
        why="Elsewhere nobody answers to it.",
        env="SPOTCAST_AZURE_MANAGED_IDENTITY",
    )
    kube_context: str | None = setting(
        None,
        about="Context of the kubeconfig: of the cluster that is watched and guarded.",
        unit="name",
        why="If not given, the current one.",
        env="SPOTCAST_KUBE_CONTEXT",
    )
