"""The process of ``spotcast serve``: its threads, its HTTP server, its log."""
