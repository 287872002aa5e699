"""The arguments of a model server: KServe's Hugging Face server, and vLLM itself."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from advisor.serving.models import PRECISION_OF_DTYPE


class Engine(StrEnum):
    """Who answers; each opens its port, and tells that it is ready, in its own way."""

    HUGGINGFACE = "huggingface"
    """KServe's Hugging Face server, with vLLM inside."""
    VLLM = "vllm"
    OTHER = "other"


ADDITIONAL = "VLLM_ADDITIONAL_ARGS"
"""Environment variable by which KServe's presets of LLMInferenceService take more arguments."""

PRECISION_OF_QUANTIZATION = {
    **dict.fromkeys(("awq", "awq_marlin", "gptq", "gptq_marlin", "bitsandbytes"), "int4"),
    **dict.fromkeys(("fp8", "fbgemm_fp8", "ptpc_fp8"), "fp8"),
    **dict.fromkeys(("experts_int8",), "int8"),
    **dict.fromkeys(("mxfp4", "modelopt_fp4"), "fp4"),
}
"""vLLM's ``--quantization`` by the width of the weights; others follow the checkpoint."""

_COUNT = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[kKmMgG]?)")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "K": 2**10, "M": 2**20, "G": 2**30}
"""vLLM's own reading of ``8k`` and ``8K`` (vllm/engine/arg_utils.py, human_readable_int)."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a server was told, by flag without its dashes; the last of several counts."""

    given: Mapping[str, str | None] = field(default_factory=dict[str, str | None])

    def text(self, *names: str) -> str | None:
        """The value of the first of these flags that is given; None if none is."""
        return next((value for one in names if (value := self.given.get(one))), None)

    def count(self, *names: str) -> int | None:
        """A whole number, as ``8192`` or ``8k``; None if it is not given, or is left to vLLM."""
        found = _COUNT.fullmatch(self.text(*names) or "")
        return None if found is None else int(float(found["number"]) * _UNITS[found["unit"]])

    def share(self, name: str) -> float | None:
        """A share of 0 to 1; None if it is not given, or is none."""
        try:
            value = float(self.text(name) or "")
        except ValueError:
            return None
        return value if 0 < value <= 1 else None

    @property
    def model_name(self) -> str | None:
        """By which name the model is asked for."""
        return self.text("served-model-name", "model-name")

    @property
    def model_id(self) -> str | None:
        """What the server downloads by itself; None where it reads a folder."""
        found = self.text("model-id", "model")
        return None if found is None or found.startswith("/") else found

    @property
    def precision(self) -> str | None:
        """The format in which the weights are loaded; None where the checkpoint decides."""
        quantised = PRECISION_OF_QUANTIZATION.get((self.text("quantization", "q") or "").lower())
        return quantised or PRECISION_OF_DTYPE.get((self.text("dtype") or "").lower())

    @property
    def kv_bytes_each(self) -> float:
        """Bytes of one number of the key-value cache: two, or as ``--kv-cache-dtype`` says."""
        return 1.0 if (self.text("kv-cache-dtype") or "").startswith("fp8") else 2.0


def arguments_of(container: Mapping[str, Any]) -> Arguments:
    """The arguments of a container: of its command, of ``args``, and of `ADDITIONAL`."""
    words = [*_words(container.get("command")), *_words(container.get("args"))]
    variables = container.get("env")
    for one in variables if isinstance(variables, list) else ():
        if isinstance(one, Mapping) and one.get("name") == ADDITIONAL:
            words += _split(str(one.get("value") or ""))
    flags = _flags(words)
    if "serve" in words[:-1] and not (named := words[words.index("serve") + 1]).startswith("-"):
        # `vllm serve MODEL`
        flags.setdefault("model", named)
    return Arguments(flags)


def _words(given: object) -> Iterable[str]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        return
    for one in given:
        text = str(one)
        # A shell's script holds its flags in one word.
        yield from _split(text) if " --" in text else (text,)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _flags(words: Sequence[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for at, word in enumerate(words):
        if not word.startswith("--") or word == "--":
            continue
        name, equals, value = word.removeprefix("--").partition("=")
        following = words[at + 1] if at + 1 < len(words) else "--"
        said = value if equals else (None if following.startswith("--") else following)
        found[name.replace("_", "-")] = said
    return found
