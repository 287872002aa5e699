"""The commands of ``spotcast``, one module per subject."""
