"""The labels that a machine will have, as far as its name and shape tell them.

For choosing a machine that a NodePool allows before there is one: what cannot be derived here is
left out, and a requirement on it counts as unmet.
"""

import re

from advisor.demand import gpu_manufacturer
from advisor.karpenter import labels as words
from advisor.karpenter import shapes
from advisor.units import MIB_PER_GIB
from warehouse.records import REGIONAL, InstanceType, Offering

AWS_TYPE = re.compile(r"([a-z]+)(-[0-9]+tb)?([0-9]+)[^.]*\.(.+)")
"""Category, generation and size in an AWS type (karpenter-provider-aws,
pkg/providers/instancetype/types.go)."""


def machine_labels(offering: Offering) -> dict[str, str]:
    """The labels of the offering's machine; a zone only where the offering has one.

    Raises:
        ManifestError: no Karpenter provider has machines of that cloud.
    """
    pool, shape = offering.pool, offering.instance_type
    provider = words.provider_labels(pool.provider)
    found = {
        words.ARCH: shape.architecture,
        words.OS: "linux",
        words.CAPACITY_TYPE: offering.capacity_type.value,
        words.INSTANCE_TYPE: pool.instance_type,
        words.REGION: pool.region,
    }
    if pool.zone != REGIONAL:
        found[words.zone_key(provider, [pool.zone])] = pool.zone
    of_provider = _OF_PROVIDER[provider.provider](pool.instance_type, shape)
    return found | {provider.key(name): value for name, value in of_provider.items()}


def _aws(name: str, shape: InstanceType) -> dict[str, str]:
    found = {
        "instance-family": shapes.aws_family(name),
        "instance-cpu": f"{shape.vcpu:g}",
        "instance-memory": f"{round(shape.memory_gib * MIB_PER_GIB)}",
    }
    if match := AWS_TYPE.fullmatch(name):
        found |= {
            "instance-category": match[1],
            "instance-generation": match[3],
            "instance-size": match[4],
        }
    maker = gpu_manufacturer(shape)
    if shape.gpu_count and maker and shapes.aws_family(name) not in shapes.AWS_FRACTIONAL_GPU:
        found |= {"instance-gpu-manufacturer": maker, "instance-gpu-count": f"{shape.gpu_count:g}"}
        if shape.gpu_name:
            # The provider writes the model alone: a10g, rtx-pro-server-6000.
            model = shape.gpu_name.lower().removeprefix(f"{maker} ")
            found["instance-gpu-name"] = model.replace(" ", "-")
    return found


def _alibaba(name: str, shape: InstanceType) -> dict[str, str]:
    found = {"instance-cpu": f"{shape.vcpu:g}", "instance-gpu-count": f"{shape.gpu_count:g}"}
    if told := shapes.alibaba_shape(name):
        found |= {
            "instance-category": told.category,
            "instance-generation": told.generation,
            "instance-family": told.family,
        } | ({"instance-size": told.size} if told.size else {})
    return found


def _gcp(name: str, shape: InstanceType) -> dict[str, str]:
    return {
        "instance-family": shapes.gcp_family(name),
        "instance-cpu": f"{shape.vcpu:g}",
        "instance-memory": f"{round(shape.memory_gib * MIB_PER_GIB)}",
    }


def _azure(name: str, shape: InstanceType) -> dict[str, str]:
    return {
        "sku-name": name,
        "sku-cpu": f"{shape.vcpu:g}",
        "sku-gpu-count": f"{shape.gpu_count:g}",
    }


_OF_PROVIDER = {"aws": _aws, "alibaba": _alibaba, "gcp": _gcp, "azure": _azure}
