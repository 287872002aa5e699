"""``/v1/nodepool``, ``/nodeoverlay``, ``/nodeclaim``, ``/buffer``: what Karpenter reads."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.service.karpenter import (
    ClaimIn,
    NodePoolFields,
    NodePoolIn,
    OverlayFields,
    OverlayIn,
    RoomIn,
    claim_manifest,
    nodepool_manifests,
    overlay_manifests,
    room_manifests,
)
from api.service.manifests import ManifestsOut, wished
from api.service.wishes import Wishes
from api.web.manifests import STALE, manifest_pages, manifests_represented
from api.web.service import Served

router = APIRouter(tags=["manifests"])


class NodePoolQuery(Wishes, NodePoolFields):
    """Demand, policy (one provider, one region) and how the NodePool treats its nodes."""


class OverlayQuery(Wishes, OverlayFields):
    """Demand, policy (one provider, one region) and how the overlays are written."""


@router.get("/nodepool", responses=manifest_pages("The NodePools"), response_model=ManifestsOut)
def get_nodepool(
    request: Request, service: Served, asked: Annotated[NodePoolQuery, Query()]
) -> Response:
    """Write a NodePool of the best offerings of one region.

    Only amd64 unless an architecture is asked for. Before applying it over one that is there, ask
    `/v1/plan`: taking a type out of the list replaces the nodes that run on it.
    """
    made = nodepool_manifests(service, asked.demand(), asked.policy(), asked)
    return manifests_represented(request, made)


@router.post("/nodepool", responses=manifest_pages("The NodePools"), response_model=ManifestsOut)
def post_nodepool(request: Request, service: Served, asked: NodePoolIn) -> Response:
    """The same of a demand and a policy in the body."""
    return manifests_represented(request, nodepool_manifests(service, *wished(asked), asked))


@router.get(
    "/nodeoverlay",
    responses=manifest_pages("The NodeOverlays") | STALE,
    response_model=ManifestsOut,
)
def get_nodeoverlay(
    request: Request, service: Served, asked: Annotated[OverlayQuery, Query()]
) -> Response:
    """Write NodeOverlays that add the expected cost of interruptions to spot prices (aws, azure).

    Refused with 409 if the data is stale: the overlays would have expired already.
    """
    made = overlay_manifests(service, asked.demand(), asked.policy(), asked)
    return manifests_represented(request, made)


@router.post(
    "/nodeoverlay",
    responses=manifest_pages("The NodeOverlays") | STALE,
    response_model=ManifestsOut,
)
def post_nodeoverlay(request: Request, service: Served, asked: OverlayIn) -> Response:
    """The same of a demand and a policy in the body."""
    return manifests_represented(request, overlay_manifests(service, *wished(asked), asked))


@router.post("/nodeclaim", responses=manifest_pages("The NodeClaim"), response_model=ManifestsOut)
def post_nodeclaim(request: Request, service: Served, asked: ClaimIn) -> Response:
    """Write a NodeClaim for the best pool that a NodePool allows; types and zones pin it.

    Create it once: each name buys a machine.
    """
    return manifests_represented(request, claim_manifest(service, asked))


@router.post("/buffer", responses=manifest_pages("What keeps room"), response_model=ManifestsOut)
def post_buffer(request: Request, service: Served, asked: RoomIn) -> Response:
    """Write a CapacityBuffer (aws, gcp) or pause pods (anywhere) that keep room for replicas.

    How many to keep is answered by `/v1/headroom`.
    """
    return manifests_represented(request, room_manifests(service, asked))
