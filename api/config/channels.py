"""Section ``[channels.<name>]``: where messages are delivered to."""

from api.config.section import Section


class ChannelSection(Section):
    """``[channels.<name>]``: one place that takes messages."""
