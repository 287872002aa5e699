"""Messages to people and machines: what is told, to which channels, and sending until accepted."""
