"""``/v1/events``: clouds and agents push what they know of machines that are taken."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response

from api.service.pushes import InterruptionsIn, PushOut, ValidationOut, take, take_azure, take_own
from api.web.headers import PRINTABLE
from api.web.problems import ERRORS
from api.web.service import Served

router = APIRouter(tags=["events"], responses=ERRORS)


async def _raw(request: Request) -> bytes:
    return await request.body()


Raw = Annotated[bytes, Depends(_raw)]
"""The body as it came: each cloud wraps its events in another way."""


def _documented(description: str, *examples: Mapping[str, Any]) -> dict[str, Any]:
    """What a body that is read as it came looks like, for OpenAPI."""
    thing: dict[str, Any] = {"type": "object"}
    schema = {"anyOf": [thing, {"type": "array", "items": thing}]}
    named = {f"example {number}": {"value": one} for number, one in enumerate(examples, 1)}
    json = {"schema": schema, "examples": named}
    return {
        "requestBody": {
            "required": True,
            "description": description,
            "content": {"application/json": json},
        }
    }


AWS_EVENT = {
    "version": "0",
    "id": "12345678-1234-1234-1234-123456789012",
    "detail-type": "EC2 Spot Instance Interruption Warning",
    "source": "aws.ec2",
    "account": "123456789012",
    "time": "2026-11-23T18:02:11Z",
    "region": "us-east-1",
    "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-0b662ef9931388ba0"],
    "detail": {"instance-id": "i-0b662ef9931388ba0", "instance-action": "terminate"},
}
ALIBABA_EVENT = {
    "specversion": "1.0",
    "id": "2662e5f9-1f5e-4d4b-9d5c-1f0b9a6c5a11",
    "source": "acs.ecs",
    "type": "ecs:Instance:PreemptibleInstanceInterruption",
    "subject": "acs:ecs:cn-hangzhou:123456789012:instance/i-bp1example",
    "time": "2026-11-23T18:02:11Z",
    "data": {"instanceId": "i-bp1example", "action": "delete"},
}
GCP_EVENT = {
    "message": {"data": "eyJsb2dOYW1lIjogInByb2plY3RzL3AvbG9ncy94In0=", "messageId": "1"},
    "subscription": "projects/p/subscriptions/preemptions",
}
AZURE_EVENT = {
    "DocumentIncarnation": 1,
    "Events": [
        {
            "EventId": "602d9444-d2cd-49c7-8624-8643e7171297",
            "EventType": "Preempt",
            "ResourceType": "VirtualMachine",
            "Resources": ["gpu-vmss_3"],
            "EventStatus": "Scheduled",
            "NotBefore": "Mon, 23 Nov 2026 18:02:11 GMT",
        }
    ],
}


@router.post("/events/aws", openapi_extra=_documented("EventBridge events.", AWS_EVENT))
def push_aws(request: Request, service: Served, body: Raw) -> PushOut:
    """Take events of EC2 and AWS Health from an EventBridge API destination: one, or a list."""
    return take(service, "aws", body, request.headers)


@router.post("/events/alibaba", openapi_extra=_documented("CloudEvents.", ALIBABA_EVENT))
def push_alibaba(request: Request, service: Served, body: Raw) -> PushOut:
    """Take spot interruptions from EventBridge (CloudEvents) or CloudMonitor: one, or a list."""
    return take(service, "alibaba", body, request.headers)


@router.post("/events/gcp", openapi_extra=_documented("A Pub/Sub push.", GCP_EVENT))
def push_gcp(request: Request, service: Served, body: Raw) -> PushOut:
    """Take preemptions from the audit log by a Pub/Sub push subscription, wrapped or not."""
    return take(service, "gcp", body, request.headers)


@router.post(
    "/events/azure",
    openapi_extra=_documented("Scheduled events, or CloudEvents that hold them.", AZURE_EVENT),
)
def push_azure(request: Request, service: Served, body: Raw) -> PushOut | ValidationOut:
    """Take scheduled events as an agent read them, alone or as the data of a (Cloud)Event.

    Event Grid's validation event is answered.
    """
    return take_azure(service, body, request.headers)


@router.options(
    "/events/azure",
    responses={200: {"description": "Your events are welcome", "content": {}}},
    response_class=Response,
)
def allow_azure(
    origin: Annotated[
        str,
        Header(
            alias="webhook-request-origin",
            min_length=1,
            max_length=253,
            pattern=PRINTABLE,
            description="Who will send.",
            examples=["eventgrid.azure.net"],
        ),
    ],
) -> Response:
    """Answer the handshake of CloudEvents 1.0 webhooks: who may send, and how often."""
    return Response(headers={"webhook-allowed-origin": origin, "webhook-allowed-rate": "*"})


@router.post("/events/interruptions")
def push_interruptions(service: Served, told: InterruptionsIn) -> PushOut:
    """Take interruptions in Spotcast's own words, from any other source."""
    return take_own(service, told)
