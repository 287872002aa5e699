"""How a command ends: exit codes, and the one place where errors become sentences."""

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_STALE = 3
"""The question was answered, from data too old to stand for now."""
EXIT_CHANGES = 4
"""A plan would change something, and may be applied."""
EXIT_REFUSED = 5
"""A plan takes more nodes than its budget allows; nothing is applied."""


class NoAnswerError(Exception):
    """Nothing meets the question; says which wish left out what."""


class StaleDataError(Exception):
    """What was asked for must not be made from data this old; says how old it is."""


class UsageError(Exception):
    """The command cannot be carried out as it was asked; says how to ask it."""
