"""Reports: pages that work as one file, offline, in light and dark."""
