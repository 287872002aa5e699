"""The role that docs/providers/kubernetes.md gives, on a real API server: enough, and no more."""

import pytest

from collector.providers.kubernetes import events, nodeclaims, nodes
from tests.support.control_plane import ControlPlane
from tests.support.watched import (
    RESOURCES,
    USER,
    Run,
    as_account,
    documented,
    grant,
    run_as,
)
from warehouse.records import RunOutcome
from warehouse.store import Warehouse

FEEDS = {feed.name: feed for feed in (nodes.FEED, events.FEED, nodeclaims.FEED)}
"""By name, in the order of `RESOURCES`."""


@pytest.mark.smoke
@pytest.mark.parametrize("name", FEEDS)
def test_the_documented_role_is_enough(name: str, run: Run) -> None:
    assert [run(FEEDS[name]).outcome for _ in range(2)] == [RunOutcome.OK, RunOutcome.OK]


@pytest.mark.parametrize(("name", "resource"), list(zip(FEEDS, RESOURCES, strict=True)))
def test_without_the_role_the_error_names_what_to_grant(
    name: str, resource: str, plane: ControlPlane, run: Run
) -> None:
    role, binding = documented()
    name_in_role = resource.partition(".")[0]
    for rule in role["rules"]:
        rule["resources"] = [one for one in rule["resources"] if one != name_in_role]
    role["rules"] = [rule for rule in role["rules"] if rule["resources"]]
    grant(plane, [role, binding])

    try:
        refused = run(FEEDS[name])
    finally:
        grant(plane, documented())

    assert refused.outcome == RunOutcome.FAILED
    assert f"grant list and watch on {resource} with the ClusterRole" in (refused.error or "")


def test_the_role_lets_nobody_write(plane: ControlPlane) -> None:
    verbs = ("get", "list", "watch", "create", "update", "patch", "delete")

    allowed = [verb for verb in verbs if plane.api.may(USER, verb, "nodes")]

    assert allowed == ["get", "list", "watch"]


def test_a_token_that_is_not_accepted_is_told(plane: ControlPlane, warehouse: Warehouse) -> None:
    environ = {"KUBECONFIG": str(plane.kubeconfig(token="not-a-token"))}  # noqa: S106 - invented

    refused = run_as(environ, warehouse, nodes.FEED)

    assert refused.outcome == RunOutcome.FAILED
    assert "401" in (refused.error or "")


def test_an_administrators_certificate_opens_the_cluster_as_well(
    plane: ControlPlane, warehouse: Warehouse
) -> None:
    assert run_as({"KUBECONFIG": str(plane.kubeconfig())}, warehouse, nodes.FEED).outcome == (
        RunOutcome.OK
    )


def test_a_cluster_without_karpenter_is_no_fault(
    control_plane: ControlPlane, warehouse: Warehouse
) -> None:
    grant(control_plane, documented())

    environ = as_account(control_plane)
    outcomes = {name: run_as(environ, warehouse, FEEDS[name]).outcome for name in FEEDS}

    assert outcomes == {
        "kubernetes.nodes": RunOutcome.OK,
        "kubernetes.nodeclaims": RunOutcome.SKIPPED,
        "kubernetes.events": RunOutcome.OK,
    }


def test_a_cluster_without_karpenter_must_grant_its_rule_all_the_same(
    control_plane: ControlPlane, warehouse: Warehouse
) -> None:
    role, binding = documented()
    grant(control_plane, [{**role, "rules": role["rules"][:1]}, binding])

    refused = run_as(as_account(control_plane), warehouse, nodeclaims.FEED)

    # RBAC is asked before the server knows that there is no such resource.
    assert refused.outcome == RunOutcome.FAILED
    assert "grant list and watch on nodeclaims.karpenter.sh" in (refused.error or "")
