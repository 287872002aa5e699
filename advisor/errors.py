"""What can go wrong while advising, one class per reaction of the caller."""


class AdvisorError(Exception):
    """Base of all errors of the advisor; the message says what, where and how to mend it."""


class ManifestError(AdvisorError):
    """What was asked for cannot be written as a manifest that Kubernetes would take.

    A person changes the choice or the settings; trying again does not help.
    """

    def __init__(self, subject: str, reason: str) -> None:
        super().__init__(f"{subject}: {reason}")
        self.subject = subject
        self.reason = reason


class DemandError(AdvisorError):
    """What is asked for cannot be: it contradicts itself, or is not a quantity.

    A person changes the demand or the policy; trying again does not help.
    """

    def __init__(self, subject: str, reason: str) -> None:
        super().__init__(f"{subject}: {reason}")
        self.subject = subject
        self.reason = reason
