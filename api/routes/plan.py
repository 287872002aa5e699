"""``/v1/plan``: what a new list would change, and which nodes it would take."""

from fastapi import APIRouter, Request, Response

from api.service.plans import PlanIn, PlanOut, plan_answer
from api.web.manifests import manifest_pages, object_or_yaml, yaml_of
from api.web.service import Served

router = APIRouter(tags=["advice"])


@router.post("/plan", responses=manifest_pages("The plans"), response_model=PlanOut)
def post_plan(request: Request, service: Served, asked: PlanIn) -> Response:
    """Show what a new list would change in a NodePool, and each node that it would replace.

    Nothing is applied, and no cluster is asked: what is there comes in the body. JSON is the plan;
    YAML is the manifest that `kubectl apply --server-side` would take, whatever the verdict.
    """
    made = plan_answer(service, asked)
    return object_or_yaml(request, made, lambda: yaml_of(made.manifests))
