"""docs/karpenter.md tells the truth: its tables, keys and examples."""

import re
from pathlib import Path

import pytest
import yaml

from advisor.karpenter.labels import (
    ALIBABA,
    AWS,
    AZURE,
    GCP,
    PROVIDERS,
    ProviderLabels,
    check_key,
)
from advisor.karpenter.requirements import Requirement
from advisor.karpenter.shapes import AlibabaShape, alibaba_shape
from tests.support.offerings import offering

PAGE = (Path(__file__).parents[3] / "docs" / "karpenter.md").read_text(encoding="utf-8")


def test_the_derivation_table_is_what_the_code_derives() -> None:
    rows = re.findall(r"^\| (ecs\.\S+) \| (\w+) \| (\d+) \| (\S+) \| (\w+) \|$", PAGE, re.MULTILINE)

    assert len(rows) >= 5
    for instance_type, category, generation, family, size in rows:
        assert alibaba_shape(instance_type) == AlibabaShape(category, generation, family, size)


@pytest.mark.parametrize("labels", PROVIDERS, ids=lambda labels: str(labels.provider))
def test_every_key_on_the_page_is_a_key_of_the_provider(
    labels: ProviderLabels,
) -> None:
    names = re.findall(rf"{re.escape(labels.domain)}/((?:instance|sku)-[a-z-]+)", PAGE)

    assert names
    assert {labels.key(name) for name in names}


def test_the_requirements_on_the_page_are_requirements() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    entries = [entry for block in blocks for entry in yaml.safe_load(block)]

    assert len(entries) >= 5
    for entry in entries:
        check_key(ALIBABA, entry["key"])
        Requirement(entry["key"], entry["operator"], tuple(entry.get("values", ())))


def test_the_categories_of_the_common_mistake_match_no_type() -> None:
    known = re.findall(r"^\| (ecs\.\S+) \|", PAGE, re.MULTILINE)
    categories = {shape.category for name in known if (shape := alibaba_shape(name))}

    assert categories
    assert not categories & {"ecs.g5", "ecs.g6"}


def test_the_example_prints_manifests_and_what_else_they_allow(
    capsys: pytest.CaptureFixture[str],
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    offerings = [offering("g6.xlarge", "use1-az6"), offering("g5.xlarge", "use1-az4")]

    for block in blocks:
        exec(block, {"offerings": offerings})  # noqa: S102 - the page is our own

    printed = capsys.readouterr().out
    assert len(blocks) == 1
    assert printed.startswith("apiVersion: karpenter.k8s.aws/v1\nkind: EC2NodeClass\n")
    assert "also allowed: g6.xlarge in use1-az4\n" in printed


def test_the_table_of_commands_is_what_the_providers_have() -> None:
    overlay = re.findall(r"^\| `spotcast nodeoverlay` \|.*$", PAGE, re.MULTILINE)[0].split("|")[3:7]
    buffer = re.findall(r"^\| `spotcast buffer` \|.*$", PAGE, re.MULTILINE)[0].split("|")[3:7]

    in_order = [AWS, AZURE, GCP, ALIBABA]
    assert ["refused" not in cell for cell in overlay] == [one.has_node_overlay for one in in_order]
    assert [cell.strip() == "both" for cell in buffer] == [
        one.has_capacity_buffer for one in in_order
    ]
