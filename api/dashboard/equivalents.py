"""What a page shows, asked for elsewhere: on the command line, over HTTP, in a repository."""

import shlex
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import yaml
from fastapi import Request

from api.dashboard.site import path_of
from api.security.principal import LOCAL
from api.service.lead_time import StartIn
from api.service.wishes import DemandIn, PolicyIn, Wishes

SPANS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))

OPTIONS: Mapping[str, tuple[str, str]] = {
    "provider": ("--provider", "{}"),
    "region": ("--region", "{}"),
    "zone": ("--zone", "{}"),
    "instance_type": ("--type", "{}"),
    "instance_type_not": ("--not-type", "{}"),
    "gpus": ("--gpus", "{}"),
    "gpu_model": ("--gpu-model", "{}"),
    "gpu_manufacturer": ("--gpu-manufacturer", "{}"),
    "gpu_memory_min_gib": ("--gpu-memory-min", "{:g} GiB"),
    "gpu_memory_total_min_gib": ("--gpu-memory-total-min", "{:g} GiB"),
    "precision": ("--precision", "{}"),
    "vcpus_min": ("--vcpus-min", "{:g}"),
    "memory_min_gib": ("--memory-min", "{:g} GiB"),
    "architecture": ("--arch", "{}"),
    "max_usd_per_hour": ("--max-price", "{:g}"),
    "interruption_cost_usd": ("--interruption-cost", "{:g}"),
    "work": ("--per", "{}"),
}
"""Each wish as an option of ``spotcast rank``."""


def command(name: str, wishes: Wishes, *more: str) -> str:
    """The line for a shell; wishes that are as by default are left out."""
    words = ["spotcast", name]
    given = _unusual(wishes)
    for field, (option, form) in OPTIONS.items():
        if field in given:
            value = given[field]
            for one in value if isinstance(value, list) else [value]:
                words += [option, form.format(one)]
    if given.get("nvlink"):
        words.append("--nvlink")
    if "restart_seconds" in given:
        words += ["--restart-minutes", f"{given['restart_seconds'] / 60:g}"]
    for field, option in (("lead_time_seconds", "--lead-time"), ("runs_for_seconds", "--runs-for")):
        if field in given:
            words += [option, span(given[field])]
    return shlex.join([*words, *more])


def demand_yaml(wishes: Wishes) -> str:
    """The same as a file for ``--demand``: it is kept beside the workload."""
    given = _unusual(wishes)
    demand = {
        _key(name): _written(name, given[name]) for name in DemandIn.model_fields if name in given
    }
    names = {"provider": "providers", "region": "regions", "zone": "zones"}
    names |= {"instance_type": "types", "instance_type_not": "types_not"}
    policy = {names.get(name, name): given[name] for name in PolicyIn.model_fields if name in given}
    document = {key: part for key, part in (("demand", demand), ("policy", policy)) if part}
    return yaml.safe_dump(document or {"demand": {"gpus": None}}, sort_keys=False)


def curl(request: Request, path: str, query: Mapping[str, Any] | list[tuple[str, Any]]) -> str:
    """The request for the same over HTTP; with a key where this server asks for one."""
    base = str(request.base_url).rstrip("/")
    words = ["curl", "-s", f"{base}{path_of(path, query)}"]
    line = shlex.join(words)
    is_local = getattr(request.state, "principal", None) == LOCAL
    return line if is_local else f'{line} -H "Authorization: Bearer $SPOTCAST_API_KEY"'


def span(seconds: float) -> str:
    """``15m``, ``90s``: in the largest unit that divides it."""
    unit, size = next((one for one in SPANS if seconds % one[1] == 0 and seconds), SPANS[-1])
    return f"{seconds / size:g}{unit}"


def query_of(wishes: Wishes, *names: str) -> list[tuple[str, Any]]:
    """The wishes that are not as by default, as parameters; ``names`` are left out."""
    given = _unusual(wishes)
    return [
        (name, _plain(one))
        for name, value in given.items()
        if name not in names
        for one in (value if isinstance(value, list) else [value])
    ]


def _unusual(wishes: Wishes) -> dict[str, Any]:
    return {
        name: value
        for name in Wishes.model_fields
        if (value := getattr(wishes, name))
        != Wishes.model_fields[name].get_default(call_default_factory=True)
    }


def _plain(value: Any) -> Any:
    return f"{value:g}" if isinstance(value, float) else value


def _key(name: str) -> str:
    return name.removesuffix("_gib").removesuffix("_seconds")


def _written(name: str, value: Any) -> Any:
    if name.endswith("_gib"):
        return f"{value:g} GiB"
    if name.endswith("_seconds"):
        return span(timedelta(seconds=value).total_seconds())
    return str(value) if name == "work" else value


def lead_time_command(asked: StartIn) -> str:
    """The line of ``spotcast lead-time`` for a start."""
    words = ["spotcast", "lead-time", "--weights", f"{asked.weights_gb:g}GB"]
    for one in asked.provider:
        words += ["--provider", one]
    given = asked.model_dump(exclude_defaults=True, mode="json")
    for name, option, form in (
        ("parameters_billion", "--parameters", "{:g}B"),
        ("image_gb", "--image-size", "{:g}GB"),
        ("instance_type", "--type", "{}"),
        ("image", "--image", "{}"),
        ("model", "--model", "{}"),
        ("image_pull", "--image-pull", "{}"),
        ("weight_load", "--weight-load", "{}"),
        ("drain_seconds", "--drain", "{:g}s"),
        ("correlation", "--correlation", "{:g}"),
    ):
        if name in given:
            words += [option, form.format(given[name])]
    flags = ("warm_node", "cold_cache", "compile_cache", "enforce_eager")
    words += [f"--{name.replace('_', '-')}" for name in flags if given.get(name)]
    return shlex.join(words)
