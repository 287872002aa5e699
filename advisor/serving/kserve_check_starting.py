"""Checks of how a service starts: is it Ready when it can answer, and is it given the time?"""

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.serving.engine import Engine
from advisor.serving.kserve_finding import Finding, Severity, Subject
from advisor.serving.kserve_objects import mapping_at
from advisor.serving.service import Mode, Service

PROGRESS_SECONDS = 600
"""KServe writes it into each Deployment, and no field of the InferenceService changes it
(`reconcilers/deployment/deployment_reconciler.go`, v0.20.0). Knative's own default is the same."""
PROGRESS = "serving.knative.dev/progress-deadline"
"""Annotation of a Knative service's pods, which moves its deadline."""

PERIOD_SECONDS, FAILURES = 10, 3
"""Kubernetes' own period and threshold of a probe."""


def check_readiness(subject: Subject) -> Iterator[Finding]:
    """A pod that is Ready before its model is loaded."""
    service = subject.service
    if not _is_seen(service):
        return
    place = f"{service.container_path}.readinessProbe"
    why = _why_not_honest(service, service.container.get("readinessProbe"))
    if why is not None:
        yield subject.finding(
            "READINESS",
            Severity.ERROR,
            place,
            f"{why}: the replacement counts as Ready, and the old pod goes, before it can answer",
            f"Probe GET {good_path(service)} on port {port_of(service)}.",
        )


def check_startup(subject: Subject) -> Iterator[Finding]:
    """A start that nothing bounds, or that is cut off before the model is loaded."""
    service = subject.service
    if not _is_seen(service):
        return
    startup, liveness = (service.container.get(one) for one in ("startupProbe", "livenessProbe"))
    place, needed = f"{service.container_path}.startupProbe", subject.load_seconds
    if startup is None and liveness is None:
        yield subject.finding(
            "STARTUP",
            Severity.WARNING,
            place,
            "without a startupProbe a server that hangs while it loads is never started again",
            f"Add a startupProbe on GET {good_path(service)} that allows for the load.",
        )
        return
    budget = _budget_seconds(startup or liveness)
    if needed is not None and budget is not None and budget < needed:
        kind = "startupProbe" if startup else "livenessProbe"
        yield subject.finding(
            "STARTUP",
            Severity.ERROR,
            f"{service.container_path}.{kind}",
            f"it ends the server after {budget:.0f} s, and half of its starts take more than "
            f"{needed:.0f} s: it is killed while it loads, again and again",
            f"Allow at least {2 * needed:.0f} s: failureThreshold times periodSeconds.",
        )


def check_progress(subject: Subject) -> Iterator[Finding]:
    """A rollout that is called failed before the first pod can be Ready."""
    service, needed = subject.service, subject.cold_start_seconds
    if needed is None or service.is_llm:
        return
    deadline, place = PROGRESS_SECONDS, f"{service.pod_path}.deploymentStrategy"
    if service.mode is Mode.KNATIVE:
        place = f'{service.pod_path}.annotations["{PROGRESS}"]'
        annotations = mapping_at(service.manifest, "spec", "predictor", "annotations")
        deadline = _seconds(annotations.get(PROGRESS)) or deadline
    if needed <= deadline:
        return
    fix = (
        "Shorten the start (a warm cache, parallel image pulls: `spotcast lead-time`); in "
        f"Standard mode the {deadline} s are fixed, and going on beyond them is a condition only."
    )
    if service.mode is Mode.KNATIVE:
        fix = f"Set the annotation {PROGRESS} to {2 * needed:.0f}s."
    yield subject.finding(
        "PROGRESS-DEADLINE",
        Severity.WARNING,
        place,
        f"half of the starts on a new node take more than {needed:.0f} s, and after {deadline} s "
        "the rollout is ProgressDeadlineExceeded",
        fix,
        mended=service.mode is Mode.KNATIVE,
    )


def good_path(service: Service) -> str:
    """What answers only when the model is loaded."""
    if service.engine is Engine.HUGGINGFACE:
        return f"/v2/models/{service.model_name}/ready"
    return "/health"


def port_of(service: Service) -> int:
    """Where the server listens."""
    ports = service.container.get("ports")
    if isinstance(ports, list) and ports and isinstance(ports[0], Mapping):
        found = ports[0].get("containerPort")
        if isinstance(found, int):
            return found
    told = service.arguments.count("port", "http-port")
    return told or (8000 if service.is_llm else 8080)


def _is_seen(service: Service) -> bool:
    """Whether it is known how the pod is probed.

    KServe's Hugging Face runtime has no probes of its own (v0.20.0), and its vLLM runtime has good
    ones: where that was not given, nothing is said.
    """
    if service.engine is Engine.HUGGINGFACE:
        return service.nodes == 1
    if service.engine is not Engine.VLLM:
        return False
    probed = any(one in service.container for one in ("readinessProbe", "startupProbe"))
    return probed or (service.is_effective and not service.unknown)


def _why_not_honest(service: Service, probe: object) -> str | None:
    """Why a probe may pass too early, or never; None if it is right or cannot be judged."""
    if not isinstance(probe, Mapping):
        return (
            "KServe's own probe only asks whether the port is open, and the server opens it before "
            "the model is loaded"
        )
    if "tcpSocket" in probe:
        return "the port is open before the model is loaded"
    asked = probe.get("httpGet")
    if not isinstance(asked, Mapping):
        return None
    path = str(asked.get("path") or "/").rstrip("/") or "/"
    if service.engine is Engine.VLLM:
        return None if path in {"/health", "/v1/models", "/ready"} else _says_nothing(path)
    if path in {good_path(service), f"/v1/models/{service.model_name}"}:
        return None
    parts = path.split("/")
    if path.endswith("/ready") and parts[1:3] == ["v2", "models"]:
        return f"{path} names another model than {service.model_name!r} and never passes"
    return _says_nothing(path)


def _says_nothing(path: str) -> str:
    return f"{path} answers before the model is loaded"


def _budget_seconds(probe: Any) -> float | None:
    """How long a probe lets a container start; None if it cannot be read."""
    if not isinstance(probe, Mapping):
        return None
    values = [
        probe.get("initialDelaySeconds", 0),
        probe.get("failureThreshold", FAILURES),
        probe.get("periodSeconds", PERIOD_SECONDS),
    ]
    if not all(isinstance(one, int) for one in values):
        return None
    delay, failures, period = values
    return float(delay + failures * period)


def _seconds(text: object) -> int | None:
    """Whole seconds of a Go duration in seconds or minutes; None of anything else."""
    word = str(text or "")
    for unit, seconds in (("s", 1), ("m", 60), ("h", 3600)):
        if word.endswith(unit) and word.removesuffix(unit).isdigit():
            return int(word.removesuffix(unit)) * seconds
    return None
