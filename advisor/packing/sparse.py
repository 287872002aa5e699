"""Sparse matrices out of pieces: rows, columns and values."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import coo_array, csr_array

from advisor.packing.problem import Floats, Ints

Entries = tuple[Ints, Ints, Floats]


def matrix(entries: Sequence[Entries], shape: tuple[int, int]) -> csr_array:
    """The sum of all pieces."""
    if not entries:
        return csr_array(shape)
    rows, columns, values = (np.concatenate(one) for one in zip(*entries, strict=True))
    return csr_array(coo_array((values, (rows, columns)), shape=shape))


def entries_of_dense(dense: Floats) -> Entries:
    """What is not zero."""
    rows, columns = np.nonzero(dense)
    return rows.astype(np.int64), columns.astype(np.int64), dense[rows, columns]


def entries_of(
    rows: Sequence[Mapping[int, float]], *, below: int = 0, right: int = 0
) -> list[Entries]:
    """Rows given by column, moved ``below`` and to the ``right``."""
    return [
        (
            np.full(len(row), at, dtype=np.int64),
            right + np.fromiter(row, dtype=np.int64),
            np.fromiter(row.values(), dtype=np.float64),
        )
        for at, row in enumerate(rows, below)
    ]
