"""Objects of a cluster that tell of one start: a NodeClaim, a kubelet's event, a KServe pod."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support import guarded_objects as of

IMAGE = "public.ecr.aws/deep-learning-containers/vllm:0.11"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> str:
    """So many seconds after the start began."""
    return f"{BEGAN + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def conditions(**since: float) -> list[dict[str, str]]:
    """Conditions that have been True since then."""
    return [of.condition(kind, lastTransitionTime=at(one)) for kind, one in since.items()]


def a_claim(**since: float) -> dict[str, Any]:
    """The claim of node n1 with these conditions."""
    claim = of.a_claim("claim-n1", "n1")
    claim["status"]["conditions"] = conditions(**since)
    return claim


def a_pull(message: str, **given: Any) -> dict[str, Any]:
    """A kubelet event of node n1."""
    return of.an_event("pull", "Pulled", "Pod", "llm", message=message, lastTimestamp=at(300)) | {
        "source": {"component": "kubelet", "host": "n1"},
        **given,
    }


def pulled(time: str, size: int = 9_354_342_327, waiting: str = "") -> str:
    """The kubelet's words."""
    return (
        f'Successfully pulled image "{IMAGE}" in {time} ({waiting or time} including waiting). '
        f"Image size: {size} bytes."
    )


def a_server(**given: Any) -> dict[str, Any]:
    """A pod of KServe's whose weights were downloaded from 10 s to 225 s, Ready after 300 s."""
    pod = of.a_pod(
        "llm",
        "n1",
        annotations={"internal.serving.kserve.io/storage-initializer-sourceuri": "hf://a/model"},
    )
    pod["metadata"]["uid"] = "uid-llm"
    pod["spec"]["containers"] = [
        {
            "name": "kserve-container",
            "image": IMAGE,
            "args": ["--model_name=llm"],
            "resources": {"limits": {"nvidia.com/gpu": "1"}},
            "readinessProbe": {"httpGet": {"path": "/v2/models/llm/ready", "port": 8080}},
        }
    ]
    pod["status"] |= {
        "conditions": conditions(PodScheduled=0, Initialized=226, ContainersReady=300, Ready=300),
        "initContainerStatuses": [
            {
                "name": "storage-initializer",
                "restartCount": 0,
                "state": {
                    "terminated": {"exitCode": 0, "startedAt": at(10), "finishedAt": at(225)}
                },
            }
        ],
        "containerStatuses": [
            {
                "name": "kserve-container",
                "restartCount": 0,
                "state": {"running": {"startedAt": at(230)}},
            }
        ],
    }
    return pod | given
