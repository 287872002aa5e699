"""A model's file: every bit comes back, and what was changed or cut is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from advisor.risk.artifact import card_of, load_model, prior_model, save_model
from advisor.risk.dataset import samples
from advisor.risk.errors import ArtifactError
from advisor.risk.fitting import fit
from tests.support.ticks import random_states, ticks_of


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model, saved."""
    rows = samples(ticks_of(random_states(3, 12 * 24 * 4, drop_per_hour=0.5, seed=1)))
    path = tmp_path_factory.mktemp("models") / "model.json"
    save_model(
        path, fit(rows), card_of(rows, data="made for a test", code_version="0", name="test-1")
    )
    return path


def test_a_model_that_is_loaded_says_what_the_saved_one_said(saved: Path, tmp_path: Path) -> None:
    model, card = load_model(saved)
    rows = samples(ticks_of(random_states(3, 12 * 24, drop_per_hour=0.5, seed=9)))
    kind = model.priors.place(rows.kinds)[rows.kind]
    again = tmp_path / "again.json"
    save_model(again, model, card)

    assert again.read_bytes() == saved.read_bytes()
    assert card.version == "test-1"
    assert card.probe_kinds.keys() == {"launch_probe"}
    said = model.forecast(rows.evidence, kind)
    other = load_model(again)[0].forecast(rows.evidence, kind)
    assert np.array_equal(said.probability, other.probability)
    assert np.array_equal(said.low, other.low)


def test_a_changed_number_is_refused(saved: Path, tmp_path: Path) -> None:
    whole = json.loads(saved.read_text())
    whole["model"]["priors"]["rate_per_hour"] *= 2
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(whole))

    with pytest.raises(ArtifactError, match="does not match its checksum"):
        load_model(changed)


def test_another_format_or_a_cut_file_is_refused(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(json.dumps({**json.loads(saved.read_text()), "format": 99}))
    with pytest.raises(ArtifactError, match="has format 99"):
        load_model(path)

    path.write_text(saved.read_text()[:1000])
    with pytest.raises(ArtifactError, match="cut short"):
        load_model(path)

    with pytest.raises(ArtifactError, match="cannot be read"):
        load_model(tmp_path / "none.json")


def test_the_model_that_comes_along_is_whole_and_knows_its_data() -> None:
    model, card = prior_model()

    assert card.version.startswith("prior-")
    assert {"launch_probe", "held_instance"} <= set(model.priors.kinds)
    assert sum(card.probe_kinds.values()) > 50_000
    assert card.last_at < "2026"
