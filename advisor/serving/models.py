"""Served language models: how large, how deep, in what number format, and who says so.

The size comes from the checkpoint's own index or from the user. Where neither is given it is
guessed from the name ("...-32B"), and everything that is made of it says that it is a guess.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from advisor.serving.errors import ServingError

BYTES_PER_PARAMETER = {
    "fp32": 4.0,
    "bf16": 2.0,
    "fp16": 2.0,
    # 2 % for scales and for what is left unquantised (serving contract, section 1.5).
    "fp8": 1.02,
    "int8": 1.02,
    # GPTQ and AWQ with their scales and unquantised embeddings: the 19.21 GB of the 32.76 billion
    # parameters of DeepSeek-R1-Distill-Qwen-32B; published, not measured here.
    "int4": 0.586,
    "fp4": 0.586,
}

PRECISION_OF_DTYPE = {
    **dict.fromkeys(("bfloat16", "bf16"), "bf16"),
    **dict.fromkeys(("float16", "half", "fp16"), "fp16"),
    **dict.fromkeys(("float32", "float", "fp32"), "fp32"),
}
"""Number formats by their names in config.json (``torch_dtype``) and in vLLM's ``--dtype``."""

ASSUMED_PRECISION = "bf16"
"""Assumed where nothing is said: how nearly all language models are published since 2023."""

GUESSED_SURPLUS = 1.02
"""A name's "32B" is rounded down as a rule (serving contract, section 1.5; assumed)."""

_PARAMETERS = re.compile(
    r"(?<![a-z0-9.])(?:(?P<experts>\d+)x)?(?P<billions>\d+(?:\.\d+)?)b(?![a-z0-9])", re.IGNORECASE
)
_PRECISION_IN_NAME = (
    (re.compile(r"int4|awq|gptq|w4a16|4bit", re.IGNORECASE), "int4"),
    (re.compile(r"nvfp4|mxfp4|(?<![a-z])fp4", re.IGNORECASE), "fp4"),
    (re.compile(r"(?<![a-z])fp8", re.IGNORECASE), "fp8"),
    (re.compile(r"int8|w8a8|8bit", re.IGNORECASE), "int8"),
)

GUESSED_KV_BYTES, GUESSED_AT_PARAMETERS = 131_072.0, 8e9
"""Key-value cache of one token of an 8B model of grouped attention (Llama 3: 32 layers, 8 heads of
128, two bytes). Others are guessed by the square root of their size: exact for Qwen2.5-32B, within
a factor of 2 for most from 7B to 70B. Assumed."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model as it lies on disk. None is not known.

    ``weights_gb`` is decimal GB of all weight files, ``precision`` their number format,
    ``source`` who says so. ``is_guess`` is whether the size is a guess.
    """

    name: str
    parameters: float | None
    weights_gb: float
    layers: int | None
    kv_heads: int | None
    head_dim: int | None
    precision: str | None
    source: str
    is_guess: bool
    heads: int | None = None
    """Attention heads: what tensor parallelism must divide."""
    context_max_tokens: int | None = None

    def kv_bytes_per_token(self, bytes_each: float = 2.0) -> float | None:
        """What one token takes of the key-value cache, in all layers; None if not known."""
        if self.layers is None or self.kv_heads is None or self.head_dim is None:
            return None
        return 2 * self.layers * self.kv_heads * self.head_dim * bytes_each

    def guessed_kv_bytes_per_token(self) -> float:
        """The same by the number of parameters; a guess, and to be called one."""
        bytes_each = BYTES_PER_PARAMETER[self.precision or ASSUMED_PRECISION]
        count = self.parameters or self.weights_gb * 1e9 / bytes_each
        return GUESSED_KV_BYTES * math.sqrt(count / GUESSED_AT_PARAMETERS)

    def loaded_gb(self, precision: str | None) -> float:
        """Weights as they lie in GPU memory, when the engine is told to load them as that.

        Quantised on the fly they shrink; a format of the same width, or one that is not known,
        leaves them as they are.
        """
        if precision is None or self.precision is None or precision == self.precision:
            return self.weights_gb
        ratio = BYTES_PER_PARAMETER[precision] / BYTES_PER_PARAMETER[self.precision]
        return self.weights_gb * min(ratio, 1.0)


