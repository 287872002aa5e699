"""Alibaba Cloud: spot prices, stock, published interruption rates, interruptions, machines."""

from collector.provider import Provider
from collector.providers.alibaba import (
    available_resource,
    event_queue,
    instance_types,
    instances,
    price,
    spot_advice,
    spot_price_history,
    system_events,
)
from collector.providers.alibaba.client import connect
from collector.providers.alibaba.credentials import KEY_ID, KEY_SECRET, PROVIDER_NAME, missing
from collector.providers.alibaba.events import pushed
from collector.providers.alibaba.queue_client import EVENT_QUEUE

PROVIDER = Provider(
    name=PROVIDER_NAME,
    title="Alibaba Cloud",
    feeds=(
        spot_price_history.FEED,
        available_resource.FEED,
        spot_advice.FEED,
        system_events.FEED,
        event_queue.FEED,
        instances.FEED,
        instance_types.FEED,
        price.FEED,
    ),
    default_regions=("cn-hangzhou",),
    missing=missing,
    connect=connect,
    pushed=pushed,
    replay_environ={
        KEY_ID: "replay",
        KEY_SECRET: "replay",
        EVENT_QUEUE: "https://1234567890123456.mns.cn-hangzhou.aliyuncs.com/queues/spotcast",
    },
)

__all__ = ["PROVIDER"]
