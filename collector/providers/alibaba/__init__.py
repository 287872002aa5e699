"""Alibaba Cloud: spot prices per zone, published interruption rates, machine shapes."""

from collector.provider import Provider
from collector.providers.alibaba import instance_types, spot_advice, spot_price_history
from collector.providers.alibaba.client import PROVIDER_NAME, missing

PROVIDER = Provider(
    name=PROVIDER_NAME,
    title="Alibaba Cloud",
    feeds=(spot_price_history.FEED, spot_advice.FEED, instance_types.FEED),
    default_regions=("cn-hangzhou",),
    missing=missing,
)

__all__ = ["PROVIDER"]
