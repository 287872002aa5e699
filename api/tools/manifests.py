"""``nodepool`` and ``plan``: the manifests of the best machines, and what they would change."""

from typing import Annotated, Any

from pydantic import Field

from advisor.karpenter.manifests import to_yaml
from api.service.karpenter import NodePoolFields, nodepool_manifests
from api.service.manifests import ManifestsOut
from api.service.manifests_in import MOST_CHARACTERS
from api.service.plans import PlanIn, PlanOut, plan_answer
from api.service.state import Service
from api.service.wishes import DemandIn, PolicyIn
from api.tools.tool import Tool
from api.tools.words import told


class NodePoolAsked(DemandIn, PolicyIn, NodePoolFields):
    """A workload's demand, one provider and one region, and how the NodePool treats its nodes."""


class NodePoolTold(ManifestsOut):
    """The same, with the text that kubectl takes."""

    yaml: str = Field(description="To be read by a person before it is applied.")


def nodepool(service: Service, asked: NodePoolAsked) -> NodePoolTold:
    """The NodePool of the best offerings of one region."""
    made = nodepool_manifests(service, asked.demand(), asked.policy(), asked)
    head = "".join(f"# {line}\n" for line in made.head)
    return NodePoolTold(**dict(made), yaml=head + to_yaml(made.items))


def _nodepool_text(made: NodePoolTold) -> str:
    return told([*(f"# {one}" for one in made.notes if one not in made.head), made.yaml])


class PlanAsked(NodePoolAsked):
    """The same, with what is there and what may change."""

    current: Annotated[str, Field(max_length=MOST_CHARACTERS)] = Field(
        description="The present NodePool as YAML: `kubectl get nodepool NAME -o yaml`."
    )
    nodes: Annotated[str, Field(max_length=MOST_CHARACTERS)] | None = Field(
        default=None,
        description="What runs, as YAML: `kubectl get nodeclaims,nodes -o yaml`. Without it, which "
        "nodes would be replaced is unknown.",
    )
    wanted: Annotated[str, Field(max_length=MOST_CHARACTERS)] | None = Field(
        default=None, description="A NodePool as YAML, instead of that of the best offerings."
    )
    evict: list[Annotated[str, Field(max_length=500)]] = Field(
        default_factory=list,
        max_length=50,
        description="Types, zones or keys that may go though nodes run on them, or `all`.",
    )
    churn: str = Field(
        default="10%", max_length=20, description="Nodes that may be replaced: number or share."
    )

    def body(self) -> PlanIn:
        """As the service is asked."""
        given = self.model_dump()
        demand: dict[str, Any] = {name: given.pop(name) for name in DemandIn.model_fields}
        policy: dict[str, Any] = {name: given.pop(name) for name in PolicyIn.model_fields}
        return PlanIn.model_validate({"demand": demand, "policy": policy, **given})


def plan(service: Service, asked: PlanAsked) -> PlanOut:
    """What a new list would change, and which nodes it would take."""
    return plan_answer(service, asked.body())


def _plan_text(made: PlanOut) -> str:
    verdict = "REFUSED: it takes more nodes than may go." if made.is_refused else ""
    return told([verdict, made.text, *made.notes, "Nothing was applied."])


PLAN = Tool(
    name="plan",
    title="Plan a change of a NodePool",
    description=(
        "What applying the NodePool of the best machines would change in the one that is there: "
        "types and zones that come and go, nodes that would drift and be replaced, cost and risk "
        "before and after, and whether it is within the budget. Nothing is applied."
    ),
    asks=PlanAsked,
    answers=PlanOut,
    answer=plan,
    text=_plan_text,
)

NODEPOOL = Tool(
    name="nodepool",
    title="Write a Karpenter NodePool",
    description=(
        "Write the Karpenter NodePool that allows the best machines for a workload in one region "
        "of one provider. It is only written, not applied. Where the cluster has one already, ask "
        "`plan` before: a type that is taken out of the list replaces the nodes that run on it."
    ),
    asks=NodePoolAsked,
    answers=NodePoolTold,
    answer=nodepool,
    text=_nodepool_text,
)
