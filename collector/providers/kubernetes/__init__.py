"""The user's own cluster, on any cloud: nodes' lifetimes, interruptions, refused launches."""

from collector.provider import Provider
from collector.providers.kubernetes import events, nodeclaims, nodes
from collector.providers.kubernetes.client import HOST, PROVIDER_NAME, connect
from collector.providers.kubernetes.credentials import IN_CLUSTER, missing

PROVIDER = Provider(
    name=PROVIDER_NAME,
    title="Kubernetes",
    feeds=(nodes.FEED, nodeclaims.FEED, events.FEED),
    default_regions=("*",),
    missing=missing,
    connect=connect,
    replay_environ={IN_CLUSTER: HOST},
)

__all__ = ["PROVIDER"]
