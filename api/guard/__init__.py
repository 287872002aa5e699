"""The guard as it runs: its looks, what it notes, who is told. `advisor.replacement` decides."""
