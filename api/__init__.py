"""The ways in and out: command line, settings, and the wiring of the parts."""
