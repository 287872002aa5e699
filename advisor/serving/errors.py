"""What can be wrong with the manifest or the description of a served model."""

from advisor.errors import AdvisorError


class ServingError(AdvisorError):
    """It cannot be read as what it says it is; names the object and the field.

    A person mends the file; trying again does not help.
    """

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason
