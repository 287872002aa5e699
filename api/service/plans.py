"""Plans: what a new list would change in NodePools that a request carries, and which nodes go."""

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, Field

from advisor import Demand
from advisor.planning.budget import ChurnBudget
from advisor.planning.hysteresis import Hysteresis
from advisor.planning.plan import PlanSettings
from advisor.planning.protection import Eviction
from advisor.planning.report import as_json
from api.choices import Choice
from api.errors import UsageError
from api.making import Made, nodepools_of
from api.planning import Wanted, market_of, plans_of, snapshot_of, text_of
from api.service.karpenter import NodePoolFields, Texts
from api.service.manifests import (
    ManifestsOut,
    choice_in_region,
    manifests_of_choice,
    wished,
)
from api.service.manifests_in import Manifests, manifests_in
from api.service.nodepools_in import nodepools_in
from api.service.state import Service
from api.service.wishes import Asked

SETTLED = Hysteresis()


class PlanIn(Asked, NodePoolFields):
    """Demand, policy and NodePool as for `/v1/nodepool`, what is there, and what may change."""

    current: Manifests = Field(
        description="The present NodePools: `kubectl get nodepools -o yaml`, or as JSON. "
        "One that is not among them is new."
    )
    nodes: Manifests | None = Field(
        default=None, description="What runs: `kubectl get nodeclaims,nodes -o yaml`, or as JSON."
    )
    wanted: Manifests | None = Field(
        default=None, description="NodePools to apply instead of those of the best offerings."
    )
    evict: Texts = Field(
        default_factory=list,
        description="Types, zones or keys that may go though nodes run on them, or `all`.",
    )
    template: bool = Field(
        default=False, description="Write template changes: they replace every node."
    )
    churn: str = Field(
        default="10%", max_length=20, description="Nodes that may be replaced: number or share."
    )
    margin_share: float = Field(
        default=SETTLED.margin_share, ge=0, le=0.99, description="By which a type comes or goes."
    )
    min_stay_seconds: float = Field(
        default=SETTLED.min_stay.total_seconds(),
        ge=0,
        le=366 * 86_400,
        description="How long an applied list stands.",
    )

    def settings(self, max_age: timedelta) -> PlanSettings:
        """What the plan may do.

        Raises:
            BudgetError: the churn is neither a number nor a share.
        """
        settled = Hysteresis(
            margin_share=self.margin_share, min_stay=timedelta(seconds=self.min_stay_seconds)
        )
        return PlanSettings(
            budget=ChurnBudget.of(self.churn),
            hysteresis=None if self.wanted is not None else settled,
            eviction=Eviction(frozenset(self.evict)),
            writes_template=self.template,
            max_age=max_age,
        )


class RequirementOut(BaseModel):
    """A requirement that changes."""

    key: str
    before: list[str]
    after: list[str]
    added: list[str]
    removed: list[str]


class FieldChangeOut(BaseModel):
    """A field that changes."""

    field: str
    before: Any
    after: Any
    replaces_all_nodes: bool


class KeptOut(BaseModel):
    """A change that is held back."""

    key: str
    value: str
    action: str
    reason: str


class DriftedOut(BaseModel):
    """A node that would be replaced."""

    nodeclaim: str
    node: str | None
    instance_type: str | None
    zone: str | None
    reasons: list[str]
    is_held_by_do_not_disrupt: bool


class NodesOutlook(BaseModel):
    """What the running nodes cost and risk. Null is unknown."""

    nodes: int
    usd_per_hour: float | None
    nodes_of_unknown_cost: int
    interruptions_per_hour: float | None
    interrupted_within_24_h: float | None
    nodes_of_unknown_risk: int


class ListOutlookOut(BaseModel):
    """What the list allows costs. Null is unknown."""

    offerings: int
    best_usd_per_hour: float | None
    mean_usd_per_hour: float | None
    offerings_of_unknown_cost: int


class NodesBoth(BaseModel):
    """Now and then."""

    before: NodesOutlook
    after: NodesOutlook


class ListBoth(BaseModel):
    """Now and then."""

    before: ListOutlookOut
    after: ListOutlookOut


class NodePoolPlan(BaseModel):
    """What applying one NodePool comes to."""

    nodepool: str
    verdict: Literal["refused", "nothing", "changes"]
    is_new: bool
    is_stale: bool
    refusal: str | None = Field(description="Why it may not be applied.")
    fits: dict[str, int] = Field(description="What could be evicted within the budget: nodes.")
    requirements: list[RequirementOut]
    fields: list[FieldChangeOut]
    held: list[KeptOut]
    drifted_nodes: list[DriftedOut]
    already_drifted: list[str]
    running_nodes: int | None = Field(description="Null: `nodes` was not given.")
    nodes: NodesBoth
    list: ListBoth
    manifest: dict[str, Any] = Field(description="What would be applied.")


class PlanOut(BaseModel):
    """One plan for each NodePool that is wanted."""

    plans: list[NodePoolPlan]
    is_refused: bool
    text: str = Field(description="The same in sentences, with a diff.")
    as_of: datetime
    data_as_of: datetime | None
    is_stale: bool
    notes: list[str]
    manifests: ManifestsOut = Field(exclude=True)
    """What would be applied, for those who take YAML."""


def plan_answer(service: Service, asked: PlanIn) -> PlanOut:
    """What would change, and which nodes it would take. Nothing is applied.

    Raises:
        NoAnswerError: nothing is left of the market.
        ManifestError: what is there is no manifest.
        SnapshotError: or none that Karpenter would take.
        UsageError: no single region, or a NodePool that is not there.
    """
    settings = asked.settings(service.settings.price_max_age)
    nodepools = nodepools_in(asked.current, "body.current")
    objects = None if asked.nodes is None else manifests_in(asked.nodes, "body.nodes")
    there = snapshot_of(nodepools, objects)
    demand, policy = wished(asked)
    choice = choice_in_region(service, demand, policy, asked.types_max)
    made = _wanted(asked, choice, demand)
    known = service.markets.view().known
    wanted = Wanted(
        made.documents, list(choice.answer.ranking.ranked), market_of(known, demand, policy)
    )
    plans = plans_of(wanted, there, settings, now=choice.answer.now)
    unknown = ["The nodes are not known: give `nodes` to see which would be replaced."]
    proposed = Made([one.proposed for one in plans], [*made.notes, *(unknown * (objects is None))])
    manifests = manifests_of_choice(proposed, choice)
    return PlanOut(
        plans=[NodePoolPlan.model_validate(as_json(one)) for one in plans],
        is_refused=any(one.refusal for one in plans),
        text=text_of(plans),
        as_of=manifests.as_of,
        data_as_of=manifests.data_as_of,
        is_stale=manifests.is_stale,
        notes=manifests.notes,
        manifests=manifests,
    )


def _wanted(asked: PlanIn, choice: Choice, demand: Demand) -> Made:
    if asked.wanted is None:
        return nodepools_of(choice, asked.wishes(demand.gpu_manufacturer))
    found = nodepools_in(asked.wanted, "body.wanted")
    if not found:
        raise UsageError("body.wanted: holds no NodePool")
    return Made(found)
