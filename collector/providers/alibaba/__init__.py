"""Alibaba Cloud: spot prices per zone, published interruption rates, machine shapes."""

from collector.provider import Provider
from collector.providers.alibaba import instance_types, spot_advice, spot_price_history
from collector.providers.alibaba.client import (
    KEY_ID,
    KEY_SECRET,
    PROVIDER_NAME,
    connect,
    missing,
)

PROVIDER = Provider(
    name=PROVIDER_NAME,
    title="Alibaba Cloud",
    feeds=(spot_price_history.FEED, spot_advice.FEED, instance_types.FEED),
    default_regions=("cn-hangzhou",),
    missing=missing,
    connect=connect,
    replay_environ={KEY_ID: "replay", KEY_SECRET: "replay"},
)

__all__ = ["PROVIDER"]
