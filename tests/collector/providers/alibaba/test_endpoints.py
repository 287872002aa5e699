"""Which host serves a region: the official client's table is the peer."""

import pytest
from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi.utils_models import Config

from collector.providers.alibaba.endpoints import SERVED_BY, endpoint, metrics_endpoint

EXCEPTIONS = sorted(region for regions in SERVED_BY.values() for region in regions)
PLAIN = ["cn-beijing", "cn-hongkong", "us-east-1", "ap-southeast-5", "eu-central-1"]


def official(region: str) -> Client:
    return Client(Config(access_key_id="id", access_key_secret="secret", region_id=region))  # noqa: S106 - invented


@pytest.mark.parametrize("region", EXCEPTIONS + PLAIN)
def test_a_region_is_asked_where_the_official_client_asks_it(region: str) -> None:
    assert endpoint(region) == official(region)._endpoint  # noqa: SLF001 - it has no other way to tell


def test_no_exception_of_the_official_client_is_missing() -> None:
    table = official("cn-hangzhou")._endpoint_map  # noqa: SLF001 - the same

    assert sorted(table) == EXCEPTIONS


@pytest.mark.parametrize("region", PLAIN)
def test_cloud_monitor_has_a_host_in_each_region(region: str) -> None:
    assert metrics_endpoint(region) == f"metrics.{region}.aliyuncs.com"
