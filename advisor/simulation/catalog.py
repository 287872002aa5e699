"""Real machine shapes for the simulated market: what AWS and Alibaba Cloud sell, and the price.

The shapes are public facts of the instance type documentation: AWS EC2 "Instance types" (GPU
memory and disks as `DescribeInstanceTypes` reports them, in MiB and GB: an A10G of 24 GB shows
22,888 MiB) and Alibaba Cloud ECS "Overview of instance families". The prices are reference prices
used by the simulator, rounded, not a quotation: AWS in USD for us-east-1 as published in July
2026, Alibaba in CNY for Chinese mainland regions as published in October 2024.
"""

from dataclasses import dataclass
from datetime import datetime

from warehouse.records import InstanceType

A10G = L4 = 22_888 / 1024
L40S = 45_776 / 1024
"""GPU memory, GiB, as AWS reports it: less than on the label, as error correction takes a part."""

CURRENCY = {"aws": "USD", "alibaba": "CNY"}


@dataclass(frozen=True, slots=True)
class Shape:
    """One machine type and its list price; ``family`` is what shares hardware and so shocks.

    ``gpu_memory_gib`` is per GPU; ``on_demand_per_hour`` is in the provider's `CURRENCY`.
    """

    provider: str
    family: str
    instance_type: str
    vcpu: float
    memory_gib: float
    architecture: str
    gpu_name: str | None
    gpu_count: int
    gpu_memory_gib: float | None
    local_disk_gb: float | None
    on_demand_per_hour: float

    def instance_type_at(self, source: str, observed_at: datetime) -> InstanceType:
        """The shape as a record of the vocabulary."""
        return InstanceType(
            provider=self.provider,
            instance_type=self.instance_type,
            vcpu=float(self.vcpu),
            memory_gib=float(self.memory_gib),
            architecture=self.architecture,
            gpu_name=self.gpu_name,
            gpu_count=self.gpu_count,
            gpu_memory_gib=None if self.gpu_memory_gib is None else float(self.gpu_memory_gib),
            local_disk_gb=None if self.local_disk_gb is None else float(self.local_disk_gb),
            source=source,
            observed_at=observed_at,
        )


Size = tuple[str, float, float, int, float | None, float]
"""Name of the size, vCPU, memory GiB, GPUs, local disk GB, list price an hour."""


def _family(
    name: str, gpu: tuple[str, float] | None, *sizes: Size, architecture: str = "amd64"
) -> tuple[Shape, ...]:
    """The shapes of one family; ``gpu`` is the GPU's name and memory in GiB.

    An Alibaba family starts with ``ecs.``; its sizes are written as the cloud joins them to the
    family (``-c4g1.xlarge``).
    """
    provider = "alibaba" if name.startswith("ecs.") else "aws"
    gpu_name, gpu_memory_gib = gpu or (None, None)
    return tuple(
        Shape(
            provider=provider,
            family=name,
            instance_type=f"{name}{'' if size[0] in '.-' else '.'}{size}",
            vcpu=vcpu,
            memory_gib=memory_gib,
            architecture=architecture,
            gpu_name=gpu_name,
            gpu_count=gpu_count,
            gpu_memory_gib=gpu_memory_gib,
            local_disk_gb=local_disk_gb,
            on_demand_per_hour=on_demand_per_hour,
        )
        for size, vcpu, memory_gib, gpu_count, local_disk_gb, on_demand_per_hour in sizes
    )


