"""The clock as it is passed around."""

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]
"""Gives the time now, aware, in UTC."""
