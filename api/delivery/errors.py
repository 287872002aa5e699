"""How a delivery fails."""

from datetime import timedelta


class DeliveryError(Exception):
    """A receiver did not take a message; says why, and never a secret.

    ``is_final``: it never will, so that another attempt is of no use. ``wait`` is how long the
    receiver asks to be left alone.
    """

    def __init__(
        self, reason: str, *, is_final: bool = False, wait: timedelta | None = None
    ) -> None:
        super().__init__(reason)
        self.is_final = is_final
        self.wait = wait
