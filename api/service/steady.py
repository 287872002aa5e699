"""A process that answers evenly: what Python does by default suits a script, not a server."""

import gc
import sys

from api.service.absent import remember_that_pandas_is_absent

SWITCH_SECONDS = 0.001
"""How long a thread computes before another gets its turn. A request takes several turns, and at
Python's 5 ms may wait as long for each while a view of the market is made."""


def be_steady() -> None:
    """Call it once, when all that stays is loaded.

    What is there now is never looked at again for cycles: modules, routes and schemas are most of
    what a full collection goes through, with all other threads waiting.
    """
    remember_that_pandas_is_absent()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
