"""One module for each subject of the HTTP API; each has its ``router``."""
