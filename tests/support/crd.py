"""Holds a manifest against a CRD as the API server does on create: schema, defaults, CEL rules.

Not covered: the cost limits of CEL, and rules on a change (``oldSelf``), which need two objects. A
rule that uses a function which is not known here fails to compile, and the test with it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from cel_expr_python import cel
from cel_expr_python.ext import ext_strings
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

FOLDER = Path(__file__).parents[1] / "fixtures" / "crds"

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""KServe's CRDs have 30,000 lines each: by libyaml where this build of PyYAML has it."""

TOO_LARGE_TO_CHECK = {"kserve"}
"""Folders whose schemas are not held against JSON Schema's own: that takes longer than all tests of
them, and the same generator writes those of the others."""

INTEGERS = {"int32": 31, "int64": 63}
"""Formats whose range the API server checks, by the bits that are left beside the sign."""

QUALIFIED_NAME = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$"
OBJECT_META: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "name": {
            "type": "string",
            "maxLength": 253,
            "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        },
        "namespace": {
            "type": "string",
            "maxLength": 63,
            "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        },
        "ownerReferences": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["apiVersion", "kind", "name", "uid"],
                "properties": {
                    **{key: {"type": "string"} for key in ("apiVersion", "kind", "name", "uid")},
                    **{key: {"type": "boolean"} for key in ("blockOwnerDeletion", "controller")},
                },
            },
        },
        "annotations": {
            "type": "object",
            "propertyNames": {"pattern": QUALIFIED_NAME},
            "additionalProperties": {"type": "string"},
        },
        "labels": {
            "type": "object",
            "propertyNames": {"pattern": QUALIFIED_NAME},
            "additionalProperties": {
                "type": "string",
                "maxLength": 63,
                "pattern": r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
            },
        },
    },
    "required": ["name"],
}
"""What the API server checks of metadata itself; a CRD only says that it is an object."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The complaints about one manifest; ``rules`` are the CEL rules that were evaluated."""

    errors: tuple[str, ...]
    rules: tuple[str, ...]


def has_crd(cloud: str, manifest: Mapping[str, Any]) -> bool:
    """Whether the manifest is of one of the CRDs in the folder of that cloud."""
    return (str(manifest.get("apiVersion")), str(manifest.get("kind"))) in _schemas(cloud)


def judge(cloud: str, manifest: Mapping[str, Any]) -> Verdict:
    """Hold a manifest against the CRDs in the folder of that cloud."""
    version, kind = str(manifest.get("apiVersion")), str(manifest.get("kind"))
    schema = _schemas(cloud)[version, kind]
    # A field that is required and has a default may be left out.
    filled = _with_defaults(schema, manifest)
    problems = [
        f"{error.json_path}: {error.message}"
        for error in _validator(cloud, version, kind).iter_errors(filled)
    ]
    if problems:
        # The API server evaluates rules on well-formed objects only.
        return Verdict(tuple(problems), ())
    results = list(_rules(schema, filled, "$"))
    return Verdict(
        tuple(complaint for _, complaint in results if complaint),
        tuple(rule for rule, _ in results),
    )


@cache
def _schemas(cloud: str) -> dict[tuple[str, str], dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for path in sorted((FOLDER / cloud).glob("*.yaml")):
        spec = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)["spec"]  # noqa: S506 - a safe one
        for version in spec["versions"]:
            key = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
            found[key] = version["schema"]["openAPIV3Schema"]
    assert found, f"no CRD of {cloud}"
    return found


@cache
def _validator(cloud: str, version: str, kind: str) -> Any:
    root = _strict(_schemas(cloud)[version, kind])
    root["properties"] |= {
        "apiVersion": {"const": version},
        "kind": {"const": kind},
        "metadata": OBJECT_META,
    }
    root["required"] = [*root.get("required", ()), "apiVersion", "kind", "metadata"]
    # types-jsonschema leaves this one function without annotations.
    validator = extend(Draft202012Validator, {"pattern": _re2_pattern, "items": _items})  # type: ignore[no-untyped-call]
    if cloud not in TOO_LARGE_TO_CHECK:
        validator.check_schema(root)
    return validator(root)


