"""One thread for products of small matrices.

The library behind numpy's products starts a thread for each processor that it sees, and they wait
for each other in loops. The model's products take a millisecond: on a machine that others work on
too, or in a container that is given less than the machine has, that waiting took twenty times as
long as the work (a fit on 200,000 rows: 109 s instead of 9).
"""

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Generator[None]:
    """Within it, or in a function that it decorates, matrix products take one thread."""
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    # Looking for the loaded libraries takes longer than one product.
    return ThreadpoolController()
