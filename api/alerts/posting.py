"""Alerts into the outbox."""

from collections.abc import Sequence
from datetime import datetime

from api.delivery.notice import Notice
from warehouse.store import Warehouse


def post(
    warehouse: Warehouse, notices: Sequence[tuple[Notice, Sequence[str]]], now: datetime
) -> None:
    """Put each notice into the outbox for its channels, within the caller's transaction."""
    raise NotImplementedError
