"""A demand and a policy as a YAML file, so that a question can be kept beside the workload.

```yaml
demand:
  gpus: 1
  gpu_memory_min: 16 GiB
  precision: bf16
  restart: 15m
policy:
  regions: [us-east-1]
  max_share_zone: 0.5
```

Keys are the fields of `Demand` and `Policy`, sizes without their ``_gib``. What is not known is an
error: a misspelt limit that is passed over limits nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

import yaml

from advisor.demand import Demand
from advisor.errors import DemandError
from advisor.gpus import Work
from advisor.policy import Policy
from advisor.units import duration, gib

DEMAND, POLICY = "demand", "policy"

KSERVE = ("InferenceService", "LLMInferenceService")


def read_demand(text: str, place: str) -> tuple[Demand, Policy]:
    """The demand and the policy of a file; ``place`` is its name in errors.

    Manifests of Kubernetes are read as well: their pods' demand, see `demand_pods`.

    Raises:
        DemandError: it is no such file; says where, what, and what is meant instead.
        PodError: a manifest asks for what cannot be read.
    """
    try:
        documents = [one for one in yaml.safe_load_all(text) if one is not None]
    except yaml.YAMLError as error:
        raise DemandError(place, f"no YAML: {' '.join(str(error).split())}") from error
    if any(isinstance(one, Mapping) and one.get("kind") in KSERVE for one in documents):
        raise DemandError(place, "KServe's: `spotcast kserve demand FILE -o yaml` makes one of it")
    if any(isinstance(one, Mapping) and "apiVersion" in one for one in documents):
        return _demand_of_pods(text, place), Policy()
    document = documents[0] if len(documents) == 1 else None
    if not isinstance(document, Mapping) or not document:
        raise DemandError(place, "write a mapping with the keys demand and policy")
    _known(document, (DEMAND, POLICY), place)
    return (
        Demand(**_fields(document.get(DEMAND), DEMAND_KEYS, f"{place}: {DEMAND}")),
        Policy(**_fields(document.get(POLICY), POLICY_KEYS, f"{place}: {POLICY}")),
    )


def _demand_of_pods(text: str, place: str) -> Demand:
    # With packing comes scipy, a second of loading that no other file needs.
    from advisor.demand_pods import demand_of  # noqa: PLC0415
    from advisor.packing import read_pods  # noqa: PLC0415

    return demand_of(read_pods(text, place), place)


def _fields(
    given: Any, keys: Mapping[str, tuple[str, Callable[[Any], Any]]], place: str
) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise DemandError(place, "write a mapping of wishes")
    _known(given, tuple(keys), place)
    found = {}
    for key, value in given.items():
        name, read = keys[key]
        try:
            found[name] = None if value is None else read(value)
        except (ValueError, TypeError) as error:
            raise DemandError(f"{place}.{key}", str(error)) from error
    return found


def _known(given: Mapping[Any, Any], keys: tuple[str, ...], place: str) -> None:
    for key in given:
        if key not in keys:
            like = get_close_matches(str(key), keys, n=1)
            meant = f"did you mean {like[0]}?" if like else f"known are {', '.join(keys)}"
            raise DemandError(f"{place}: {key}", f"no such key; {meant}")


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is no whole number")
    return value


def _size(value: Any) -> float:
    return gib(str(value))


def _duration(value: Any) -> timedelta:
    found = duration(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is no duration: write 90s, 15m, 6h or 2d")
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no word; put it in quotes")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, list):
        raise TypeError(f"{value!r} is no list of words")
    return tuple(_text(one) for one in several)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is not true or false")
    return value


def _maker(value: Any) -> str | None:
    maker = _text(value)
    if maker not in {"nvidia", "amd", "any"}:
        raise ValueError(f"{maker!r} is not nvidia, amd or any")
    return None if maker == "any" else maker


READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("gpus", "count", "types_min"), _whole),
    **dict.fromkeys(("gpu_model", "precision", "architecture"), _text),
    **dict.fromkeys(("restart", "lead_time", "runs_for"), _duration),
    **dict.fromkeys(("providers", "regions", "zones", "types", "types_not"), _texts),
    "gpu_manufacturer": _maker,
    "nvlink": _flag,
    "work": Work,
}
"""How each field is read; a field whose name ends in ``_gib`` is a size, others are numbers."""


def _keys(kind: type[Demand | Policy]) -> dict[str, tuple[str, Callable[[Any], Any]]]:
    """By key in the file: the field, and how its value is read."""
    return {
        name.removesuffix("_gib"): (
            name,
            _size if name.endswith("_gib") else READERS.get(name, _number),
        )
        for name in (one.name for one in fields(kind))
    }


DEMAND_KEYS = _keys(Demand)
POLICY_KEYS = _keys(Policy)
