"""Packing: pods onto a least-cost set of nodes, with what a node keeps for itself taken off.

>>> from advisor.packing import pack, read_pods
"""

from advisor.packing.errors import PodError
from advisor.packing.fit import NodeSettings
from advisor.packing.manifests import read_pods
from advisor.packing.overhead import allocatable
from advisor.packing.packing import Costs, Node, Packing, PackingSettings, pack
from advisor.packing.pods import Pod, Taint, Toleration, Workload
from advisor.packing.refusals import Unplaced
from advisor.packing.rightsizing import smallest_machine, utilisation, wasted_usd_per_hour

__all__ = [
    "Costs",
    "Node",
    "NodeSettings",
    "Packing",
    "PackingSettings",
    "Pod",
    "PodError",
    "Taint",
    "Toleration",
    "Unplaced",
    "Workload",
    "allocatable",
    "pack",
    "read_pods",
    "smallest_machine",
    "utilisation",
    "wasted_usd_per_hour",
]
