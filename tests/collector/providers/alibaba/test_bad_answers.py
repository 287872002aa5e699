"""Bad answers to each of Alibaba Cloud's feeds: told by the right error, nothing stored."""

from collections.abc import Iterator

import pytest

from collector.errors import ImplausibleError, SourceChangedError, SourceError
from collector.provider import Feed
from collector.providers.alibaba import PROVIDER
from tests.support.alibaba import PAYLOADS, alibaba_at
from tests.support.loopback import BAD_ANSWERS, Answer, always, loopback, run, stored
from warehouse.records import RunOutcome
from warehouse.store import Warehouse

FEEDS = {feed.name: feed for feed in PROVIDER.feeds}
RECORDED = {
    "alibaba.spot_price_history": "describe_spot_price_history.page2.json",
    "alibaba.spot_advice": "describe_spot_advice.json",
    "alibaba.instance_types": "describe_instance_types.json",
    "alibaba.available_resource": "describe_available_resource.json",
    "alibaba.price": "describe_price.spot.json",
    "alibaba.system_events": "cms.describe_system_event_attribute.json",
    "alibaba.event_queue": "mns.batch_receive_message.xml",
    "alibaba.instances": "describe_instances.page2.json",
}

SPOILED = [
    ("alibaba.spot_price_history", '"SpotPrice"', '"Price"', "cn-hangzhou-i ecs.g7.large: missing"),
    ("alibaba.spot_price_history", '"OriginPrice"', '"Price"', "missing 'OriginPrice'"),
    ("alibaba.spot_price_history", '"ZoneId"', '"Zone"', "cn-hangzhou ecs.g7.large: missing"),
    ("alibaba.spot_price_history", '"SpotPriceType"', '"Rows"', "missing 'SpotPriceType'"),
    ("alibaba.spot_price_history", '"Currency"', '"Money"', "in cn-hangzhou: missing 'Currency'"),
    ("alibaba.spot_price_history", "0.104", '"0.104"', "SpotPrice is '0.104', not a number"),
    ("alibaba.spot_price_history", "0.104", "true", "SpotPrice is True, not a number"),
    ("alibaba.spot_price_history", "0.104", "null", "SpotPrice is None, not a number"),
    ("alibaba.spot_price_history", "T18:00:00Z", "T18:00:00", "without a time zone"),
    ("alibaba.spot_price_history", "T18:00:00Z", " at six", "Invalid isoformat"),
    ("alibaba.spot_price_history", ": 8,", ': "8",', "NextOffset is '8', not a number"),
    ("alibaba.spot_price_history", ": 8,", ": 8.5,", "NextOffset is 8.5, not a whole number"),
    ("alibaba.spot_advice", '"InterruptRateDesc"', '"Desc"', "cn-hangzhou-i ecs.g7.large: missing"),
    ("alibaba.spot_advice", '"10-100%"', '"10%+"', "InterruptRateDesc is '10%+'"),
    ("alibaba.spot_advice", "31.25", '"high"', "cn-hangzhou-i ecs.gn7i-c8g1.2xlarge: Interruption"),
    ("alibaba.spot_advice", '"ZoneId"', '"Zone"', "DescribeSpotAdvice in cn-hangzhou: missing"),
    ("alibaba.instance_types", '"GPUAmount"', '"Gpus"', "cn-hangzhou ecs.g7.large: missing"),
    ("alibaba.instance_types", '"CpuCoreCount": 2', '"CpuCoreCount": "2"', "CpuCoreCount is '2'"),
    ("alibaba.instance_types", '"GPUAmount": 1', '"GPUAmount": 0.5', "not a whole number"),
    ("alibaba.instance_types", '"NextToken": ""', '"NextToken": 5', "NextToken is 5, not a text"),
    (
        "alibaba.instance_types",
        '"InstanceType": [',
        '"InstanceType": [1, ',
        "not a list of objects",
    ),
    ("alibaba.available_resource", '"ClosedWithStock"', '"Low"', "StatusCategory is 'Low', not on"),
    ("alibaba.available_resource", '"Value"', '"Type"', "a type without Value: missing 'Value'"),
    ("alibaba.available_resource", '"Status": "SoldOut"', '"Status": "Sold"', "Status is 'Sold'"),
    ("alibaba.available_resource", '"SupportedResource"', '"Rows"', "cn-hangzhou-i: missing 'Supp"),
    ("alibaba.available_resource", '"ZoneId"', '"Zone"', "Resource in cn-hangzhou: missing"),
    ("alibaba.available_resource", '"WithoutStock"', "null", "StatusCategory is None, not a text"),
    ("alibaba.price", '"instanceType"', '"machine"', "DetailInfos has 0 lines instanceType, not 1"),
    ("alibaba.price", '"systemDisk"', '"instanceType"', "has 2 lines instanceType, not 1"),
    ("alibaba.price", "0.104", '"0.104"', "cn-hangzhou ecs.g7.large: TradePrice is '0.104'"),
    ("alibaba.price", '"OriginalPrice"', '"Price"', "missing 'OriginalPrice'"),
    ("alibaba.price", '"Currency"', '"Money"', "missing 'Currency'"),
    ("alibaba.system_events", '"Time"', '"At"', "an event: missing 'Time'"),
    ("alibaba.system_events", "1795407506922", '"1795407506922"', "Time is '1795407506922'"),
    ("alibaba.system_events", "1795407506922", "1e300", "not a time in milliseconds"),
    ("alibaba.system_events", "1795407506922", "1795407506", "cannot be true"),
    ("alibaba.system_events", '"Name": "I', '"Title": "I', "neither a CloudEvent nor an event of"),
    ("alibaba.system_events", '\\"instanceId\\"', '\\"id\\"', "an event: missing 'instanceId'"),
    ("alibaba.system_events", '"{\\"', '"{', "an event: Expecting property name"),
    ("alibaba.system_events", '"SystemEvent"', '"Rows"', "missing 'SystemEvent'"),
    ("alibaba.event_queue", "ReceiptHandle>", "Receipt>", "of messages: missing 'ReceiptHandle'"),
    ("alibaba.event_queue", "Messages", "Answers", "the XML is 'Answers', not Messages"),
    ("alibaba.instances", '"SpotAsPriceGo"', '"Auction"', "SpotStrategy is 'Auction', not one of"),
    ("alibaba.instances", '"Pending"', '"Waiting"', "i-bp1starting0000000002: Status is 'Waiting'"),
    ("alibaba.instances", '"OperationLocks"', '"Locks"', "missing 'OperationLocks'"),
    ("alibaba.instances", '"InstanceId"', '"Id"', "cn-hangzhou a machine without InstanceId: miss"),
    ("alibaba.instances", "2026-11-23T18:29Z", "2026-11-23T18:29", "without a time zone"),
]
"""A feed, what is replaced in its recorded answer, by what, and words that the error has."""

