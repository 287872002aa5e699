"""Sections ``[jobs]``, ``[reports]``, ``[backup]``, ``[retention]``: what is done by the clock."""

from api.config.section import Section


class JobsSection(Section):
    """``[jobs]``: when each job runs."""


class ReportsSection(Section):
    """``[reports]``: where reports are written, and to whom they are sent."""


class BackupSection(Section):
    """``[backup]``: where copies of the database are kept, and how many."""


class RetentionSection(Section):
    """``[retention]``: how long what is kept."""
