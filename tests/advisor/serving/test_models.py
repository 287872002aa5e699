"""How large a model is, and who says so."""

import pytest

from advisor.serving.errors import ServingError
from advisor.serving.gpu_memory import Split, gpu_memory
from advisor.serving.models import (
    guessed,
    indexed,
    model_of_parameters,
    model_of_weights,
    precision_of,
    with_shape,
)

TABLE = {
    ("bf16", 1): (73.4, 80.0, 93.4),
    ("bf16", 2): (38.3, 41.7, 48.3),
    ("bf16", 4): (20.8, 22.5, 25.8),
    ("bf16", 8): (12.1, 12.9, 14.6),
    ("fp8", 1): (40.1, 46.8, 60.1),
    ("fp8", 2): (21.7, 25.1, 31.7),
    ("int4", 1): (25.4, 32.1, 45.4),
    ("int4", 2): (14.4, 17.7, 24.4),
    ("int4", 4): (8.9, 10.5, 13.9),
}
"""GiB on each GPU for 1, 4 and 10 sequences of 8192 tokens: the contract's table of
DeepSeek-R1-Distill-Qwen-32B, section 1.5."""


@pytest.mark.parametrize(("precision", "tensor"), TABLE)
def test_the_contracts_table_of_the_32b_model_is_met_within_rounding(
    precision: str, tensor: int
) -> None:
    model = model_of_parameters("32B", 32.76e9, precision, "the repository")

    found = [
        gpu_memory(
            weights_gb=model.weights_gb,
            kv_bytes_per_token=262_144,
            context_tokens=8192,
            concurrency=concurrency,
            split=Split(tensor),
            kv_heads=8,
        ).gib
        for concurrency in (1, 4, 10)
    ]

    assert found == pytest.approx(TABLE[precision, tensor], abs=0.05)


def test_gpus_beyond_the_key_value_heads_hold_copies_of_the_cache() -> None:
    given = {"weights_gb": 16.0, "kv_bytes_per_token": 2**20, "context_tokens": 1024}
    eight = gpu_memory(**given, concurrency=8, split=Split(8), kv_heads=2)  # type: ignore[arg-type]
    two = gpu_memory(**given, concurrency=8, split=Split(2), kv_heads=2)  # type: ignore[arg-type]

    assert eight.cache_gib == two.cache_gib == 4.0


def test_stages_of_a_pipeline_share_weights_and_cache() -> None:
    found = gpu_memory(
        weights_gb=2**30 * 8 / 1e9,
        kv_bytes_per_token=2**20,
        context_tokens=1024,
        concurrency=4,
        split=Split(tensor=2, pipeline=2),
        utilization=1.0,
    )

    assert (found.weights_gib, found.cache_gib, found.gib) == (2.0, 1.0, 6.0)


@pytest.mark.parametrize(
    ("name", "billions", "precision"),
    [
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", 32 * 1.02, "bf16"),
        ("Qwen/Qwen2.5-32B-Instruct-AWQ", 32, "int4"),
        ("Qwen3-30B-A3B-FP8", 30, "fp8"),
        ("mistralai/Mixtral-8x7B-v0.1", 56 * 1.02, "bf16"),
        ("org/llama-3.2-1.5b", 1.5 * 1.02, "bf16"),
        ("model-70b-w8a8", 70, "int8"),
    ],
)
def test_a_size_in_a_name_is_a_guess_and_says_so(
    name: str, billions: float, precision: str
) -> None:
    found = guessed(name)

    assert found is not None
    assert found.is_guess
    assert found.parameters == pytest.approx(billions * 1e9)
    assert found.precision == precision
    assert found.source == f"guessed from the name {name!r}"


@pytest.mark.parametrize("name", ["deepseek-r1", "llama-4bit", "mobile-b", "v2beta", "0b", ""])
def test_a_name_without_a_size_is_no_guess_of_one(name: str) -> None:
    assert guessed(name) is None


def test_an_index_tells_the_size_and_a_config_the_shape() -> None:
    index = {"metadata": {"total_size": 65_527_752_704}, "weight_map": {}}
    config = {
        "hidden_size": 5120,
        "num_hidden_layers": 64,
        "num_attention_heads": 40,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131_072,
        "torch_dtype": "bfloat16",
    }

    model = with_shape(indexed(index, "32B", precision_of(config), "index.json"), config, "config")

    assert model.weights_gb == pytest.approx(65.53, abs=0.01)
    assert model.parameters == pytest.approx(32.76e9, abs=0.01e9)
    assert model.kv_bytes_per_token() == 262_144
    assert (model.heads, model.context_max_tokens, model.is_guess) == (40, 131_072, False)


def test_a_model_that_also_sees_has_its_language_model_inside() -> None:
    config = {
        "vision_config": {"num_hidden_layers": 2},
        "text_config": {"num_hidden_layers": 32, "num_attention_heads": 32, "head_dim": 64},
    }

    model = with_shape(model_of_weights("x", 16, "bf16", "--weights"), config, "config.json")

    assert (model.layers, model.kv_heads, model.head_dim) == (32, 32, 64)


@pytest.mark.parametrize(
    ("config", "precision"),
    [
        ({"torch_dtype": "bfloat16"}, "bf16"),
        ({"dtype": "torch.float16"}, "fp16"),
        ({"torch_dtype": "bfloat16", "quantization_config": {"quant_method": "fp8"}}, "fp8"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 8}}, "int8"),
        ({"quantization_config": {"quant_method": "awq", "w_bit": 4}}, "int4"),
        ({"quantization_config": {"quant_method": "mxfp4"}}, "fp4"),
        ({"quantization_config": {"quant_method": "another"}}, None),
        ({}, None),
    ],
)
def test_the_format_of_the_weights_is_that_of_their_quantisation(
    config: dict[str, object], precision: str | None
) -> None:
    assert precision_of(config) == precision


@pytest.mark.parametrize("total", [None, "65 GB", 0, -1, True, float("inf")])
def test_an_index_without_a_size_is_refused(total: object) -> None:
    with pytest.raises(ServingError, match=r"index\.json: metadata\.total_size"):
        indexed({"metadata": {"total_size": total}}, "x", None, "index.json")


def test_a_config_with_a_layer_and_a_half_is_refused() -> None:
    model = model_of_weights("x", 16, None, "--weights")

    with pytest.raises(ServingError, match=r"config\.json: num_hidden_layers"):
        with_shape(model, {"num_hidden_layers": 1.5}, "config.json")


def test_weights_that_are_quantised_on_the_fly_shrink_and_never_grow() -> None:
    model = model_of_parameters("x", 10e9, "bf16", "--parameters")
    narrow = model_of_parameters("x", 10e9, "int4", "--parameters")

    assert model.loaded_gb("fp8") == pytest.approx(10.2)
    assert model.loaded_gb(None) == model.loaded_gb("fp16") == 20.0
    assert narrow.loaded_gb("bf16") == narrow.weights_gb


def test_a_guessed_cache_is_exact_for_the_32b_model_and_near_for_others() -> None:
    parameters = {"32B": (32e9, 262_144), "8B": (8e9, 131_072), "70B": (70.6e9, 327_680)}

    for name, (count, true) in parameters.items():
        model = model_of_parameters(name, count, "bf16", "--parameters")
        assert 0.5 < model.guessed_kv_bytes_per_token() / true < 2
