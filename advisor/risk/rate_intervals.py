"""A rate from a count of events and the time at risk, with its interval."""

from scipy.special import chdtri

SURE = 0.9
"""What part of such intervals holds the true rate, as of the intervals of forecasts."""


def rate_between(events: int, hours: float) -> tuple[float, float, float]:
    """Events per hour: the rate, and the ends of its exact interval for independent events.

    Garwood's: from the chi-squared quantiles at 2 n and 2 n + 2 degrees of freedom (F. Garwood,
    "Fiducial limits for the Poisson distribution", Biometrika 28, 1936). Its lower end is 0
    without an event, and the upper one is not. ``hours`` is above 0.
    """
    tail = (1 - SURE) / 2
    low = float(chdtri(2 * events, 1 - tail)) / 2 if events else 0.0
    high = float(chdtri(2 * events + 2, tail)) / 2
    return events / hours, low / hours, high / hours
