"""Whatever is chosen, every manifest of every provider passes its CRD: schema and CEL rules.

The same manifests go to a real API server in tests/cluster, which also knows the core kinds.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.karpenter.manifests import to_yaml
from tests.support.crd import has_crd, judge
from tests.support.karpenter import CRD_FOLDER, OUTPUTS, PROVIDERS, outputs_of

ONLY_IN_NEWER_CRDS = {"replicas:", "Balanced", "Gte", "Lte"}
"""What Alibaba Cloud's Karpenter, of core 1.2, does not know."""
JUDGED = [(cloud, name) for cloud in PROVIDERS for name in outputs_of(cloud) if name != "pausepods"]
RULES_OF = {"NodePool": 7, "NodeClaim": 4, "NodeOverlay": 5, "CapacityBuffer": 2}
"""CEL rules that a manifest of the kind meets at least; fewer, and the judge has not judged."""


def test_every_output_of_every_provider_is_among_those_judged() -> None:
    by_provider = {cloud: {name for one, name in JUDGED if one == cloud} for cloud in PROVIDERS}
    everywhere = {"nodepool", "nodepools", "nodeclass", "nodeclaim"}

    assert by_provider == {
        "aws": everywhere | {"nodeoverlay", "capacitybuffer"},
        "alibaba": everywhere,
        "gcp": everywhere | {"capacitybuffer"},
        "azure": everywhere | {"nodeoverlay"},
    }


@pytest.mark.parametrize(("provider", "output"), JUDGED)
def test_every_choice_makes_manifests_that_the_api_server_takes(provider: str, output: str) -> None:
    cloud = CRD_FOLDER[provider]
    judged = 0

    @settings(max_examples=200, deadline=None)
    @given(OUTPUTS[output](provider))
    def hold(manifests: list[dict[str, Any]]) -> None:
        nonlocal judged
        for manifest in manifests:
            if has_crd(cloud, manifest):
                verdict = judge(cloud, manifest)
                assert verdict.errors == ()
                least = 3 if provider == "alibaba" else RULES_OF.get(manifest["kind"], 0)
                assert len(verdict.rules) >= least
                judged += 1

    hold()
    assert judged >= 200


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["nodepool", "nodepools", "nodeclaim"]).flatmap(lambda n: OUTPUTS[n]("alibaba"))
)
def test_alibaba_cloud_is_sent_nothing_that_its_older_karpenter_lacks(
    manifests: list[dict[str, Any]],
) -> None:
    assert not ONLY_IN_NEWER_CRDS & set(to_yaml(manifests).split())
