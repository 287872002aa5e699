"""The demand of pods: one machine that any of them fits on, as their manifests ask for it.

What a node keeps for itself is not in it, and neither is what several pods on one node would need:
`advisor.packing` knows both. This is the question for a ranking, "which machine for these pods?".
"""

from advisor.demand import ARCHITECTURES, Demand
from advisor.errors import DemandError
from advisor.packing import Pod, Workload
from advisor.units import MIB_PER_GIB

GPUS = {"nvidia.com/gpu": "nvidia", "amd.com/gpu": "amd"}
"""GPU manufacturers by the resource of their device plugins."""

ARCH = "kubernetes.io/arch"


def demand_of(workload: Workload, place: str) -> Demand:
    """What the largest of the pods asks of a machine; ``count`` is how many pods there are.

    Raises:
        DemandError: there is no pod, or no one machine could be meant: GPUs of two makers or in
            different numbers, or two architectures; name the file ``place``.
    """
    pods = workload.pods
    if not pods:
        raise DemandError(place, "there is no pod in it")
    makers = {maker for pod in pods for name, maker in GPUS.items() if pod.requests.get(name)}
    if len(makers) > 1:
        raise DemandError(place, "its pods ask for GPUs of two makers; ask for each on its own")
    counts = {gpus for pod in pods if (gpus := _gpus(pod))}
    if len(counts) > 1:
        named = ", ".join(map(str, sorted(counts)))
        raise DemandError(place, f"its pods ask for {named} GPUs; ask for each on its own")
    return Demand(
        gpus=counts.pop() if counts else 0,
        gpu_manufacturer=makers.pop() if makers else "nvidia",
        vcpus_min=max(pod.requests.get("cpu", 0) for pod in pods) / 1000 or None,
        memory_min_gib=max(pod.requests.get("memory", 0) for pod in pods) / MIB_PER_GIB or None,
        architecture=_architecture(pods, place),
        count=sum(pod.count for pod in pods),
    )


def _gpus(pod: Pod) -> int:
    return sum(pod.requests.get(name, 0) for name in GPUS)


def _architecture(pods: tuple[Pod, ...], place: str) -> str | None:
    """The one architecture on which every pod that cares can run; None if none cares."""
    allowed = [
        name
        for name in ARCHITECTURES
        if all(
            one.holds({ARCH: name}) for pod in pods for one in pod.node_selector if one.key == ARCH
        )
    ]
    if not allowed:
        raise DemandError(place, "its pods want two architectures; ask for each on its own")
    return None if len(allowed) > 1 else allowed[0]
