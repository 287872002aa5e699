"""Both of the API server's plain patches by the letter of their RFCs, to judge ours by."""

import json
from typing import Any


def applied_merge(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2, as its pseudocode has it."""
    if not isinstance(patch, dict):
        return patch
    made = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = applied_merge(made.get(name), value)
    return made


def applied_json(target: Any, operations: list[dict[str, Any]]) -> Any:
    """RFC 6902: test, add, remove and replace of members of objects."""
    made = json.loads(json.dumps(target))
    for one in operations:
        *above, name = (
            step.replace("~1", "/").replace("~0", "~") for step in one["path"].split("/")[1:]
        )
        holder = made
        for step in above:
            holder = holder[step]
        match one["op"]:
            case "test":
                assert holder[name] == one["value"]
            case "remove":
                del holder[name]
            case _:
                assert (name in holder) == (one["op"] == "replace")
                holder[name] = one["value"]
    return made