AWS = (
    *_family(
        "g4dn",
        ("T4", 16),
        ("xlarge", 4, 16, 1, 125, 0.526),
        ("2xlarge", 8, 32, 1, 225, 0.752),
        ("4xlarge", 16, 64, 1, 225, 1.204),
        ("8xlarge", 32, 128, 1, 900, 2.176),
        ("12xlarge", 48, 192, 4, 900, 3.912),
    ),
    *_family(
        "g5",
        ("A10G", A10G),
        ("xlarge", 4, 16, 1, 250, 1.006),
        ("2xlarge", 8, 32, 1, 450, 1.212),
        ("4xlarge", 16, 64, 1, 600, 1.624),
        ("8xlarge", 32, 128, 1, 900, 2.448),
        ("12xlarge", 48, 192, 4, 3800, 5.672),
        ("24xlarge", 96, 384, 4, 3800, 8.144),
        ("48xlarge", 192, 768, 8, 7600, 16.288),
    ),
    *_family(
        "g5g",
        ("T4g", 16),
        ("xlarge", 4, 8, 1, None, 0.42),
        ("4xlarge", 16, 32, 1, None, 0.828),
        architecture="arm64",
    ),
    *_family(
        "g6",
        ("L4", L4),
        ("xlarge", 4, 16, 1, 250, 0.8048),
        ("2xlarge", 8, 32, 1, 450, 0.9776),
        ("4xlarge", 16, 64, 1, 600, 1.3232),
        ("12xlarge", 48, 192, 4, 3760, 4.6016),
        ("48xlarge", 192, 768, 8, 7520, 13.3504),
    ),
    *_family(
        "g6e",
        ("L40S", L40S),
        ("xlarge", 4, 32, 1, 250, 1.861),
        ("2xlarge", 8, 64, 1, 450, 2.2421),
        ("12xlarge", 48, 384, 4, 3800, 10.4926),
        ("48xlarge", 192, 1536, 8, 7600, 30.1312),
    ),
    *_family(
        "gr6",
        ("L4", L4),
        ("4xlarge", 16, 128, 1, 600, 1.5392),
        ("8xlarge", 32, 256, 1, 900, 2.4464),
    ),
    *_family(
        "p3",
        ("V100", 16),
        ("2xlarge", 8, 61, 1, None, 3.06),
        ("8xlarge", 32, 244, 4, None, 12.24),
        ("16xlarge", 64, 488, 8, None, 24.48),
    ),
    *_family("p4d", ("A100", 40), ("24xlarge", 96, 1152, 8, 8000, 21.9576)),
    *_family("p4de", ("A100", 80), ("24xlarge", 96, 1152, 8, 8000, 27.4471)),
    *_family(
        "p5",
        ("H100", 80),
        ("4xlarge", 16, 256, 1, 3800, 6.88),
        ("48xlarge", 192, 2048, 8, 30400, 55.04),
    ),
    *_family("m7i", None, ("xlarge", 4, 16, 0, None, 0.2016), ("4xlarge", 16, 64, 0, None, 0.8064)),
    *_family("c7i", None, ("xlarge", 4, 8, 0, None, 0.1785), ("4xlarge", 16, 32, 0, None, 0.714)),
    *_family("r7i", None, ("xlarge", 4, 32, 0, None, 0.2646), ("2xlarge", 8, 64, 0, None, 0.5292)),
    *_family(
        "m7g",
        None,
        ("xlarge", 4, 16, 0, None, 0.1632),
        ("4xlarge", 16, 64, 0, None, 0.6528),
        architecture="arm64",
    ),
)

ALIBABA = (
    *_family(
        "ecs.gn6i",
        ("T4", 16),
        ("-c4g1.xlarge", 4, 15, 1, None, 11.63),
        ("-c8g1.2xlarge", 8, 31, 1, None, 14.0),
        ("-c16g1.4xlarge", 16, 62, 1, None, 16.41),
        ("-c24g1.12xlarge", 48, 186, 2, None, 34.76),
    ),
    *_family(
        "ecs.gn6v",
        ("V100", 16),
        ("-c8g1.2xlarge", 8, 32, 1, None, 26.46),
        ("-c8g1.8xlarge", 32, 128, 4, None, 105.84),
    ),
    *_family("ecs.gn6e", ("V100", 32), ("-c12g1.3xlarge", 12, 92, 1, None, 19.74)),
    *_family(
        "ecs.gn7i",
        ("A10", 24),
        ("-c8g1.2xlarge", 8, 30, 1, None, 9.53),
        ("-c16g1.4xlarge", 16, 60, 1, None, 10.09),
        ("-c32g1.8xlarge", 32, 188, 1, None, 11.98),
        ("-c32g1.16xlarge", 64, 376, 2, None, 23.95),
    ),
    *_family(
        "ecs.gn7e",
        ("A100", 80),
        ("-c16g1.4xlarge", 16, 125, 1, None, 34.48),
        ("-c16g1.16xlarge", 64, 500, 4, None, 137.94),
    ),
    *_family("ecs.ebmgn7e", ("A100", 80), ("32xlarge", 128, 1024, 8, None, 277.93)),
    *_family(
        "ecs.g7",
        None,
        ("xlarge", 4, 16, 0, None, 1.05),
        ("2xlarge", 8, 32, 0, None, 2.09),
        ("4xlarge", 16, 64, 0, None, 4.19),
    ),
)

SHAPES = (*AWS, *ALIBABA)
"""All shapes, by provider and family; no type twice."""

FAMILIES = tuple(dict.fromkeys(shape.family for shape in SHAPES))
"""The families, in the order of `SHAPES`."""
