"""``/metrics``: figures for Prometheus."""

from fastapi import APIRouter, Request, Response

from api.metrics import Metrics
from api.web.problems import ERRORS

router = APIRouter(tags=["metrics"])

TEXT = "text/plain"
OPEN_METRICS = "application/openmetrics-text"


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "description": "The figures, as OpenMetrics if you accept that, else as text",
            "content": {
                one: {"schema": {"type": "string"}, "example": "spotcast_feed_late{...} 0.0"}
                for one in (TEXT, OPEN_METRICS)
            },
        },
        **ERRORS,
    },
)
def get_metrics(request: Request) -> Response:
    """Figures for Prometheus. A series that is unknown is absent, never 0."""
    metrics: Metrics = request.app.state.metrics
    body, media_type = metrics.text(request.headers.get("accept", ""))
    return Response(body, media_type=media_type, headers={"cache-control": "no-store"})
