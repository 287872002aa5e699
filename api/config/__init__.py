"""What a user may set in the configuration file, a section per module."""
