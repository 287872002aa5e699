"""A model's cache in Fluid: manifests that the API server takes, on machines that stay."""

from typing import Any

import pytest
from hypothesis import given, settings

from advisor.errors import ManifestError
from advisor.serving.fluid import FluidCache, Medium, data_load, fluid_manifests
from advisor.serving.fluid_mounts import SCHEMES, Runtime
from advisor.serving.fluid_prefetch import prefetch
from tests.support.caches import MOUNTS, fluid_caches
from tests.support.crd import judge

ZONES = ("us-east-1a", "us-east-1b")
KEYS = "keys"


def a_cache(**given: Any) -> FluidCache:
    """The cache of a 32B model in two zones."""
    usual: dict[str, Any] = {
        "name": "r1-32b",
        "namespace": "serving",
        "model_uri": "s3://models/r1-32b",
        "weights_gb": 65.53,
        "zones": ZONES,
        "options": {"fs.s3.region": "us-east-1"},
    }
    return FluidCache(**(usual | given))


@settings(max_examples=200, deadline=None)
@given(fluid_caches())
def test_every_cache_makes_manifests_that_the_api_server_takes(cache: FluidCache) -> None:
    made = fluid_manifests(cache)

    assert [one["kind"] for one in made][::2] == ["Dataset", "DataLoad"]
    assert [judge("fluid", one).errors for one in made] == [(), (), ()]


def test_every_address_of_every_runtime_is_among_those_judged() -> None:
    shown = {
        runtime: {uri.partition("://")[0] for uri, *_ in mounts}
        for runtime, mounts in MOUNTS.items()
    }

    assert set(shown) == set(SCHEMES)
    assert all(shown[runtime] <= set(SCHEMES[runtime]) for runtime in shown)


def test_workers_are_on_demand_and_one_for_each_zone() -> None:
    dataset, runtime, _ = fluid_manifests(a_cache(node_labels={"pool": "cache"}))

    terms = dataset["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert terms == [
        {
            "matchExpressions": [
                {"key": "topology.kubernetes.io/zone", "operator": "In", "values": list(ZONES)},
                {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
                {"key": "pool", "operator": "In", "values": ["cache"]},
            ]
        }
    ]
    assert runtime["spec"]["replicas"] == 2
    on_demand = {"karpenter.sh/capacity-type": "on-demand"}
    assert runtime["spec"]["master"] == {"nodeSelector": on_demand}


def test_zone_ids_have_a_label_of_their_own() -> None:
    dataset = fluid_manifests(a_cache(zones=("use1-az4",)))[0]

    terms = dataset["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert terms[0]["matchExpressions"][0]["key"] == "topology.k8s.aws/zone-id"


def test_as_many_copies_are_loaded_as_there_are_zones_and_nothing_places_the_loader() -> None:
    load = fluid_manifests(a_cache())[2]

    assert load["spec"] == {
        "dataset": {"name": "r1-32b", "namespace": "serving"},
        "loadMetadata": True,
        "target": [{"path": "/", "replicas": 2}],
    }


def test_another_load_has_another_name() -> None:
    assert data_load(a_cache(), "again")["metadata"]["name"] == "again"


@pytest.mark.parametrize("medium", Medium)
def test_each_worker_has_room_for_the_whole_model(medium: Medium) -> None:
    spec = fluid_manifests(a_cache(medium=medium))[1]["spec"]

    level, requests = spec["tieredstore"]["levels"][0], spec["worker"]["resources"]["requests"]
    # 61.03 GiB of weights, and 15 % more.
    assert (level["mediumtype"], level["quota"]) == (medium.value, "71Gi")
    if medium is Medium.MEMORY:
        assert (level["path"], requests["memory"]) == ("/dev/shm", "75Gi")  # noqa: S108 - memory
    else:
        assert (level["path"], requests["ephemeral-storage"]) == ("/mnt/fluid-cache", "71Gi")


def test_the_model_is_at_the_root_of_the_claim_and_keys_come_from_the_secret() -> None:
    dataset = fluid_manifests(a_cache(secret=KEYS))[0]

    [mount] = dataset["spec"]["mounts"]
    assert (mount["path"], mount["readOnly"]) == ("/", True)
    assert mount["encryptOptions"] == [
        {"name": key, "valueFrom": {"secretKeyRef": {"name": KEYS, "key": key}}}
        for key in ("fs.s3.accessKeyId", "fs.s3.accessKeySecret")
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model_uri": "hf://org/r1"}, "copy the model to a bucket or a volume first"),
        ({"model_uri": "hdfs://a/b"}, "jindo mounts s3://, oss://, pvc:// only"),
        ({"model_uri": "models/r1"}, "is no address"),
        ({"model_uri": "s3:///"}, "is no address"),
        ({"options": {}}, "give --option fs.s3.region=VALUE"),
        ({"runtime": Runtime.JUICEFS, "model_uri": "juicefs:///"}, "needs a Secret"),
        ({"model_uri": "pvc://a/b", "secret": "keys"}, "takes no keys for pvc://"),
        ({"zones": ()}, "name each zone"),
        ({"zones": ("a", "a")}, "name each zone"),
        ({"zones": ("us-east-1a", "use1-az4")}, "are mixed"),
        ({"zones": ("a b",)}, "no label value"),
        ({"weights_gb": 0.0}, "no size of a model"),
        ({"weights_gb": float("nan")}, "no size of a model"),
        ({"name": "R1"}, "is no name"),
        ({"name": "r1.5"}, "no dots"),
        ({"node_labels": {"a b": "c"}}, "not of the form"),
    ],
)
def test_what_would_never_serve_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        fluid_manifests(a_cache(**given))


def test_a_large_model_is_waited_for_longer_than_the_webhook_would() -> None:
    large, small = prefetch("r1-32b", 65.53), prefetch("small", 5)

    assert large.annotations == {
        "file-prefetcher.fluid.io/inject": "true",
        "file-prefetcher.fluid.io/file-list": "pvc://r1-32b/*.safetensors",
        "file-prefetcher.fluid.io/async-prefetch": "false",
        "file-prefetcher.fluid.io/prefetch-timeout-seconds": "313",
    }
    assert large.labels == {"fuse.serverful.fluid.io/inject": "true"}
    assert large.memory_gib == 62
    assert small.annotations["file-prefetcher.fluid.io/prefetch-timeout-seconds"] == "120"
