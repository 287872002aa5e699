"""The family of a machine type, in its provider's words: what shares hardware and bad hours."""

import re
from collections.abc import Callable, Mapping

from advisor.karpenter.shapes import alibaba_shape, aws_family

AZURE_SIZE = re.compile(r"^(?:Standard_|Basic_)?(?P<letters>[A-Z]+)\d+(?:-\d+)?(?P<rest>[a-z]*)")
"""Azure's names: letters of the family, vCPUs (constrained ones after a dash), additive features,
accelerator, version (Azure docs, "VM sizes naming conventions")."""

AZURE_VERSION = re.compile(r"_v\d+$")


def family_of(provider: str, instance_type: str) -> str:
    """The family: ``g5`` (AWS), ``ecs.gn7i-c8g1`` (Alibaba), ``a2`` (GCP), ``NCads_v4`` (Azure).

    A name that is not as its provider names types is a family of its own, and so is any type of
    a provider that is not known: nothing is taken for alike that may not be.
    """
    return _FAMILIES.get(provider, str)(instance_type)


def _alibaba(instance_type: str) -> str:
    shape = alibaba_shape(instance_type)
    return instance_type if shape is None else shape.family


def _gcp(instance_type: str) -> str:
    """The machine series; a GPU that is attached (``n1+V100x1``) belongs to it."""
    series, _, rest = instance_type.partition("-")
    plain, plus, gpu = series.partition("+")
    return f"{plain}+{re.sub(r'x[0-9]+$', '', gpu)}" if plus and not rest else series


def _azure(instance_type: str) -> str:
    match = AZURE_SIZE.match(instance_type)
    if match is None:
        return instance_type
    version = AZURE_VERSION.search(instance_type)
    return f"{match['letters']}{match['rest']}{version[0] if version else ''}"


_FAMILIES: Mapping[str, Callable[[str], str]] = {
    "aws": aws_family,
    "alibaba": _alibaba,
    "gcp": _gcp,
    "azure": _azure,
}
