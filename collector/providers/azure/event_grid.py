"""How Azure Event Grid finds out whether an endpoint wants its events, before it sends any."""

from typing import Any

VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"


def validation_code(document: Any) -> str | None:
    """The code that must be sent back, if the request is Event Grid's question; else None.

    It comes alone, in a list of one. Its URL is not followed: the answer is enough.
    """
    events = document if isinstance(document, list) else [document]
    match events:
        case [{"eventType": kind, "data": {"validationCode": str(code)}}] if kind == VALIDATION:
            return code
        case _:
            return None
