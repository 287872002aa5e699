"""An error as a page in the same look."""

from fastapi import Request, Response

from api.dashboard.site import page
from api.web.problems import ProblemDocument


def problem_page(request: Request, problem: ProblemDocument) -> Response:
    """What went wrong, and where to go from there."""
    return page(request, "problem", status=problem.status, problem=problem)
