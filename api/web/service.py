"""The service, as a route is given it."""

from typing import Annotated

from fastapi import Depends, Request

from api.service.state import Service


async def _service(request: Request) -> Service:
    # Async, as FastAPI sends all others to a thread and back.
    found: Service = request.app.state.service
    return found


Served = Annotated[Service, Depends(_service)]
"""For the argument of a route."""
