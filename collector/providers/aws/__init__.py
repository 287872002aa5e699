"""AWS: spot prices per zone, interruption bands, list prices, machine shapes, scores and events."""

from collector.provider import Provider
from collector.providers.aws import (
    availability_zones,
    bid_evictions,
    capacity_manager,
    events,
    instance_type_offerings,
    instance_types,
    instances,
    placement_scores,
    price_list,
    spot_advisor,
    spot_price_history,
    website_spot,
)
from collector.providers.aws.client import EVENT_QUEUE, PROVIDER_NAME, connect
from collector.providers.aws.credentials import missing

PROVIDER = Provider(
    name=PROVIDER_NAME,
    title="Amazon Web Services",
    feeds=(
        spot_price_history.FEED,
        spot_advisor.FEED,
        price_list.FEED,
        instance_types.FEED,
        instance_type_offerings.FEED,
        availability_zones.FEED,
        website_spot.FEED,
        events.FEED,
        bid_evictions.FEED,
        instances.FEED,
        placement_scores.FEED,
        capacity_manager.FEED,
    ),
    default_regions=("us-east-1",),
    missing=missing,
    connect=connect,
    pushed=events.pushed,
    replay_environ={
        "AWS_ACCESS_KEY_ID": "replay",
        "AWS_SECRET_ACCESS_KEY": "replay",
        EVENT_QUEUE: "https://sqs.us-east-1.amazonaws.com/123456789012/spotcast-events",
    },
)

__all__ = ["PROVIDER"]
