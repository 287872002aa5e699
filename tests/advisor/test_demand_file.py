"""A demand as a file: what is written is what is asked, and what is not known is an error."""

from dataclasses import fields
from datetime import timedelta

import pytest

from advisor import Demand, Policy, Work
from advisor.demand_file import DEMAND_KEYS, POLICY_KEYS, read_demand
from advisor.errors import DemandError

WHOLE = """
demand:
  gpus: 1
  gpu_memory_min: 16 GiB
  gpu_memory_total_min: 0.5 TiB
  gpu_manufacturer: any
  precision: bf16
  nvlink: true
  vcpus_min: 4
  memory_min: 64Gi
  architecture: amd64
  restart: 20m
  interruption_cost_usd: 2.5
  lead_time: 90s
  runs_for: 6h
  count: 4
  work: bandwidth
policy:
  providers: [aws, gcp]
  regions: us-east-1
  types_not: ["g5.*"]
  max_usd_per_hour: 3
  max_share_zone: 0.5
  on_demand_min: 0.25
  types_min: 3
"""


def test_every_field_is_read_with_its_unit() -> None:
    demand, policy = read_demand(WHOLE, "d.yaml")

    assert demand == Demand(
        gpus=1,
        gpu_memory_min_gib=16,
        gpu_memory_total_min_gib=512,
        gpu_manufacturer=None,
        precision="bf16",
        nvlink=True,
        vcpus_min=4,
        memory_min_gib=64,
        architecture="amd64",
        restart=timedelta(minutes=20),
        interruption_cost_usd=2.5,
        lead_time=timedelta(seconds=90),
        runs_for=timedelta(hours=6),
        count=4,
        work=Work.BANDWIDTH,
    )
    assert policy == Policy(
        providers=("aws", "gcp"),
        regions=("us-east-1",),
        types_not=("g5.*",),
        max_usd_per_hour=3,
        max_share_zone=0.5,
        on_demand_min=0.25,
        types_min=3,
    )


def test_either_half_may_be_left_out() -> None:
    assert read_demand("demand: {gpus: 2}", "d.yaml") == (Demand(gpus=2), Policy())
    assert read_demand("policy: {types: g5.*}", "d.yaml") == (Demand(), Policy(types=("g5.*",)))


def test_every_field_of_demand_and_policy_has_a_key() -> None:
    assert {name for name, _ in DEMAND_KEYS.values()} == {one.name for one in fields(Demand)}
    assert {name for name, _ in POLICY_KEYS.values()} == {one.name for one in fields(Policy)}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "d.yaml: write a mapping with the keys demand and policy"),
        ("[1]", "d.yaml: write a mapping"),
        ("demand: [", "d.yaml: no YAML"),
        ("demands: {}", "d.yaml: demands: no such key; did you mean demand"),
        ("demand: {gpu: 1}", "d.yaml: demand: gpu: no such key; did you mean gpus"),
        ("demand: {color: red}", "known are gpus"),
        ("demand: {gpus: one}", "d.yaml: demand.gpus: 'one' is no whole number"),
        ("demand: {gpus: true}", "True is no whole number"),
        ("demand: {vcpus_min: many}", "'many' is no number"),
        ("demand: {memory_min: much}", "'much' is no size: write 64 GiB"),
        ("demand: {restart: 20}", "20 is no duration: write 90s"),
        ("demand: {gpu_model: 100}", "100 is no word"),
        ("demand: {nvlink: 1}", "1 is not true or false"),
        ("demand: {gpu_manufacturer: intel}", "'intel' is not nvidia, amd or any"),
        ("demand: {work: joy}", "'joy' is not a valid Work"),
        ("policy: {zones: 4}", "4 is no list of words"),
        ("demand: {gpus: 0, precision: bf16}", "0 GPUs are asked for, and something of a GPU"),
        ("demand: {precision: fp12}", "none of fp32"),
        ("policy: {max_share_pool: 1.5}", "max_share_pool: 1.5 is no share"),
        ("{kind: InferenceService, apiVersion: a/v1}", "`spotcast kserve demand FILE -o yaml`"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(DemandError) as told:
        read_demand(text, "d.yaml")

    assert sentence in str(told.value)
