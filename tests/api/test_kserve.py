"""``spotcast kserve`` as a user has it: check, demand and patch, and what each refuses."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from advisor.demand_file import read_demand
from advisor.karpenter.manifests import to_yaml
from tests.support.apiserver import ApplyServer, kubeconfig, serving
from tests.support.cli import Run
from tests.support.kserve import SAMPLES, sample
from tests.support.merging import applied_json, applied_merge

TALK, CORRECTED, LLM = (str(SAMPLES / f"{one}.yaml") for one in ("talk", "corrected", "llm"))
V1BETA1 = "apiVersion: serving.kserve.io/v1beta1"
MODEL = (
    *("--index", str(SAMPLES / "model.safetensors.index.json")),
    *("--config", str(SAMPLES / "config.json")),
)


def test_a_check_ends_with_1_for_errors_alone(run: Run) -> None:
    talk, corrected = run("kserve", "check", TALK), run("kserve", "check", CORRECTED)

    assert (talk.code, corrected.code) == (1, 0)
    assert "KSERVE-RESOURCES-LEVEL" in talk.out
    assert "nothing to mend" in corrected.err


def test_a_check_as_json_has_place_reason_and_fix(run: Run) -> None:
    told = json.loads(run("kserve", "check", TALK, "-o", "json").out)

    first = told["findings"][0]
    assert told["services"] == ["InferenceService serving/deepseek-r1"]
    assert first["place"] == "spec.predictor.resources"
    assert first["fix"] == "Move nvidia.com/gpu to spec.predictor.model.resources."
    assert first["is_mended"] is True


def test_a_guess_is_called_one_on_every_way_out(run: Run) -> None:
    table, file = run("kserve", "demand", TALK), run("kserve", "demand", TALK, "-o", "yaml")
    check = run("kserve", "check", TALK)

    assert "is a guess until the index" in table.err
    assert "is a guess until the index" in check.err
    assert " guess " in table.out
    assert "# weights: 65.28 GB (guess)" in file.out


def test_a_demand_file_is_what_rank_reads(run: Run) -> None:
    file = run("kserve", "demand", CORRECTED, *MODEL, "--concurrency", "4", "-o", "yaml")

    demand, _ = read_demand(file.out, "the answer")

    assert file.code == 0
    assert (demand.gpus, demand.gpu_memory_min_gib, demand.count) == (1, 78.3, 4)
    assert (demand.vcpus_min, demand.memory_min_gib, demand.precision) == (6, 80, "bf16")
    assert "guess" not in file.out.replace("concurrency", "")


def test_a_demand_as_json_names_each_number_and_its_source(run: Run) -> None:
    told = json.loads(run("kserve", "demand", LLM, *MODEL, "-o", "json").out)

    demand = told["demands"]["LLMInferenceService serving/deepseek-r1"]
    sources = {one["name"]: one["source"] for one in told["workings"]}
    assert demand["gpus"] == 2
    assert sources["weights"] == "model.safetensors.index.json: metadata.total_size, bf16"
    assert sources["context"].startswith("max_position_embeddings of config.json")


def test_each_form_of_the_patch_says_the_same(run: Run) -> None:
    asked = ("kserve", "patch", TALK, *MODEL, "-p", "aws")

    merge, operations, full = (run(*asked, "-o", one) for one in ("merge", "json", "full"))

    before = sample("talk")[0]
    whole, budget = yaml.safe_load_all(full.out)
    assert applied_merge(before, yaml.safe_load(merge.out)) == whole
    assert applied_json(before, json.loads(operations.out)) == whole
    assert budget["kind"] == "PodDisruptionBudget"
    assert "Left to you: KSERVE-SINGLE-REPLICA" in merge.err


def test_what_was_patched_needs_no_patch(run: Run, tmp_path: Path) -> None:
    asked = ("-p", "aws", "--replicas", "2", *MODEL)
    full = run("kserve", "patch", TALK, *asked, "-o", "full")
    path = tmp_path / "fixed.yaml"
    path.write_text(full.out, encoding="utf-8")

    check = json.loads(run("kserve", "check", str(path), "-p", "aws", *MODEL, "-o", "json").out)
    again = run("kserve", "patch", str(path), "-p", "aws", *MODEL)

    assert [one["id"] for one in check["findings"]] == ["KSERVE-PROGRESS-DEADLINE"]
    assert yaml.safe_load(again.out) == {}
    assert "needs no patch" in again.err


def test_a_patch_says_that_it_is_for_once(run: Run) -> None:
    told = run("kserve", "patch", TALK, *MODEL).err

    assert "--max-model-len=8192" in told
    assert "Apply it once" in told
    assert "Prices and risks never go here" in told


def test_the_budget_alone_is_written_unless_there_is_one(run: Run) -> None:
    missing, there = (run("kserve", "patch", one, "-o", "pdb") for one in (LLM, CORRECTED))

    assert yaml.safe_load(missing.out)["metadata"]["name"] == "deepseek-r1-kserve"
    assert there.code == 2
    assert "has a PodDisruptionBudget already" in there.err


def test_what_the_api_server_wrote_is_not_applied_again(run: Run, tmp_path: Path) -> None:
    read: dict[str, Any] = sample("corrected")[0]
    read["metadata"] |= {"resourceVersion": "7", "uid": "u", "managedFields": []}
    read["status"] = {"deploymentMode": "Standard"}
    path = tmp_path / "read.yaml"
    path.write_text(to_yaml([read]), encoding="utf-8")

    whole = next(yaml.safe_load_all(run("kserve", "patch", str(path), "-o", "full").out))

    assert set(whole) == {"apiVersion", "kind", "metadata", "spec"}
    assert set(whole["metadata"]) == {"name", "namespace", "annotations"}


def test_a_cluster_is_read_by_its_namespace(run: Run, tmp_path: Path) -> None:
    server = ApplyServer()
    server.put(
        "/apis/serving.kserve.io/v1beta1/namespaces/serving/inferenceservices",
        sample("corrected")[0],
    )
    with serving(server) as url:
        config = str(kubeconfig(tmp_path, url))
        told = run("kserve", "check", "--namespace", "serving", "--kubeconfig", config)

    assert told.code == 0
    assert "KSERVE-NO-PDB" in told.out


def test_the_machines_of_a_region_are_held_against_the_model(run: Run, fresh: str) -> None:
    asked = ("-p", "aws", "-r", "us-east-1", "-w", fresh)

    told = json.loads(run("kserve", "check", CORRECTED, *MODEL, *asked, "-o", "json").out)

    assert [one["id"] for one in told["findings"]] == ["KSERVE-MODEL-FITS-NO-GPU"]


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", 1, "no InferenceService and no LLMInferenceService in it"),
        ("kind: List\nitems: []", 1, "no InferenceService"),
        ("[]", 2, "holds something that is no manifest"),
        ("{a: [", 2, "cannot be read as YAML or JSON"),
        ("- 1\n- 2", 2, "holds something that is no manifest"),
        ("kind: Pod\nmetadata: {name: x}", 1, "no InferenceService"),
        (
            f"{V1BETA1}\nkind: InferenceService\nmetadata: {{name: x}}\nspec: {{predictor: 7}}",
            1,
            "InferenceService x: spec.predictor: an object is wanted, not 7",
        ),
        (
            "apiVersion: serving.kserve.io/v1\nkind: InferenceService\nmetadata: {name: x}",
            1,
            "'serving.kserve.io/v1' is not serving.kserve.io/v1beta1",
        ),
    ],
)
@pytest.mark.parametrize("command", ["check", "demand", "patch"])
def test_what_cannot_be_read_is_a_sentence(
    run: Run, tmp_path: Path, command: str, text: str, *, code: int, said: str
) -> None:
    path = tmp_path / "given.yaml"
    path.write_text(text, encoding="utf-8")

    ended = run("kserve", command, str(path))

    assert ended.code == code
    assert said in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give manifests, or --namespace"),
        ((TALK, "--namespace", "serving"), "give manifests, or --namespace"),
        ((TALK, "--parameters", "32B", "--weights", "65GB"), "each is the size"),
        ((TALK, "--parameters", "many"), "is no number of parameters"),
        ((TALK, "--weights", "0"), "a size is above 0"),
        ((TALK, "--precision", "fp2"), "is none of fp32"),
        ((TALK, "-o", "one-line"), "one line is for instance types"),
        ((TALK, CORRECTED, "-o", "yaml"), "name one of several with --name"),
        ((TALK, "--config", TALK), "cannot be read as JSON"),
    ],
)
def test_a_demand_that_cannot_be_asked_so_ends_with_2(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    ended = run("kserve", "demand", *arguments)

    assert ended.code == 2
    assert said in ended.err


def test_a_service_that_is_not_there_is_told_with_those_that_are(run: Run) -> None:
    ended = run("kserve", "check", TALK, "--name", "other")

    assert ended.code == 1
    assert "no service 'other'; there is deepseek-r1" in ended.err


def test_the_commands_of_the_page_run_as_they_are_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (SAMPLES.parents[1] / "serving.md").read_text(encoding="utf-8")
    lines = [one for one in page.splitlines() if one.startswith("spotcast kserve ")]
    (tmp_path / "docs").symlink_to(SAMPLES.parents[1])
    monkeypatch.chdir(tmp_path)

    codes: list[int] = []
    for line in lines:
        command, _, target = line.partition(" > ")
        ended = run(*shlex.split(command)[1:])
        codes.append(ended.code)
        if target:
            Path(target).write_text(ended.out, encoding="utf-8")

    assert codes == [1, 1, 0, 0, 0, 0, 0]
    assert read_demand(Path("demand.yaml").read_text("utf-8"), "demand.yaml")[0].gpus == 1
