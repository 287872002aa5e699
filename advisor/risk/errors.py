"""What can go wrong while forecasting risk, one class per reaction of the caller."""

from advisor.errors import AdvisorError


class HorizonError(AdvisorError):
    """A horizon the model was never measured at; the caller asks for another one."""

    def __init__(self, seconds: float, known_minutes: tuple[int, ...]) -> None:
        known = ", ".join(str(minutes) for minutes in known_minutes)
        super().__init__(
            f"no forecast for a horizon of {seconds / 60:g} minutes: the horizons are "
            f"{known} minutes, and others are not extrapolated"
        )
        self.seconds = seconds


class TicksError(AdvisorError):
    """A frame of ticks or lifetimes is not what it must be; the caller mends the file."""

    def __init__(self, subject: str, reason: str) -> None:
        super().__init__(f"{subject}: {reason}")
        self.subject = subject
        self.reason = reason


class TooFewSamplesError(AdvisorError):
    """There is nothing to fit on or to score; the caller brings more history."""

    def __init__(self, subject: str, reason: str) -> None:
        super().__init__(f"{subject}: {reason}")
        self.subject = subject
        self.reason = reason


class UnknownProbeKindError(AdvisorError):
    """The model was not fitted on this kind of probe; the caller fits one that was."""

    def __init__(self, probe_kind: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"{probe_kind}: the model knows {', '.join(known)}; kinds of probe measure "
            "different things, so one is not taken for another"
        )
        self.probe_kind = probe_kind


class ArtifactError(AdvisorError):
    """A model's file cannot be used: wrong version, damaged or not a model at all."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
