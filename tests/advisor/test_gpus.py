"""GPU models are told by the words of every catalog, and slices are none of them."""

import pytest

from advisor import Demand, Work
from advisor.gpus import FORMATS, MODELS, model_of, throughput
from tests.support.market import a_shape


@pytest.mark.parametrize(
    ("gpu_name", "memory_gib", "model"),
    [
        ("A10G", 22.3515625, "A10G"),
        ("A10", 24.0, "A10"),
        ("L4", 22.3515625, "L4"),
        ("NVIDIA L4", 24.0, "L4"),
        ("nvidia-tesla-t4", 16.0, "T4"),
        ("NVIDIA A100 40GB", 40.0, "A100"),
        ("NVIDIA H100 80GB (mega)", 80.0, "H100"),
        ("B200", 179.0615234375, "B200"),
        ("RTX PRO Server 6000", 96.0, "RTX PRO 6000"),
        ("L4", 2.79, None),
        ("A10 (vGPU slice)", 24.0, None),
        ("T4/4", 4.0, None),
        ("A100", None, None),
        ("H100", None, "H100"),
        ("Trainium2", None, None),
        (None, None, None),
    ],
)
def test_a_model_is_told_by_its_name_and_memory(
    gpu_name: str | None, memory_gib: float | None, model: str | None
) -> None:
    found = model_of(a_shape(gpu_name=gpu_name, gpu_memory_gib=memory_gib))

    assert (None if found is None else found.name) == model


def test_an_a100_of_80_gb_reads_faster_than_one_of_40() -> None:
    small, large = (
        throughput(a_shape(gpu_name="A100", gpu_memory_gib=gib), Work.BANDWIDTH) for gib in (40, 80)
    )

    assert small is not None
    assert large is not None
    assert small < large


def test_every_figure_has_a_source_and_no_peak_shrinks_without_one() -> None:
    assert all(one.source for one in MODELS)
    assert all(one.architecture.formats <= set(FORMATS) for one in MODELS)
    assert all(one.tflops is None or one.tflops > 0 for one in MODELS)


@pytest.mark.parametrize(("gpu_name", "has"), [("T4", False), ("V100", False), ("L4", True)])
def test_bf16_is_in_hardware_from_ampere_on(gpu_name: str, *, has: bool) -> None:
    memory = {"T4": 16.0, "V100": 16.0, "L4": 24.0}[gpu_name]
    shape = a_shape(gpu_name=gpu_name, gpu_memory_gib=memory)

    unmet = Demand(gpu_memory_min_gib=16, precision="bf16").unmet_by(shape)

    assert (unmet is None) is has


def test_a_machine_of_eight_gpus_does_eight_times_the_work_of_one() -> None:
    one, eight = (
        throughput(a_shape(gpu_name="H100", gpu_count=count, gpu_memory_gib=80), Work.COMPUTE)
        for count in (1, 8)
    )

    assert one is not None
    assert eight == 8 * one
