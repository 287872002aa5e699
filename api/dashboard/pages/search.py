"""``/search``: offerings that meet wishes, ranked, with why each stands where it does."""

from fastapi import Request, Response

from advisor.errors import AdvisorError
from advisor.karpenter.manifests import to_yaml
from api.dashboard import equivalents
from api.dashboard.asking import Asked, asked
from api.dashboard.notes import notes_of
from api.dashboard.rows import Rows
from api.dashboard.site import page, reader_of
from api.errors import NoAnswerError, UsageError
from api.routes.rankings import RankingQuery
from api.rows.offerings import Sort
from api.service.karpenter import NodePoolFields, nodepool_manifests
from api.service.page import CursorError, encoded, place
from api.service.rankings import RankingPage, ranking_page
from api.service.state import Service
from api.service.wishes import Wishes

SHOWN = 25
"""Rows of a page unless asked otherwise."""

COLUMNS = (
    ("rank", None),
    ("instance", Sort.TYPE),
    ("place", None),
    ("price", Sort.PRICE),
    ("saving", Sort.SAVING),
    ("band", Sort.RISK),
    ("probability", None),
    ("cost", Sort.COST),
    ("age", Sort.AGE),
    ("why", None),
)
"""The columns, and by what each can be ordered."""
FIGURES = {"rank", "price", "saving", "probability", "cost", "age"}
DESCENDING = {Sort.SAVING}
"""Best first is largest first."""


def search(request: Request, service: Service) -> Response:
    """The page: filters, rows and the same question for other tools."""
    wanted = asked(request, RankingQuery)
    found, problem, status = None, None, 200
    if wanted.query is None:
        status = 422
    else:
        try:
            found = _found(service, wanted.query, wanted)
        except (AdvisorError, CursorError) as error:
            problem, status = str(error), 422
    words = reader_of(request).words
    rows = Rows(words, service.clock())
    return page(
        request,
        "search",
        service,
        status=status,
        asked=wanted,
        problem=problem,
        found=found,
        rows=[rows.of(one) for one in found.items] if found else [],
        notes=notes_of(words, found.risk_basis, is_stale=found.is_stale) if found else [],
        columns=COLUMNS,
        figures=FIGURES,
        descending=DESCENDING,
        sort=wanted.query.sort if wanted.query else Sort.COST,
        places=_places(service),
        first=_first(wanted),
        previous=_previous(wanted),
        copies=_copies(request, service, wanted.query) if found and wanted.query else [],
    )


def _found(service: Service, query: RankingQuery, wanted: Asked[RankingQuery]) -> RankingPage:
    limit = query.limit if "limit" in wanted.given else SHOWN
    return ranking_page(
        service,
        query.demand(),
        query.policy(),
        sort=query.sort,
        first=place(query.cursor),
        limit=limit,
    )


def _first(wanted: Asked[RankingQuery]) -> int:
    """How many offerings come before the page."""
    try:
        return place(wanted.query.cursor) if wanted.query else 0
    except CursorError:
        return 0


def _previous(wanted: Asked[RankingQuery]) -> str | None:
    """The cursor of the page before, empty for the first; None on the first."""
    first = _first(wanted)
    if first == 0:
        return None
    limit = wanted.query.limit if wanted.query and "limit" in wanted.given else SHOWN
    return encoded([first - limit]) if first > limit else ""


def _places(service: Service) -> dict[str, list[str]]:
    """Clouds and regions that can be chosen."""
    pools = service.markets.view().known.hazards.keys() | {
        one.pool for one in service.markets.view().known.universe.offerings
    }
    return {
        "provider": sorted({one.provider for one in pools}),
        "region": sorted({one.region for one in pools}),
    }


def _copies(request: Request, service: Service, query: RankingQuery) -> list[tuple[str, str]]:
    wishes = Wishes.model_validate({name: getattr(query, name) for name in Wishes.model_fields})
    pairs = equivalents.query_of(wishes)
    more = [] if query.sort is Sort.COST else ["--sort", query.sort.value]
    asked_for = pairs if query.sort is Sort.COST else [*pairs, ("sort", query.sort.value)]
    return [
        ("cli", equivalents.command("rank", wishes, *more)),
        ("curl", equivalents.curl(request, "/v1/rankings", asked_for)),
        ("demand", equivalents.demand_yaml(wishes)),
        *_nodepool(service, query),
    ]


def _nodepool(service: Service, query: RankingQuery) -> list[tuple[str, str]]:
    """The NodePool of the best of them; only of one region can there be one."""
    if len(query.provider) != 1 or len(query.region) != 1:
        return []
    try:
        made = nodepool_manifests(service, query.demand(), query.policy(), NodePoolFields())
    except (AdvisorError, NoAnswerError, UsageError):
        # It is offered where it can be made; why it cannot be here, `/v1/nodepool` tells.
        return []
    head = "".join(f"# {line}\n" for line in made.head)
    return [("nodepool", head + to_yaml(made.items))]
