"""Public sources: what third parties publish of the clouds, for those who have no account."""

from collections.abc import Mapping

from collector.provider import Provider
from collector.providers.public import (
    gcp_machine_prices,
    skypilot_aws,
    skypilot_azure,
    skypilot_gcp,
    spotlake_aws,
    spotlake_azure,
    spotlake_gcp,
)


def missing(_: Mapping[str, str]) -> list[str]:
    """Nothing: no feed here needs an account."""
    return []


PROVIDER = Provider(
    name="public",
    title="Public sources",
    feeds=(
        skypilot_aws.FEED,
        skypilot_gcp.FEED,
        skypilot_azure.FEED,
        gcp_machine_prices.FEED,
        spotlake_aws.FEED,
        spotlake_gcp.FEED,
        spotlake_azure.FEED,
    ),
    default_regions=(),
    missing=missing,
)

__all__ = ["PROVIDER"]
