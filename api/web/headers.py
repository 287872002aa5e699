"""What may stand in a header that is sent back or stored."""

PRINTABLE = r"^[ -~]+$"
"""ASCII that can be seen: no end of a line, so no second header."""
