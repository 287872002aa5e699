"""A seeded spot market with a known truth: real machine shapes, simulated events. Pure.

>>> from advisor.simulation import MarketSettings, simulate
"""

from advisor.simulation.catalog import SHAPES, Shape
from advisor.simulation.hazard import Hazards, Regime
from advisor.simulation.market import Market, simulate
from advisor.simulation.settings import MarketSettings

__all__ = ["SHAPES", "Hazards", "Market", "MarketSettings", "Regime", "Shape", "simulate"]