def model_of_parameters(
    name: str, parameters: float, precision: str | None, source: str, *, is_guess: bool = False
) -> Model:
    """A model of that many parameters; of bf16 if no format is named."""
    bytes_each = BYTES_PER_PARAMETER[precision or ASSUMED_PRECISION]
    return Model(
        name,
        parameters,
        parameters * bytes_each / 1e9,
        None,
        None,
        None,
        precision or ASSUMED_PRECISION,
        source,
        is_guess,
    )


def model_of_weights(name: str, weights_gb: float, precision: str | None, source: str) -> Model:
    """A model whose files are that large."""
    known = None if precision is None else weights_gb * 1e9 / BYTES_PER_PARAMETER[precision]
    return Model(name, known, weights_gb, None, None, None, precision, source, is_guess=False)


def guessed(name: str, precision: str | None = None) -> Model | None:
    """The model that a name speaks of ("...-32B-AWQ"); None if it names no size.

    ``precision`` is its number format, where that is known and the name need not tell it.
    """
    found = _PARAMETERS.search(name)
    if found is None:
        return None
    billions = float(found["billions"]) * int(found["experts"] or 1)
    if not 0 < billions < 1e5:  # noqa: PLR2004 - a name, not a number: "id-0b", "1234567b"
        return None
    said = precision or next((kind for one, kind in _PRECISION_IN_NAME if one.search(name)), None)
    # What is added for a rounded name is in the bytes of quantised formats already.
    is_narrow = said is not None and BYTES_PER_PARAMETER[said] < BYTES_PER_PARAMETER["bf16"]
    count = billions * (1.0 if is_narrow else GUESSED_SURPLUS) * 1e9
    return model_of_parameters(name, count, said, f"guessed from the name {name!r}", is_guess=True)


def indexed(index: Mapping[str, Any], name: str, precision: str | None, place: str) -> Model:
    """The model of a ``model.safetensors.index.json``.

    Raises:
        ServingError: it is no such index; ``place`` names the file.
    """
    metadata = index.get("metadata")
    total = metadata.get("total_size") if isinstance(metadata, Mapping) else None
    if isinstance(total, bool) or not isinstance(total, int | float) or not 0 < total < math.inf:
        raise ServingError(
            f"{place}: metadata.total_size",
            f"{total!r} is no number of bytes; give the model.safetensors.index.json of the model",
        )
    return model_of_weights(name, total / 1e9, precision, f"{place}: metadata.total_size")


def with_shape(model: Model, config: Mapping[str, Any], place: str) -> Model:
    """The model with layers, heads and length of context of its ``config.json``.

    Raises:
        ServingError: a field that must be a whole number is none; ``place`` names the file.
    """
    text = _language_part(config)
    heads = _whole(text, "num_attention_heads", place)
    hidden = _whole(text, "hidden_size", place)
    derived = hidden // heads if heads and hidden else None
    return replace(
        model,
        layers=_whole(text, "num_hidden_layers", place),
        kv_heads=_whole(text, "num_key_value_heads", place) or heads,
        head_dim=_whole(text, "head_dim", place) or derived,
        heads=heads,
        context_max_tokens=_whole(text, "max_position_embeddings", place),
    )


def precision_of(config: Mapping[str, Any]) -> str | None:
    """The format of the weights by a ``config.json``: of their quantisation, else their dtype."""
    text = _language_part(config)
    quantised = text.get("quantization_config")
    if isinstance(quantised, Mapping):
        method = str(quantised.get("quant_method", "")).lower()
        bits = quantised.get("bits", quantised.get("w_bit"))
        if method in {"fp8", "mxfp4"}:
            return "fp8" if method == "fp8" else "fp4"
        if bits in {4, 8}:
            return "int4" if bits == 4 else "int8"  # noqa: PLR2004 - bits
        return "int4" if method in {"awq", "gptq"} else None
    dtype = str(text.get("dtype") or text.get("torch_dtype") or "")
    return PRECISION_OF_DTYPE.get(dtype.removeprefix("torch."))


def _language_part(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Models that see as well keep the language model's own fields in text_config."""
    nested = config.get("text_config")
    return {**config, **nested} if isinstance(nested, Mapping) else config


def _whole(config: Mapping[str, Any], key: str, place: str) -> int | None:
    value = config.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ServingError(f"{place}: {key}", f"{value!r} is no whole number of 1 or more")
    return value
