"""Terraform: an ``aws_eks_node_group``, or a Karpenter manifest as a resource.

What is built is Terraform's JSON syntax, a plain structure that no quoting can break. The same
structure can be written in its own language for people who review it: see `hcl`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from advisor.errors import ManifestError
from advisor.karpenter.manifests import to_yaml
from advisor.renderers.choice import Provenance, Rendered
from advisor.renderers.eks_node_group import NodeGroupSettings, node_group
from warehouse.records import Offering

ManifestResource = Literal["kubernetes_manifest", "kubectl_manifest"]
"""Of the providers hashicorp/kubernetes and alekc/kubectl. The first one wants the CRD in the
cluster at the time of the plan, the second one does not."""

VARIABLES = {
    "cluster_name": ("string", "Name of the EKS cluster."),
    "node_role_arn": ("string", "ARN of the IAM role of the nodes."),
    "subnet_ids": ("list(string)", "Subnets in which the nodes start."),
}
"""What the module that uses the node group must say; type and description of each."""

_NOT_IN_A_NAME = re.compile(r"[^a-z0-9_]+")


def eks_node_group(
    offerings: Sequence[Offering], settings: NodeGroupSettings, provenance: Provenance
) -> Rendered:
    """The node group as a module: three variables and one resource, in Terraform's JSON syntax.

    Another list of types makes another node group, so Terraform makes the new one first, under a
    name of its own. The desired size is left to whatever scales the group.

    Raises:
        ManifestError: the offerings do not fit into one node group.
    """
    made = node_group(offerings, settings)
    part = made.document
    scaling = part["scalingConfig"]
    resource = {
        "cluster_name": "${var.cluster_name}",
        "node_group_name_prefix": literal(f"{settings.name}-"),
        "node_role_arn": "${var.node_role_arn}",
        "subnet_ids": "${var.subnet_ids}",
        "capacity_type": part["capacityType"],
        "instance_types": part["instanceTypes"],
        "ami_type": part["amiType"],
        "disk_size": part["diskSize"],
        "labels": literal(part.get("labels", {})),
        "scaling_config": {
            "min_size": scaling["minSize"],
            "max_size": scaling["maxSize"],
            "desired_size": scaling["desiredSize"],
        },
        "update_config": {"max_unavailable": part["updateConfig"]["maxUnavailable"]},
        "taint": part.get("taints", []),
        "lifecycle": {
            "create_before_destroy": True,
            "ignore_changes": ["scaling_config[0].desired_size"],
        },
    }
    kept = {key: value for key, value in resource.items() if value not in ({}, [])}
    document = {
        "//": provenance.sentences(),
        "variable": {
            name: {"type": kind, "description": told} for name, (kind, told) in VARIABLES.items()
        },
        "resource": {"aws_eks_node_group": {resource_name(settings.name): kept}},
    }
    return Rendered(document, made.notes)


def karpenter_manifests(
    manifests: Sequence[Mapping[str, Any]],
    provenance: Provenance,
    resource: ManifestResource = "kubernetes_manifest",
) -> Rendered:
    """Manifests such as a NodePool, each as one resource, in Terraform's JSON syntax.

    Raises:
        ManifestError: two manifests would be one resource.
    """
    resources: dict[str, dict[str, Any]] = {}
    for manifest in manifests:
        name = resource_name(f"{manifest['kind']}_{manifest['metadata']['name']}".lower())
        if name in resources:
            raise ManifestError(name, "two manifests of one name; give each a name of its own")
        resources[name] = (
            {"manifest": literal(dict(manifest))}
            if resource == "kubernetes_manifest"
            else {"yaml_body": literal(to_yaml([manifest])), "server_side_apply": True}
        )
    return Rendered({"//": provenance.sentences(), "resource": {resource: resources}})


def resource_name(name: str) -> str:
    """A name that Terraform takes for a resource: ``gpu_spot`` of ``gpu-spot``."""
    plain = _NOT_IN_A_NAME.sub("_", name.lower())
    return plain if plain[:1].isalpha() else f"r_{plain}"


def literal(value: Any) -> Any:
    """``value`` with no template in it: Terraform reads ``${`` and ``%{`` in any string."""
    if isinstance(value, str):
        return value.replace("${", "$${").replace("%{", "%%{")
    if isinstance(value, Mapping):
        return {literal(key): literal(one) for key, one in value.items()}
    if isinstance(value, Sequence):
        return [literal(one) for one in value]
    return value
