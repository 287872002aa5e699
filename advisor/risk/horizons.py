"""The horizons that are forecast, and no others."""

from advisor.risk.errors import HorizonError

HORIZONS_MINUTES = (15, 60, 360, 1440)
"""15 minutes, 1, 6 and 24 hours: where skill was measured. Others are refused."""

HORIZONS_H = tuple(minutes / 60 for minutes in HORIZONS_MINUTES)


def horizon_place(seconds: float) -> int:
    """The place of a horizon among `HORIZONS_MINUTES`.

    Raises:
        HorizonError: it is not one of them.
    """
    for place, minutes in enumerate(HORIZONS_MINUTES):
        if seconds == 60 * minutes:
            return place
    raise HorizonError(seconds, HORIZONS_MINUTES)
