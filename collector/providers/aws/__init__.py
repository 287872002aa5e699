"""AWS: spot prices per zone, published interruption bands, list prices, machine shapes."""

from collector.provider import Provider
from collector.providers.aws import (
    availability_zones,
    instance_type_offerings,
    instance_types,
    price_list,
    spot_advisor,
    spot_price_history,
    website_spot,
)
from collector.providers.aws.client import PROVIDER_NAME, connect
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
    ),
    default_regions=("us-east-1",),
    missing=missing,
    connect=connect,
    replay_environ={"AWS_ACCESS_KEY_ID": "replay", "AWS_SECRET_ACCESS_KEY": "replay"},
)

__all__ = ["PROVIDER"]
