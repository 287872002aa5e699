"""Sections ``[serve]``, ``[guard]``, ``[security]``: the options of long-running commands."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from advisor.units import duration
from api.config.section import Section, setting


def _time(text: str) -> str:
    if not duration(text):
        raise ValueError(f"{text!r} is no time above 0: write 90s, 15m, 6h or 2d")
    return text


def _time_of_cloud(text: str) -> str:
    cloud, _, time = text.rpartition("=")
    if cloud and cloud not in CLOUDS:
        raise ValueError(f"{cloud!r} is none of {', '.join(CLOUDS)}")
    return f"{cloud}={_time(time)}" if cloud else _time(time)


CLOUDS = ("aws", "gcp", "azure", "alibaba")
Time = Annotated[str, AfterValidator(_time)]
TimeOfCloud = Annotated[str, AfterValidator(_time_of_cloud)]
Port = Annotated[int, Field(ge=0, le=65_535)]
TIME = "time, such as 15m"


class ServeSection(Section):
    """``[serve]``: the options of `spotcast serve`."""

    host: str = setting(
        "127.0.0.1",
        about="Address to listen on.",
        unit="address",
        why="Nobody else can reach it: another address needs a key or an OIDC issuer.",
        min_length=1,
    )
    port: Port = setting(
        8080,
        about="Port to listen on; 0 for a free one.",
        unit="port",
        why="The usual port of a service that is not root's.",
    )
    collect: bool = setting(
        True,
        about="Whether feeds are read by the clock.",
        unit="true or false",
        why="A server without a collector grows stale.",
    )
    jobs: bool = setting(
        True,
        about="Whether jobs are done by the clock.",
        unit="true or false",
        why="[jobs] has the schedule of each; off, nothing is forecast, backed up, told or sent.",
    )
    guard: Literal["off", "observe", "advise", "act"] = setting(
        "off",
        about="Whether a cluster is guarded as well, and how far that may go.",
        unit="off, observe, advise or act",
        why="Nothing is done to a cluster before somebody says so.",
    )
    open_prices: bool = setting(
        False,
        about="Whether everybody may read the price server's paths: its clients send no key.",
        unit="true or false",
        why="What a server knows is told to those who show a key.",
    )
    log_format: Literal["text", "json"] | None = setting(
        None,
        about="How a line of the log is written.",
        unit="text or json",
        why="If not given, text on a terminal, else json.",
    )


class GuardSection(Section):
    """``[guard]``: the options of the guard, in `spotcast guard` and in `spotcast serve`."""

    mode: Literal["observe", "advise", "act"] = setting(
        "observe",
        about="How far `spotcast guard` may go; in a server, `serve.guard` says it.",
        unit="observe, advise or act",
        why="It only says what it would do until somebody lets it.",
    )
    interval: Time = setting(
        "15s", about="Time between two looks.", unit=TIME, why="An eighth of AWS' notice of 2 min."
    )
    lead_time: tuple[TimeOfCloud, ...] = setting(
        (),
        about="From asking for a machine to serving on it, p95; `aws=12m` for one cloud.",
        unit="list of [CLOUD=]TIME",
        why="If not given, that of an 8B model without caches; `spotcast lead-time` gives yours.",
    )
    drain: tuple[TimeOfCloud, ...] = setting(
        (),
        about="How long the old machine takes to end its work.",
        unit="list of [CLOUD=]TIME",
        why="If not given, 15 s.",
    )
    replace_cost: float = setting(
        1.0,
        about="What replacing one node costs: overlap and restart.",
        unit="USD",
        why="Assumed: about an hour of a GPU machine, twice.",
        gt=0,
    )
    outage_cost: float = setting(
        4.0,
        about="What losing a node costs before another one serves.",
        unit="USD",
        why="Assumed: with the cost above, a node is replaced from a risk of 20 %.",
        gt=0,
    )
    budget: int = setting(
        10,
        about="Hand-overs that may be open at once, in the whole cluster.",
        unit="hand-overs",
        why="A forecast that is wrong about everything must not empty a cluster.",
        ge=1,
    )
    cool_down: Time = setting(
        "1h",
        about="No node is handed over again sooner.",
        unit=TIME,
        why="A new machine may prove itself.",
    )
    claims: Literal["auto", "always", "never"] = setting(
        "auto",
        about="Where a replacement gets a NodeClaim of its own, in an exact pool.",
        unit="auto, always or never",
        why="auto: on Alibaba Cloud and GCP, where nothing else steers it.",
    )
    without_karpenter: bool = setting(
        False,
        about="Whether nodes are guarded too that Karpenter does not manage.",
        unit="true or false",
        why="Somebody else's machines are not touched unasked.",
    )
    namespace: str = setting(
        "default",
        about="Namespace of the lease by which one guard leads.",
        unit="name",
        why="Every cluster has it.",
        min_length=1,
    )
    webhook: str | None = setting(
        None,
        about="The plan is posted as JSON to this address, with SPOTCAST_WEBHOOK_SECRET.",
        unit="https address",
        why="Nobody is told unless somebody says whom.",
    )
    metrics_port: Port | None = setting(
        None,
        about="`spotcast guard` serves figures for Prometheus on this port.",
        unit="port",
        why="A server serves them itself.",
    )
    metrics_address: str = setting(
        "127.0.0.1", about="Where these are served.", unit="address", why="This machine alone."
    )


class SecuritySection(Section):
    """``[security]``: who may ask the server, and how much (docs/security.md)."""

    keys: Path | None = setting(
        None,
        about="The file with the hashes of the API keys.",
        unit="path",
        why="If not given, `keys.json` beside the database: who may read the one may read the "
        "other.",
        env="SPOTCAST_KEYS",
    )
    oidc_issuer: str | None = setting(
        None,
        about="Whose tokens are good; exactly as `iss` in them.",
        unit="https address",
        why="None: keys alone.",
        env="SPOTCAST_OIDC_ISSUER",
    )
    oidc_audience: str | None = setting(
        None,
        about="Whom the tokens must be for.",
        unit="text",
        why="Must be set with the issuer: a token for another service must not open this one.",
        env="SPOTCAST_OIDC_AUDIENCE",
    )
    oidc_claim: str = setting(
        "scope",
        about="The claim that says what a token allows.",
        unit="name",
        why="Where OAuth says it (RFC 8693).",
        env="SPOTCAST_OIDC_CLAIM",
    )
    oidc_scopes: tuple[str, ...] = setting(
        ("spotcast:read=read", "spotcast:ingest=ingest", "spotcast:act=act"),
        about="What each value of the claim allows; others allow nothing.",
        unit="list of value=scope",
        why="Values that no other service uses.",
        env="SPOTCAST_OIDC_SCOPES",
        min_length=1,
    )
    cors_origins: tuple[str, ...] = setting(
        (),
        about="Pages of other origins that may ask, with a key; `*` is not taken.",
        unit="list of origins",
        why="None unless somebody says which.",
        env="SPOTCAST_CORS_ORIGINS",
    )
    trusted_proxies: tuple[str, ...] = setting(
        (),
        about="Whose `X-Forwarded-For` is believed.",
        unit="list of addresses or networks",
        why="Anybody can send the header.",
        env="SPOTCAST_TRUSTED_PROXIES",
    )
    requests_per_minute: int = setting(
        6_000,
        about="Requests of one key.",
        unit="requests a minute",
        why="100 a second, what the server is meant to answer on two cores: one key cannot take "
        "more than that.",
        env="SPOTCAST_REQUESTS_PER_MINUTE",
        ge=1,
    )
    failures_per_minute: int = setting(
        30,
        about="Wrong keys of one address.",
        unit="failures a minute",
        why="Above what a person mistypes.",
        env="SPOTCAST_FAILURES_PER_MINUTE",
        ge=1,
    )
    max_body_bytes: int = setting(
        2_097_152,
        about="How large the body of a request may be.",
        unit="bytes",
        why="The largest push of a cloud is 1 MB, and base64 adds a third.",
        env="SPOTCAST_MAX_BODY_BYTES",
        ge=1,
    )
    body_timeout_seconds: int = setting(
        30,
        about="In what time it must have come.",
        unit="seconds",
        why="2 MiB take that long at 0.6 Mbit/s.",
        env="SPOTCAST_BODY_TIMEOUT_SECONDS",
        ge=1,
    )
