"""Every manifest that we write is accepted by a real API server, as ``kubectl apply`` sends it.

Server-side apply with ``dryRun=All``: schema, CEL rules, defaults, admission, and unknown fields
refused. What is sent is our own YAML, so that what is not quoted there is seen as the server does.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.karpenter.nodepool import NodePoolSettings, nodepool
from tests.support.control_plane import ControlPlane
from tests.support.karpenter import OUTPUTS, TYPES, ZONES, every_manifest, outputs_of
from tests.support.offerings import offering

DEMANDS = 200
"""Generated choices of each provider; each makes some of every kind of manifest."""


@pytest.mark.smoke
@settings(max_examples=DEMANDS, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_manifest_is_accepted(
    provider_plane: ControlPlane, provider: str, data: st.DataObject
) -> None:
    manifests = data.draw(every_manifest(provider))

    refused = [said for one in manifests if (said := refusal(provider_plane, one))]

    assert manifests
    assert refused == []


def test_each_kind_of_manifest_is_among_them(provider: str) -> None:
    lacking = {"alibaba": {"nodeoverlay", "capacitybuffer"}, "gcp": {"nodeoverlay"}}
    lacking["azure"] = {"capacitybuffer"}

    assert set(outputs_of(provider)) == set(OUTPUTS) - lacking.get(provider, set())


def test_a_dry_run_leaves_nothing_behind(provider_plane: ControlPlane, provider: str) -> None:
    machine = offering(TYPES[provider][0], ZONES[provider][0][1], provider=provider)
    manifest = nodepool([machine], NodePoolSettings("rehearsed", "gpu"), {})

    assert refusal(provider_plane, manifest) is None
    assert provider_plane.api.find(manifest) is None


def refusal(plane: ControlPlane, manifest: dict[str, Any]) -> str | None:
    """What the server says against the manifest; None if it takes it."""
    answer = plane.api.apply(manifest, dry_run=True)
    return None if answer.is_success else f"{manifest['kind']}: {answer.json()['message']}"
