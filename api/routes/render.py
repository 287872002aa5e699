"""``/v1/render/...``: the best offerings as the tool that buys them reads it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.service import renders
from api.service.manifests import ManifestsOut, wished
from api.service.wishes import Wishes
from api.web.manifests import manifest_pages, manifests_represented
from api.web.service import Served

router = APIRouter(prefix="/render", tags=["manifests"])

DOCUMENT = manifest_pages("The request or document")
TERRAFORM = manifest_pages("The module; as plain text in HCL", text=True)
LINE = manifest_pages("The line, as plain text", text=True)


class LineQuery(Wishes, renders.LineFields):
    """Demand, policy and how the line is written."""


@router.post("/ec2-fleet", responses=DOCUMENT, response_model=ManifestsOut)
def post_ec2_fleet(request: Request, service: Served, asked: renders.FleetIn) -> Response:
    """Write a request for EC2 CreateFleet (aws)."""
    return manifests_represented(request, renders.fleet(service, asked))


@router.post("/autoscaling-group", responses=DOCUMENT, response_model=ManifestsOut)
def post_autoscaling_group(
    request: Request, service: Served, asked: renders.ScalingGroupIn
) -> Response:
    """Write a request for CreateAutoScalingGroup with a MixedInstancesPolicy (aws)."""
    return manifests_represented(request, renders.scaling_group(service, asked))


@router.post("/eks-node-group", responses=DOCUMENT, response_model=ManifestsOut)
def post_eks_node_group(request: Request, service: Served, asked: renders.NodeGroupIn) -> Response:
    """Write a request for EKS CreateNodegroup, or one per shape (aws)."""
    return manifests_represented(request, renders.node_groups(service, asked))


@router.post("/terraform-node-group", responses=TERRAFORM, response_model=ManifestsOut)
def post_terraform_node_group(
    request: Request, service: Served, asked: renders.TerraformNodeGroupIn
) -> Response:
    """Write a Terraform module with an aws_eks_node_group (aws).

    Plain text is HCL; the one item of JSON is a .tf.json file.
    """
    return manifests_represented(request, renders.terraform_node_groups(service, asked))


@router.post("/terraform-nodepool", responses=TERRAFORM, response_model=ManifestsOut)
def post_terraform_nodepool(
    request: Request, service: Served, asked: renders.TerraformNodePoolIn
) -> Response:
    """Write Karpenter's NodePool as a Terraform resource.

    Plain text is HCL; the one item of JSON is a .tf.json file.
    """
    return manifests_represented(request, renders.terraform_nodepools(service, asked))


@router.post("/cluster-autoscaler", responses=DOCUMENT, response_model=ManifestsOut)
def post_cluster_autoscaler(
    request: Request, service: Served, asked: renders.ExpanderIn
) -> Response:
    """Write the ConfigMap of Cluster Autoscaler's priority expander."""
    return manifests_represented(request, renders.expander(service, asked))


@router.post("/compute-class", responses=DOCUMENT, response_model=ManifestsOut)
def post_compute_class(
    request: Request, service: Served, asked: renders.ComputeClassIn
) -> Response:
    """Write a GKE ComputeClass (gcp)."""
    return manifests_represented(request, renders.gke_compute_class(service, asked))


@router.post("/skypilot", responses=DOCUMENT, response_model=ManifestsOut)
def post_skypilot(request: Request, service: Served, asked: renders.SkyPilotIn) -> Response:
    """Write the resources of a SkyPilot task (aws, gcp, azure; clouds may be mixed)."""
    return manifests_represented(request, renders.skypilot(service, asked))


@router.get("/one-line", responses=LINE, response_model=ManifestsOut)
def get_one_line(
    request: Request, service: Served, asked: Annotated[LineQuery, Query()]
) -> Response:
    """Write the instance types in one line, with commas between."""
    made = renders.line(service, asked.demand(), asked.policy(), asked)
    return manifests_represented(request, made)


@router.post("/one-line", responses=LINE, response_model=ManifestsOut)
def post_one_line(request: Request, service: Served, asked: renders.LineIn) -> Response:
    """The same of a demand and a policy in the body."""
    return manifests_represented(request, renders.line(service, *wished(asked), asked))
