"""pandas, where it is not installed: Python says so at once.

DuckDB asks for pandas twice for each parameter of each query, and nobody remembers that it was not
there: Python looks through all folders of its path again, which takes longer than a small query. It
is for processes of our own: whoever imports the library may install pandas meanwhile.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

PANDAS = "pandas"


class WithoutPandas:
    """A finder of modules that knows of one that it cannot be found."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None, by which other finders are asked, but for pandas.

        Raises:
            ModuleNotFoundError: it is pandas; the error is Python's own.
        """
        del path, target
        if name == PANDAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def remember_that_pandas_is_absent() -> None:
    """Spare DuckDB the search from now on; nothing changes where pandas is installed."""
    if WithoutPandas in sys.meta_path or PANDAS in sys.modules or find_spec(PANDAS):
        return
    sys.meta_path.insert(0, WithoutPandas)
