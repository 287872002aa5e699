"""Ages and windows as people read them."""

from datetime import timedelta

from advisor.hazards import window_text


def age_text(age: timedelta) -> str:
    """The age in its largest sensible unit: ``40 s``, ``12 min``, ``5 h``, ``238 d``."""
    seconds = max(0.0, age.total_seconds())
    for limit, size, unit in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def horizon_text(seconds: float) -> str:
    """``15 min``, ``1 h``."""
    return window_text(timedelta(seconds=seconds))
