"""Manifests as YAML that says the same to every reader.

Writers and readers of YAML disagree on what an unquoted word is. PyYAML writes the string ``1e-3``
bare, since its own YAML 1.1 reads it as a string; Kubernetes reads a number there, and the API
server refuses the field. So nothing is left bare here but words that are strings to all of them.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

LEADING_KEYS = ("apiVersion", "kind", "metadata", "spec")
"""The order in which kubectl prints; other keys follow as they come."""

BARE = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
"""Strings that begin with a letter and hold nothing that YAML gives a meaning."""

LINES = re.compile(r"[!-~](?:[ -~]*[!-~])?\n(?:\n*[ -~]*[!-~]\n)+")
"""Texts of several plain lines (a ConfigMap's file), written as lines: no block is read as another
type."""

WORDS_OF_ANOTHER_TYPE = frozenset(
    {
        *("y", "n", "yes", "no", "on", "off", "t", "f", "true", "false"),
        *("null", "nil", "none", "nan", "inf", "infinity"),
    }
)
"""Letters only, but a boolean, a null or a number to some reader, in any case of letters."""


def to_yaml(manifests: Iterable[Mapping[str, Any]]) -> str:
    """The manifests as one YAML stream, documents parted by ``---``; '' of none.

    A string that any reading of YAML could take for another type is quoted, keys as well.
    """
    return yaml.dump_all(
        [_ordered(manifest) for manifest in manifests],
        Dumper=_ManifestDumper,
        sort_keys=False,
        default_flow_style=False,
        width=sys.maxsize,
    )


def _ordered(manifest: Mapping[str, Any]) -> dict[str, Any]:
    leading = {key: manifest[key] for key in LEADING_KEYS if key in manifest}
    return leading | {key: value for key, value in manifest.items() if key not in leading}


class _ManifestDumper(yaml.SafeDumper):
    """Quotes by our rule, and repeats what occurs twice: kubectl users do not read anchors."""

    def ignore_aliases(self, data: object) -> bool:
        """Whatever ``data`` is, it is written out."""
        del data
        return True


def _quoted_unless_bare(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    bare = BARE.fullmatch(value) and value.lower() not in WORDS_OF_ANOTHER_TYPE
    style = None if bare else "|" if LINES.fullmatch(value) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_ManifestDumper.add_representer(str, _quoted_unless_bare)
