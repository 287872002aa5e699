"""Interruption risk: from what a pool has done to the chance that it is lost soon."""
