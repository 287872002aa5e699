"""The shapes of the simulated market are real ones."""

from pathlib import Path

import polars as pl
import pytest

from advisor.simulation.catalog import SHAPES, Shape
from advisor.simulation.hazard import LEVEL_PER_HOUR
from advisor.simulation.pools import SELLING_ZONES
from advisor.simulation.settings import ZONES

PUBLISHED = Path(__file__).parents[4] / "shared/data/import/instance_types.parquet"
NUMBERS = ("vcpu", "memory_gib", "gpu_count", "gpu_memory_gib", "local_disk_gb")


def shape(instance_type: str) -> Shape:
    """The only shape of that name."""
    (found,) = (one for one in SHAPES if one.instance_type == instance_type)
    return found


@pytest.mark.parametrize(
    ("instance_type", "expected"),
    [
        ("g5.xlarge", (4, 16, "amd64", "A10G", 1, 250)),
        ("p4d.24xlarge", (96, 1152, "amd64", "A100", 8, 8000)),
        ("p5.48xlarge", (192, 2048, "amd64", "H100", 8, 30400)),
        ("g5g.xlarge", (4, 8, "arm64", "T4g", 1, None)),
        ("m7g.xlarge", (4, 16, "arm64", None, 0, None)),
        ("ecs.gn6i-c4g1.xlarge", (4, 15, "amd64", "T4", 1, None)),
        ("ecs.gn7i-c8g1.2xlarge", (8, 30, "amd64", "A10", 1, None)),
        ("ecs.ebmgn7e.32xlarge", (128, 1024, "amd64", "A100", 8, None)),
    ],
)
def test_a_known_type_has_its_documented_shape(
    instance_type: str, expected: tuple[float, float, str, str | None, int, float | None]
) -> None:
    one = shape(instance_type)

    found = (one.vcpu, one.memory_gib, one.architecture, one.gpu_name, one.gpu_count)
    assert (*found, one.local_disk_gb) == expected


def test_gpu_memory_is_that_of_one_gpu() -> None:
    assert shape("p4d.24xlarge").gpu_memory_gib == 40
    assert shape("p4de.24xlarge").gpu_memory_gib == 80
    assert shape("g5.48xlarge").gpu_memory_gib == pytest.approx(22.35, abs=0.01)
    assert shape("m7i.xlarge").gpu_memory_gib is None


def test_no_type_is_listed_twice_and_most_have_a_gpu() -> None:
    names = [one.instance_type for one in SHAPES]

    assert len(set(names)) == len(names)
    assert sum(one.gpu_count > 0 for one in SHAPES) >= 45
    assert sum(one.gpu_count == 0 for one in SHAPES) >= 10


def test_every_family_has_a_hazard_and_is_sold_somewhere() -> None:
    families = {one.family for one in SHAPES}

    assert families == set(LEVEL_PER_HOUR)
    assert families == {family for selling in SELLING_ZONES.values() for family in selling}


def test_no_family_is_sold_in_more_zones_than_there_are() -> None:
    assert set(SELLING_ZONES) == set(ZONES)
    for region, selling in SELLING_ZONES.items():
        assert max(selling.values()) <= len(ZONES[region])


@pytest.mark.skipif(not PUBLISHED.exists(), reason=f"{PUBLISHED.name} is not beside the project")
def test_every_shape_agrees_with_the_published_catalogs() -> None:
    published = {
        (row["provider"], row["instance_type"]): row
        for row in pl.read_parquet(PUBLISHED).iter_rows(named=True)
    }

    for one in SHAPES:
        row = published[one.provider, one.instance_type]
        assert row["architecture"].replace("x86_64", "amd64") == one.architecture
        assert row["gpu_name"] == one.gpu_name
        for name in NUMBERS:
            told, ours = row[name], getattr(one, name)
            assert (told is None) == (ours is None), (one.instance_type, name)
            # AWS' MiB are given as GiB with six decimals there.
            assert ours is None or ours == pytest.approx(told, abs=1e-5), (one.instance_type, name)
