"""Section ``[alerts]``: what is told, how soon, and to whom."""

from api.config.section import Section


class AlertsSection(Section):
    """``[alerts]``: the rules."""
