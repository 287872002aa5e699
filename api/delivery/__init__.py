"""Delivery: what is told, to which channels, and what came of it."""
