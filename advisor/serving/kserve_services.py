"""All services of some manifests, whichever of KServe's two kinds they are."""

from advisor.serving.kserve import inference_service
from advisor.serving.kserve_llm import llm_inference_service
from advisor.serving.kserve_objects import INFERENCE_SERVICE, Objects
from advisor.serving.service import Mode, Service


def services_of(objects: Objects, mode: Mode | None = None) -> list[Service]:
    """The services, in the order in which they were given.

    ``mode`` is the deployment mode of InferenceServices that do not say theirs.

    Raises:
        ServingError: one cannot be read; says where and why.
    """
    return [
        inference_service(one, objects, mode)
        if one["kind"] == INFERENCE_SERVICE
        else llm_inference_service(one, objects)
        for one in objects.services
    ]
