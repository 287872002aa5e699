"""What a server-side apply leaves: maps merged, lists replaced, our own dropped fields gone."""

from typing import Any

from advisor.planning.merge import applied, restoring


def nodepool(spec: dict[str, Any], *owned: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    fields = [
        {"manager": manager, "operation": operation, "fieldsV1": {"f:spec": tree}}
        for manager, operation, tree in owned
    ]
    return {
        "kind": "NodePool",
        "metadata": {"name": "a", "annotations": {"team": "x"}, "managedFields": fields},
        "spec": spec,
    }


def test_fields_of_others_stay_and_lists_are_replaced() -> None:
    current = nodepool({"weight": 1, "limits": {"cpu": "8"}, "disruption": {"budgets": [1, 2]}})

    after = applied(current, nodepool({"disruption": {"budgets": [3]}, "limits": {"gpu": "4"}}))

    assert after["spec"] == {
        "weight": 1,
        "limits": {"cpu": "8", "gpu": "4"},
        "disruption": {"budgets": [3]},
    }


def test_a_field_that_only_we_applied_goes_when_it_is_left_out() -> None:
    ours: dict[str, Any] = {"f:weight": {}, "f:limits": {"f:cpu": {}, "f:gpu": {}}}
    current = nodepool(
        {"weight": 1, "limits": {"cpu": "8", "gpu": "4"}, "replicas": 2},
        ("spotcast", "Apply", ours),
        ("kubectl", "Update", {"f:limits": {"f:gpu": {}}, "f:replicas": {}}),
    )

    assert applied(current, nodepool({}))["spec"] == {"limits": {"gpu": "4"}, "replicas": 2}


def test_labels_of_the_template_are_replaced_as_a_whole() -> None:
    current = nodepool({"template": {"metadata": {"labels": {"a": "1", "b": "2"}}}})

    after = applied(current, nodepool({"template": {"metadata": {"labels": {"a": "3"}}}}))

    assert after["spec"]["template"]["metadata"]["labels"] == {"a": "3"}


def test_only_fields_that_the_apply_touches_are_kept_for_the_way_back() -> None:
    current = nodepool(
        {"weight": 1, "limits": {"cpu": "8"}, "disruption": {"budgets": [1]}, "replicas": 2},
        ("spotcast", "Apply", {"f:replicas": {}}),
    )

    kept = restoring(current, nodepool({"weight": 5, "disruption": {"budgets": [2], "x": 1}}))

    assert kept == {"weight": 1, "disruption": {"budgets": [1]}, "replicas": 2}
