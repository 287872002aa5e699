"""Served models: what KServe, Fluid and the images ask of machines, and what to mend in them."""
