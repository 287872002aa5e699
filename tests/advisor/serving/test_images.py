"""Images that come sooner: node classes that the API server takes, and that lose nothing."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import ManifestError
from advisor.karpenter.manifests import to_yaml
from advisor.lead_time import ImagePull
from advisor.serving.images import Fast, System, Way, fragment, merged
from advisor.serving.images_aws import root_gib, snapshot, soci
from advisor.serving.images_elsewhere import (
    artifact_streaming,
    image_streaming,
    nydus,
    overlaybd,
    secondary_disk,
)
from tests.support.caches import FASTS, a_node_class
from tests.support.crd import judge
from tests.support.karpenter import CRD_FOLDER

SNAPSHOT = "snap-0123456789abcdef0"


@pytest.mark.parametrize("provider", FASTS)
def test_every_way_makes_node_classes_that_the_api_server_takes(provider: str) -> None:
    judged = 0

    @settings(max_examples=200, deadline=None)
    @given(FASTS[provider])
    def hold(fast: Fast) -> None:
        nonlocal judged
        made = merged(a_node_class(fast), fast)
        assert judge(CRD_FOLDER[provider], made).errors == ()
        assert merged(made, fast) == made
        assert yaml.safe_load(to_yaml([made])) == made
        judged += 1

    hold()
    assert judged >= min(200, 1 if provider == "azure" else 2)


@settings(max_examples=100, deadline=None)
@given(st.one_of(*FASTS.values()), st.dictionaries(st.sampled_from(["a", "b"]), st.just("c")))
def test_what_a_node_class_says_already_it_still_says(fast: Fast, tags: dict[str, str]) -> None:
    before = a_node_class(fast)
    before["spec"]["tags"] = tags
    kept = deepcopy(before)

    made = merged(before, fast)

    assert before == kept
    assert made["metadata"] == kept["metadata"]
    changed = {*fast.spec, "userData"}
    for key in set(kept["spec"]) - changed:
        assert made["spec"][key] == kept["spec"][key]


def test_a_fragment_has_the_fields_alone() -> None:
    assert fragment(artifact_streaming(), "gpu") == {
        "apiVersion": "karpenter.azure.com/v1beta1",
        "kind": "AKSNodeClass",
        "metadata": {"name": "gpu"},
        "spec": {"artifactStreaming": {"enabled": True}},
    }
    assert fragment(image_streaming(), "gpu") is None


def test_the_pull_is_what_the_lead_time_counts_with() -> None:
    assert {
        (fast.way, fast.pull)
        for fast in (
            soci(System.AL2023),
            soci(System.BOTTLEROCKET),
            snapshot(SNAPSHOT),
            secondary_disk("global/images/x", image_gb=9),
            image_streaming(),
            artifact_streaming(),
            overlaybd(),
            nydus(),
        )
    } == {
        (Way.SOCI, ImagePull.SOCI),
        (Way.SOCI, ImagePull.SOCI_BOTTLEROCKET),
        (Way.SNAPSHOT, ImagePull.PRELOADED),
        (Way.SECONDARY_DISK, ImagePull.PRELOADED),
        (Way.STREAMING, ImagePull.LAZY),
        (Way.ARTIFACT_STREAMING, ImagePull.LAZY),
        (Way.OVERLAYBD, ImagePull.LAZY),
        (Way.NYDUS, ImagePull.LAZY),
    }


def test_the_disk_is_fast_and_large_enough_and_a_better_one_stays() -> None:
    before = a_node_class(soci(System.AL2023))
    ebs = before["spec"]["blockDeviceMappings"][0]["ebs"]
    ebs |= {"throughput": 900, "iops": 9000, "kmsKeyID": "key"}

    made = merged(before, soci(System.AL2023, image_gb=30, weights_gb=141))

    [disk] = made["spec"]["blockDeviceMappings"]
    # Twice 30 GB, 141 GB and 20 GiB.
    assert disk["ebs"] == {**ebs, "volumeSize": "208Gi"}
    assert root_gib(9.35, 0) == 200


def test_a_disk_of_another_type_keeps_its_own_speed() -> None:
    before = a_node_class(soci(System.AL2023))
    before["spec"]["blockDeviceMappings"][0]["ebs"] |= {"volumeType": "io2", "iops": 20000}

    [disk] = merged(before, soci(System.AL2023))["spec"]["blockDeviceMappings"]

    assert (disk["ebs"]["volumeType"], disk["ebs"]["iops"]) == ("io2", 20000)
    assert "throughput" not in disk["ebs"]


def test_a_disk_whose_type_or_size_compares_with_none_stays_as_it_is() -> None:
    before = a_node_class(soci(System.AL2023))
    before["spec"]["blockDeviceMappings"][0]["ebs"] = {"volumeType": "st1", "volumeSize": "1T"}

    [disk] = merged(before, soci(System.AL2023))["spec"]["blockDeviceMappings"]

    assert disk["ebs"] == {"volumeType": "st1", "volumeSize": "1T", "encrypted": True}


def test_other_disks_stay_and_the_root_stays_the_root() -> None:
    before = a_node_class(soci(System.AL2023))
    data = {"deviceName": "/dev/xvdz", "rootVolume": True, "ebs": {"volumeSize": "1Ti"}}
    before["spec"]["blockDeviceMappings"] = [data]

    made = merged(before, soci(System.AL2023))

    first, second = made["spec"]["blockDeviceMappings"]
    assert first == data
    assert (second["deviceName"], "rootVolume" in second) == ("/dev/xvda", False)
    assert judge("aws", made).errors == ()


def test_a_volume_of_a_snapshot_is_not_told_its_encryption() -> None:
    fast = snapshot(SNAPSHOT)
    [disk] = merged(a_node_class(fast), fast)["spec"]["blockDeviceMappings"]

    assert "encrypted" not in disk["ebs"]
    assert disk["ebs"]["snapshotID"] == SNAPSHOT


def test_a_disk_of_images_goes_beside_the_boot_disk() -> None:
    fast = secondary_disk("global/images/vllm-1", image_gb=9.35)
    made = merged(a_node_class(fast), fast)

    boot, images = made["spec"]["disks"]
    assert boot["boot"]
    assert images == {
        "category": "pd-balanced",
        "sizeGiB": 21,
        "secondaryBootImage": "global/images/vllm-1",
        "secondaryBootMode": "CONTAINER_IMAGE_CACHE",
    }


def test_a_script_of_ones_own_runs_first_and_once() -> None:
    before = a_node_class(overlaybd())
    before["spec"]["userData"] = "#!/bin/bash\necho mine\n"

    made = merged(before, overlaybd())

    text = made["spec"]["userData"]
    assert text.startswith("#!/bin/bash\necho mine\n\n# Images by overlaybd")
    assert merged(made, overlaybd())["spec"]["userData"] == text


@pytest.mark.parametrize(
    ("fast", "change", "said"),
    [
        (soci(System.BOTTLEROCKET), {"amiSelectorTerms": [{"alias": "al2023@v1"}]}, "--os al2023"),
        (
            soci(System.AL2023),
            {"amiFamily": "Bottlerocket", "amiSelectorTerms": []},
            "bottlerocket",
        ),
        (snapshot(SNAPSHOT), {"instanceStorePolicy": "RAID0"}, "where those of the snapshot are"),
        (soci(System.BOTTLEROCKET), {"userData": "echo"}, "it is no TOML"),
        (overlaybd(), {"userData": "#cloud-config\n"}, "no bash script"),
        (nydus(), {"userData": "#!/bin/bash\nexit 0\n"}, "lets nothing run behind it"),
        (secondary_disk("global/images/x", image_gb=1), {"disks": []}, "no boot disk"),
    ],
)
def test_a_node_class_that_says_otherwise_is_refused(
    fast: Fast, change: dict[str, Any], said: str
) -> None:
    before = a_node_class(fast)
    before["spec"] |= change

    with pytest.raises(ManifestError, match=said):
        merged(before, fast)


def test_a_node_class_of_another_cloud_is_refused() -> None:
    with pytest.raises(ManifestError, match="AKSNodeClass: soci is for aws's EC2NodeClass"):
        merged(a_node_class(artifact_streaming()), soci(System.AL2023))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: soci(System.AL2023, throughput_mib=2000), "gp3 has 125 to 1000"),
        (lambda: snapshot(SNAPSHOT, throughput_mib=1), "gp3 has 125 to 1000"),
        (lambda: snapshot(SNAPSHOT, rate_mib=99), "EBS has 100 to 300"),
        (lambda: snapshot("vol-1"), "is no id"),
        (lambda: secondary_disk("vllm", image_gb=1), "global/images/NAME"),
        (lambda: secondary_disk("global/images/x", image_gb=1, category="ssd"), "is not hyper"),
    ],
)
def test_values_that_no_cloud_has_are_refused(wrong: Callable[[], Fast], said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        wrong()
