"""What can be wrong with what is to be packed."""

from advisor.errors import AdvisorError


class PodError(AdvisorError):
    """A manifest that cannot be packed as it stands; names the document and the field.

    A person mends the manifest, or leaves the constraint out; trying again does not help.
    """

    def __init__(self, document: str, field: str, reason: str) -> None:
        super().__init__(f"{document}: {field}: {reason}")
        self.document = document
        self.field = field
        self.reason = reason