IMPLAUSIBLE = [
    ("alibaba.spot_price_history", "0.104", "-0.104", "price_per_hour -0.104 is not above 0"),
    ("alibaba.spot_price_history", "0.104", "NaN", "is not a finite number"),
    ("alibaba.spot_price_history", "0.104", "0", "unknown price"),
    ("alibaba.spot_price_history", "0.504", "-0.504", "on_demand_price alibaba/cn-hangzhou/ecs.g7"),
    ("alibaba.spot_price_history", "2026-11-23T18", "2026-11-24T18", "is in the future"),
    ("alibaba.spot_price_history", '"CNY"', '"yuan"', "is not an ISO 4217 code"),
    ("alibaba.spot_advice", "31.25", "131.25", "cn-hangzhou-i/ecs.gn7i-c8g1.2xlarge"),
    ("alibaba.spot_advice", "31.25", "NaN", "is not a finite number"),
    ("alibaba.instance_types", '"MemorySize": 8.0', '"MemorySize": -8', "alibaba/ecs.g7.large"),
    ("alibaba.instance_types", '"GPUAmount": 1', '"GPUAmount": -1', "gpu_count -1 is below 0"),
    ("alibaba.price", "0.104", "-0.104", "price_per_hour -0.104 is not above 0"),
    ("alibaba.price", "0.104", "1e9", "is more than any machine costs"),
    ("alibaba.instances", "2026-11-23T18:29Z", "2026-11-24T18:29Z", "is in the future"),
]


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    """One for all tests: none may leave a fact in it."""
    with Warehouse.in_memory() as opened:
        yield opened


def failed_run(warehouse: Warehouse, feed: Feed, answer: Answer) -> tuple[str, type | None]:
    """Run the feed on one answer: the run's error, and the class that the feed itself raised."""
    raised = None
    with (
        loopback(always(answer)) as server,
        alibaba_at(server.url, instance_types=("ecs.g7.large",)) as source,
    ):
        result = run(warehouse, feed, source).result
        try:
            list(feed.collect(source))
        except SourceError as error:
            raised = type(error)
    assert result.outcome is RunOutcome.FAILED
    assert stored(warehouse) == {}
    last = "select feed, scope, outcome, error from feed_run order by rowid desc limit 1"
    assert warehouse.rows(last) == [(feed.name, "cn-hangzhou", "failed", result.error)]
    return result.error or "", raised


def spoiled(name: str, old: str, new: str) -> Answer:
    text = (PAYLOADS / "alibaba" / RECORDED[name]).read_text(encoding="utf-8")
    assert old in text
    return Answer(text.replace(old, new).encode())


@pytest.mark.parametrize("name", FEEDS)
@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_a_bad_answer_fails_the_run_by_the_right_error(
    warehouse: Warehouse, name: str, kind: str
) -> None:
    answer, expected = BAD_ANSWERS[kind]

    error, raised = failed_run(warehouse, FEEDS[name], answer)

    assert raised is not None
    assert issubclass(raised, expected)
    assert error.startswith(f"{name}: ")


@pytest.mark.parametrize(("name", "old", "new", "words"), SPOILED)
def test_a_changed_form_is_told_with_its_place(
    warehouse: Warehouse, name: str, old: str, new: str, words: str
) -> None:
    error, raised = failed_run(warehouse, FEEDS[name], spoiled(name, old, new))

    assert raised is SourceChangedError
    assert error.startswith(f"{name}: ")
    assert words in error


@pytest.mark.parametrize(("name", "old", "new", "words"), IMPLAUSIBLE)
def test_what_cannot_be_true_is_not_stored(
    warehouse: Warehouse, name: str, old: str, new: str, words: str
) -> None:
    error, raised = failed_run(warehouse, FEEDS[name], spoiled(name, old, new))

    assert raised in {None, ImplausibleError}
    assert error.startswith(f"{name}: ")
    assert words in error


def test_the_answers_that_are_spoiled_are_good_before() -> None:
    assert set(RECORDED) == set(FEEDS)
    for name, file in RECORDED.items():
        body = (PAYLOADS / "alibaba" / file).read_bytes()
        with (
            loopback(always(Answer(body))) as server,
            alibaba_at(server.url, instance_types=("ecs.g7.large",)) as source,
        ):
            assert list(FEEDS[name].collect(source))
