"""Manifests in and out: what a command writes for ``kubectl``, and what it reads of a cluster."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from advisor.karpenter.manifests import to_yaml
from api.errors import UsageError
from api.output import Manifest

STANDARD_INPUT = Path("-")


def write_manifests(manifests: Sequence[Mapping[str, Any]], form: Manifest) -> None:
    """To standard output: YAML documents, or JSON (a List unless there is exactly one)."""
    if form is Manifest.YAML:
        sys.stdout.write(to_yaml(manifests))
        return
    whole: Mapping[str, Any] = (
        manifests[0]
        if len(manifests) == 1
        else {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
    )
    sys.stdout.write(f"{json.dumps(whole, indent=2)}\n")


def read_manifests(path: Path) -> list[dict[str, Any]]:
    """The manifests of a YAML or JSON file, with those in a List; ``-`` is standard input.

    Raises:
        UsageError: it cannot be read, or holds something that is no manifest.
    """
    try:
        text = sys.stdin.read() if path == STANDARD_INPUT else path.read_text(encoding="utf-8")
        documents = [one for one in yaml.safe_load_all(text) if one is not None]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: cannot be read as YAML or JSON: {error}") from error
    return manifests_of(documents, str(path))


def manifests_of(documents: Sequence[Any], place: str) -> list[dict[str, Any]]:
    """The manifests of YAML documents, with those in a List; ``place`` names them in errors.

    Raises:
        UsageError: something is no manifest.
    """
    found: list[Any] = []
    for document in documents:
        items = document.get("items") if isinstance(document, dict) else None
        found += items if isinstance(items, list) else [document]
    for manifest in found:
        if not (isinstance(manifest, dict) and _is_named(manifest)):
            raise UsageError(f"{place}: holds something that is no manifest of Kubernetes")
    return found


def _is_named(manifest: Mapping[str, Any]) -> bool:
    metadata = manifest.get("metadata")
    return (
        isinstance(manifest.get("kind"), str)
        and isinstance(metadata, dict)
        and isinstance(metadata.get("name"), str)
    )
