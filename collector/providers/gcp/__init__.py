"""Google Cloud: list prices, preemptions, capacity history and advice, machine types."""

from collector.provider import Provider
from collector.providers.gcp import (
    audit_events,
    billing_skus,
    capacity_advice,
    capacity_history,
    instances,
    machine_types,
    preemptions,
)
from collector.providers.gcp.client import SUBSCRIPTION, connect
from collector.providers.gcp.credentials import ACCESS_TOKEN, PROJECT, missing
from collector.providers.gcp.names import PROVIDER_NAME

PROVIDER = Provider(
    name=PROVIDER_NAME,
    title="Google Cloud",
    feeds=(
        machine_types.FEED,
        billing_skus.FEED,
        capacity_history.FEED,
        capacity_advice.FEED,
        preemptions.FEED,
        audit_events.FEED,
        instances.FEED,
    ),
    default_regions=("us-central1",),
    missing=missing,
    connect=connect,
    pushed=audit_events.pushed,
    replay_environ={
        PROJECT: "example-project",
        ACCESS_TOKEN: "replay",
        SUBSCRIPTION: "projects/example-project/subscriptions/spot-events",
    },
)

__all__ = ["PROVIDER"]
