"""KServe's LocalModelCache, and the annotation that names what new nodes wait for."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import ManifestError
from advisor.replacement.records import Warmth
from advisor.serving.awaited import Awaited, Cache, awaited
from advisor.serving.local_models import LocalModel, local_model_manifests, local_verdict
from tests.support.caches import a_local_model, local_models, names
from tests.support.crd import judge

MODEL = LocalModel(
    name="r1-32b", model_uri="hf://org/r1", weights_gb=65.53, nodepools=("gpu", "gpu-a")
)

caches = st.builds(Awaited, st.just(Cache.DATASET), names, names) | st.builds(
    Awaited, st.just(Cache.LOCAL_MODEL), st.just(""), names
)


@settings(max_examples=200, deadline=None)
@given(local_models)
def test_every_local_model_makes_manifests_that_the_api_server_takes(model: LocalModel) -> None:
    made = local_model_manifests(model)

    assert [one["kind"] for one in made] == ["LocalModelNodeGroup", "LocalModelCache"]
    assert [judge("localmodel", one).errors for one in made] == [(), ()]


def test_the_model_goes_to_the_nodes_of_its_nodepools() -> None:
    group, cache = local_model_manifests(MODEL)

    volume = group["spec"]["persistentVolumeSpec"]
    assert volume["nodeAffinity"]["required"]["nodeSelectorTerms"] == [
        {
            "matchExpressions": [
                {"key": "karpenter.sh/nodepool", "operator": "In", "values": ["gpu", "gpu-a"]}
            ]
        }
    ]
    assert (group["spec"]["storageLimit"], volume["capacity"]) == ("66G", {"storage": "66G"})
    assert cache["spec"] == {
        "sourceModelUri": "hf://org/r1",
        "modelSize": "66G",
        "nodeGroups": ["r1-32b"],
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model_uri": "r1"}, "is no address"),
        ({"weights_gb": -1.0}, "no size of a model"),
        ({"nodepools": ()}, "name the NodePools"),
        ({"nodepools": ("A",)}, "is no name"),
        ({"name": "r_1"}, "is no name"),
        ({"storage_gb": 60.0}, "60 GB do not hold 65.5 GB"),
    ],
)
def test_a_model_that_would_never_come_is_refused(given: dict[str, Any], said: str) -> None:
    usual: dict[str, Any] = {"name": "r1", "model_uri": "hf://o/r1", "weights_gb": 65.5}
    usual["nodepools"] = ("gpu",)
    with pytest.raises(ManifestError, match=said):
        LocalModel(**(usual | given))


@pytest.mark.parametrize(
    ("status", "warmth", "why"),
    [
        ("NodeDownloaded", Warmth.WARM, "it is downloaded"),
        ("NodeDownloading", Warmth.WARMING, "being downloaded"),
        ("NodeDownloadPending", Warmth.WARMING, "has not begun"),
        ("NodeDownloadError", Warmth.WARMING, "failed"),
        ("NodeNotReady", Warmth.WARMING, "not Ready"),
        ("", Warmth.UNKNOWN, "says nothing of the node"),
        ("Downloaded", Warmth.UNKNOWN, "says nothing of the node"),
    ],
)
def test_a_node_is_warm_only_when_kserve_says_that_it_has_the_model(
    status: str, warmth: Warmth, why: str
) -> None:
    found = local_verdict(a_local_model(n1=status), "n1")

    assert found.warmth is warmth
    assert why in found.why
    assert local_verdict(a_local_model(n1=status), "n2").warmth is Warmth.UNKNOWN


def test_a_cache_without_a_status_says_nothing() -> None:
    assert local_verdict({"metadata": {"name": "r1"}}, "n1").warmth is Warmth.UNKNOWN


@given(st.lists(caches, min_size=1, unique=True))
def test_what_is_written_in_the_annotation_is_read_from_it(wanted: list[Awaited]) -> None:
    assert awaited(" , ".join(map(str, [*wanted, wanted[0]]))) == tuple(wanted)


@pytest.mark.parametrize(
    "text",
    [
        *("", ",", "dataset", "dataset/r1", "dataset/a/b/c", "localmodelcache/a/b"),
        *("localmodelcache/", "Dataset/a/b", "dataset/a/B", "dataset/a/b,", "pvc/a/b"),
        *("dataset//b", "dataset/a/b dataset/a/c"),
    ],
)
def test_what_names_no_cache_is_refused_with_the_form_that_does(text: str) -> None:
    with pytest.raises(ManifestError, match="write dataset/NAMESPACE/NAME or localmodelcache/NAME"):
        awaited(text)
