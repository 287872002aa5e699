"""Which of Google's machines cannot be priced from a list of machine types alone."""

import polars as pl

ACCELERATOR_FAMILIES = r"^(?:a[2-9]x?|g[2-9]|ct\d+\w*)-"
"""a2, a3, a4, a4x, g2, g4 and the TPU machines: Google bills their GPUs or TPUs apart from the
machine, and public lists give the machine without them (SkyPilot's catalog: a2-highgpu-1g at 0.74
USD, a fifth of what it costs) or do not say."""


def is_priced_whole(column: str) -> pl.Expr:
    """Whether the machine type in ``column`` has no GPUs that are billed apart."""
    return ~pl.col(column).str.contains(ACCELERATOR_FAMILIES)
