"""Which host answers for a region, service by service.

A few regions' ECS is served by another's endpoint. A request to the wrong one is answered with
HTTP 500 or, worse, with no rows, so the exceptions are those of the official SDK
(alibabacloud_ecs20140526 7.11.8); a test compares the two. CloudMonitor has no exceptions
(alibabacloud_cms20190101 4.0.10).
"""

from collections.abc import Callable
from dataclasses import dataclass

SERVED_BY: dict[str, tuple[str, ...]] = {
    "ecs-cn-hangzhou.aliyuncs.com": (
        "cn-beijing-nu16-b01",
        "cn-fujian",
        "cn-haidian-cm12-c01",
        "cn-hangzhou",
        "cn-hangzhou-bj-b01",
        "cn-hangzhou-internal-prod-1",
        "cn-hangzhou-internal-test-1",
        "cn-hangzhou-internal-test-2",
        "cn-hangzhou-internal-test-3",
        "cn-hangzhou-test-306",
        "cn-shanghai-et15-b01",
        "cn-shanghai-et2-b01",
        "cn-shanghai-finance-1",
        "cn-shanghai-internal-test-1",
        "cn-shenzhen-finance-1",
        "cn-shenzhen-st4-d01",
        "cn-shenzhen-su18-b01",
        "cn-zhangbei-na61-b01",
    ),
    "ecs.aliyuncs.com": (
        "ap-northeast-2-pop",
        "cn-beijing-finance-pop",
        "cn-beijing-gov-1",
        "cn-hangzhou-finance",
        "cn-hongkong-finance-pop",
        "cn-north-2-gov-1",
        "cn-shanghai-inner",
        "cn-shenzhen-inner",
        "cn-wuhan",
        "cn-yushanfang",
        "cn-zhangbei",
        "rus-west-1-pop",
    ),
    "ecs.cn-qingdao-nebula.aliyuncs.com": (
        "cn-edge-1",
        "cn-huhehaote-nebula-1",
        "cn-zhengzhou-nebula-1",
    ),
    "ecs.cn-zhangjiakou.aliyuncs.com": ("cn-zhangjiakou-na62-a01",),
    "ecs.cn-shenzhen-cloudstone.aliyuncs.com": ("eu-west-1-oxs",),
}


def endpoint(region: str) -> str:
    """The host of the ECS API for ``region``."""
    for host, regions in SERVED_BY.items():
        if region in regions:
            return host
    return f"ecs.{region}.aliyuncs.com"


def metrics_endpoint(region: str) -> str:
    """The host of CloudMonitor's API for ``region``."""
    return f"metrics.{region}.aliyuncs.com"


@dataclass(frozen=True, slots=True)
class Service:
    """One of the cloud's APIs: its name in a RAM policy, its version, its host in a region."""

    name: str
    version: str
    host: Callable[[str], str]


ECS = Service("ecs", "2014-05-26", endpoint)
CLOUD_MONITOR = Service("cms", "2019-01-01", metrics_endpoint)