def _strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The structural schema as JSON schema that refuses unknown fields."""
    strict = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    if "properties" in schema:
        strict["properties"] = {
            name: _strict(inner) for name, inner in schema["properties"].items()
        }
    if "items" in schema:
        strict["items"] = _strict(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        strict["additionalProperties"] = _strict(schema["additionalProperties"])
    elif schema.get("type") == "object" and not schema.get("x-kubernetes-preserve-unknown-fields"):
        strict["additionalProperties"] = False
    if schema.get("x-kubernetes-list-type") == "set":
        strict["uniqueItems"] = True
    if bits := INTEGERS.get(str(schema.get("format"))):
        strict["maximum"] = min(schema.get("maximum", 2**bits - 1), 2**bits - 1)
        strict["minimum"] = max(schema.get("minimum", -(2**bits)), -(2**bits))
    return strict


def _re2_pattern(
    validator: object, pattern: str, value: object, schema: object
) -> Iterator[ValidationError]:
    """Match by RE2, the API server's own: Python's ``$`` would let a line break pass."""
    del validator, schema
    if isinstance(value, str) and not _matches(value, pattern):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


_GOOD_ITEMS: set[tuple[int, str]] = set()
"""Items of lists that their schema (by identity; schemas are kept) has taken before: the same
requirements and budgets come over and over."""


def _items(
    validator: Any, items: Mapping[str, Any], value: object, schema: object
) -> Iterator[ValidationError]:
    del schema
    for index, item in enumerate(value if isinstance(value, list) else ()):
        key = id(items), json.dumps(item, sort_keys=True)
        if key not in _GOOD_ITEMS:
            errors = list(validator.descend(item, items, path=index))
            yield from errors
            if not errors:
                _GOOD_ITEMS.add(key)


def _with_defaults(schema: Mapping[str, Any], value: Any) -> Any:
    if isinstance(value, Mapping):
        properties = schema.get("properties", {})
        filled = {name: p["default"] for name, p in properties.items() if "default" in p}
        others = schema.get("additionalProperties")
        return {
            name: _with_defaults(properties.get(name, others or {}), inner)
            for name, inner in (filled | dict(value)).items()
        }
    if isinstance(value, list):
        return [_with_defaults(schema.get("items", {}), inner) for inner in value]
    return value


def _rules(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[tuple[str, str | None]]:
    """Each rule that applies, with the complaint if it does not hold."""
    for validation in schema.get("x-kubernetes-validations", ()):
        rule = validation["rule"]
        if "oldSelf" not in rule:
            held = _text_holds(rule, value) if isinstance(value, str) else _holds(rule, value)
            yield rule, None if held else f"{path}: {validation.get('message', rule)}"
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name, inner in value.items():
            yield from _rules(properties.get(name, others) or {}, inner, f"{path}.{name}")
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _rules(schema.get("items", {}), inner, f"{path}[{index}]")


@cache
def _matches(text: str, pattern: str) -> bool:
    found = _compile("self[0].matches(self[1])").eval(data={"self": [text, pattern]})
    return bool(found.value())


@cache
def _text_holds(rule: str, text: str) -> bool:
    """The same few keys and names are judged over and over: once is enough."""
    return _holds(rule, text)


def _holds(rule: str, value: Any) -> bool:
    result = _compile(rule).eval(data={"self": value})
    return result.type() == cel.Type.BOOL and result.value() is True


@cache
def _compile(rule: str) -> cel.Expression:
    return _environment().compile(rule)


@cache
def _environment() -> cel.Env:
    """CEL with what Kubernetes adds and these CRDs use: the string library and ``find``."""
    text = cel.Type.STRING
    find = cel.FunctionDecl("find", [cel.Overload("string_find", text, [text, text], True, _find)])
    return cel.NewEnv(
        variables={"self": cel.Type.DYN},
        extensions=[ext_strings.ExtStrings(), cel.CelExtension("kubernetes_regex", [find])],
    )


def _find(text: str, pattern: str) -> str:
    match = re.search(pattern, text)
    return match[0] if match else ""
