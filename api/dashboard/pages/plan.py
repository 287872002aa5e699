"""``/plan``: the NodePool as it is and as it would be, and the nodes that this would replace.

A NodePool is pasted, as the page asks no cluster; nothing is applied.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fastapi import Request, Response
from pydantic import ValidationError

from advisor.errors import AdvisorError
from advisor.karpenter.manifests import to_yaml
from api.dashboard.facts import Facts
from api.dashboard.figures import Figures
from api.dashboard.language import Words
from api.dashboard.notes import in_english, notes_of
from api.dashboard.pages.risk import regions_of
from api.dashboard.site import page, reader_of
from api.errors import NoAnswerError, UsageError
from api.service.nodepools_in import one_nodepool
from api.service.plans import NodePoolPlan, PlanIn, PlanOut, plan_answer
from api.service.state import Service
from api.web.problems import Problem

MOST_BYTES = 2 * 1024 * 1024
"""Of a form: half a MiB of YAML, each sign of which may be written as three."""

FIELDS = ("current", "nodes", "place", "gpus", "gpu_model", "gpu_memory_min_gib", "types_max")
OPTIONS = {
    "gpus": "--gpus",
    "gpu_model": "--gpu-model",
    "gpu_memory_min_gib": "--gpu-memory-min",
    "types_max": "--types-max",
}
"""Fields as options of ``spotcast plan``."""
OWN_SITES = {"same-origin", "none"}


@dataclass(frozen=True, slots=True)
class Filled:
    """The form as it was sent."""

    values: Mapping[str, str]

    def text(self, name: str) -> str:
        """What is in a field."""
        return self.values.get(name, "")


def empty_plan(request: Request, service: Service) -> Response:
    """The page before anything is pasted; wishes may stand in the address."""
    filled = Filled({name: request.query_params.get(name, "")[:200] for name in FIELDS})
    return _page(request, service, filled)


async def posted(request: Request) -> Filled:
    """The form of a request.

    Raises:
        Problem: 403, another site sent it; 413, it is too large; 422, it is no form.
    """
    _check_origin(request)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Paste less than 512 KiB of YAML.")
    try:
        given = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=50)
    except ValueError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The form cannot be read.") from error
    return Filled({name: given.get(name, [""])[-1].strip() for name in FIELDS})


def filled_plan(request: Request, service: Service, filled: Filled) -> Response:
    """The page with the plan."""
    try:
        asked = _asked(filled)
        answer = plan_answer(service, asked)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(one) for one in first["loc"])
        return _page(request, service, filled, problem=f"{where}: {first['msg']}")
    except (AdvisorError, UsageError, NoAnswerError) as error:
        return _page(request, service, filled, problem=str(error))
    return _page(request, service, filled, answer=answer)


def _check_origin(request: Request) -> None:
    """Only our own pages may send the form."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    is_own = site in OWN_SITES if site else True
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        is_own = False
    if not is_own:
        raise Problem(HTTPStatus.FORBIDDEN, "This form can be sent from its own page only.")


def _asked(filled: Filled) -> PlanIn:
    """What the form asks; the NodePool that is planned has the name of the one that was pasted."""
    if not filled.text("current"):
        raise UsageError("Paste the NodePool: kubectl get nodepool NAME -o yaml")
    current = one_nodepool(filled.text("current"), "NodePool")
    provider, _, region = filled.text("place").partition("/")
    demand = {
        name: filled.text(name)
        for name in ("gpus", "gpu_model", "gpu_memory_min_gib")
        if filled.text(name)
    }
    given: dict[str, Any] = {
        "demand": demand,
        "policy": {"provider": [provider], "region": [region]},
        "current": filled.text("current"),
        "name": current["metadata"]["name"],
    }
    for name in ("nodes", "types_max"):
        if filled.text(name):
            given[name] = filled.text(name)
    return PlanIn.model_validate(given)


def _page(
    request: Request,
    service: Service,
    filled: Filled,
    *,
    answer: PlanOut | None = None,
    problem: str | None = None,
) -> Response:
    words = reader_of(request).words
    notes = notes_of(words, None, is_stale=answer.is_stale) if answer else []
    notes += [in_english(words, one) for one in answer.notes] if answer else []
    return page(
        request,
        "plan",
        service,
        status=422 if problem else 200,
        filled=filled,
        places=regions_of(service, gpu=True),
        problem=problem,
        plans=[_plan(one, answer, words) for one in answer.plans] if answer else [],
        notes=notes,
        copies=_copies(filled, answer) if answer else [],
    )


def _plan(one: NodePoolPlan, answer: PlanOut, words: Words) -> dict[str, Any]:
    figures, facts = Figures(words), Facts(words, answer.as_of)

    def of(text: str | None, unknown: int) -> Any:
        lines = [(words("plan.unknown_of"), str(figures.count(unknown)))]
        return facts.of(
            text,
            source=words("plan.source"),
            at=answer.data_as_of,
            is_stale=answer.is_stale,
            more=lines,
        )

    sides = []
    for side in ("before", "after"):
        listed, running = getattr(one.list, side), getattr(one.nodes, side)
        unpriced = listed.offerings_of_unknown_cost
        sides.append(
            {
                "name": side,
                "offerings": of(figures.count(listed.offerings), unpriced),
                "best": of(figures.usd(listed.best_usd_per_hour), unpriced),
                "mean": of(figures.usd(listed.mean_usd_per_hour), unpriced),
                "nodes": None if one.running_nodes is None else figures.count(running.nodes),
                "cost": of(figures.usd(running.usd_per_hour), running.nodes_of_unknown_cost),
                "lost": of(
                    figures.number(running.interrupted_within_24_h), running.nodes_of_unknown_risk
                ),
            }
        )
    changes = [
        {
            "key": change.key,
            "before": _values(change.before, change.removed),
            "after": _values(change.after, change.added),
        }
        for change in one.requirements
    ]
    return {"one": one, "sides": sides, "changes": changes, "diff": _diff_lines(answer.text)}


def _values(written: Sequence[str], marked: Sequence[str]) -> list[tuple[str, bool]]:
    """Each value of ``In g5.xlarge, g6.xlarge``, and whether it is one that comes or goes.

    The operator stays before the values of another one than In.
    """
    found = []
    for one in written:
        operator, _, values = one.partition(" ")
        before = "" if operator == "In" else f"{operator} "
        found += [(f"{before}{value}", value in marked) for value in values.split(", ")]
    return found


def _diff_lines(text: str) -> list[tuple[str, str]]:
    """Each line of the text with the sort of change that it is."""
    found = []
    for line in text.splitlines():
        kind = ""
        if line.startswith("+") and not line.startswith("+++"):
            kind = "add"
        elif line.startswith("-") and not line.startswith("---"):
            kind = "del"
        found.append((kind, line))
    return found


def _copies(filled: Filled, answer: PlanOut) -> list[tuple[str, str]]:
    provider, _, region = filled.text("place").partition("/")
    name = answer.plans[0].nodepool
    words = [*("spotcast", "plan", "--file", "nodepool.yaml", "--name", name)]
    words += ["--provider", provider, "--region", region]
    for field, option in OPTIONS.items():
        if filled.text(field):
            words += [option, filled.text(field)]
    if filled.text("nodes"):
        words += ["--nodes", "nodes.yaml"]
    proposed = to_yaml(one.manifest for one in answer.plans)
    return [("proposed", proposed), ("cli", shlex.join(words))]
