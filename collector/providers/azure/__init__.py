"""Azure: public prices; and, with an account, eviction rates, sizes, scores and notices."""

from collector.provider import Provider
from collector.providers.azure import (
    eviction_rates,
    next_spot_prices,
    placement_scores,
    retail_prices,
    scheduled_events,
    skus,
    spot_price_history,
)
from collector.providers.azure.client import PROVIDER_NAME, connect
from collector.providers.azure.credentials import ACCESS_TOKEN, SUBSCRIPTION, missing
from collector.providers.azure.scheduled_events import pushed

PROVIDER = Provider(
    name=PROVIDER_NAME,
    title="Microsoft Azure",
    feeds=(
        retail_prices.FEED,
        next_spot_prices.FEED,
        eviction_rates.FEED,
        spot_price_history.FEED,
        skus.FEED,
        placement_scores.FEED,
        scheduled_events.FEED,
    ),
    default_regions=("eastus",),
    missing=missing,
    connect=connect,
    pushed=pushed,
    replay_environ={
        ACCESS_TOKEN: "replay",
        SUBSCRIPTION: "00000000-0000-0000-0000-000000000000",
    },
)

__all__ = ["PROVIDER"]
