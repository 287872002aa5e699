"""The alerts as the last look left them."""

import json

from api.alerts.judging import Alert, State
from warehouse.alerts import alerts
from warehouse.store import Warehouse


def stored(warehouse: Warehouse) -> dict[str, Alert]:
    """How alerts stood after the last look, by fingerprint."""
    found = {}
    for row in alerts(warehouse).to_dicts():
        key = row.pop("fingerprint")
        row |= {"labels": json.loads(row["labels"]), "state": State(row["state"])}
        found[key] = Alert(**row)
    return found
