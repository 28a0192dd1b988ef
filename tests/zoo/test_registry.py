from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from vitruvian.zoo import Card, ModelError, find_model, list_models, load_card, save_card
from vitruvian.zoo.cards import Place
from vitruvian.zoo.page import card_text


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the shipped model and its card outside the package."""
    shipped = find_model()
    path = tmp_path / shipped.path.name
    shutil.copy(shipped.path, path)
    save_card(shipped.card, path.with_suffix(".json"))
    return path


@pytest.mark.parametrize("card", list_models(), ids=lambda card: card.name)
def test_shipped_models_are_whole_and_say_what_they_are(card: Card) -> None:
    model = find_model(card.name)
    assert model.path.stat().st_size <= 12 * 2**20
    assert set(card.thresholds) == set(card.labels)
    assert all(0 < value < 1 for value in card.thresholds.values())
    assert card.measured is not None
    assert card.measured.headline["AP50" if card.task == "detection" else "faces68 hard: recovered"] is not None
    assert card.data
    assert all(row.terms for row in card.data)
    assert card.commercial_use != "not stated"
    page = card_text(card)
    assert all(label in page for label in card.measured.classes)


def test_all_weights_together_stay_small() -> None:
    assert sum(find_model(card.name).path.stat().st_size for card in list_models()) <= 60 * 2**20


def test_cards_round_trip(copied: Path) -> None:
    card = load_card(copied.with_suffix(".json"))
    assert find_model(copied).card == card
    changed = card.with_thresholds({"Human nose": 0.123456})
    assert changed.thresholds["Human nose"] == 0.1235
    assert changed.thresholds["Human eye"] == card.thresholds["Human eye"]
    changed = changed.model_copy(update={"summary": "finds [ 1, 2 ] and [\n  3\n]"})
    save_card(changed, copied.with_suffix(".json"))
    assert load_card(copied.with_suffix(".json")) == changed
    assert '"mean": [0.485, 0.456, 0.406]' in copied.with_suffix(".json").read_text()  # a row of numbers is one line


def test_thresholds_that_do_not_fit_are_refused() -> None:
    card = find_model().card
    with pytest.raises(ModelError, match="no label 'Human tail'"):
        card.with_thresholds({"Human tail": 0.5})
    with pytest.raises(ModelError, match="not within"):
        card.with_thresholds({"Human nose": 1.5})


def test_a_place_whose_layers_do_not_fit_is_refused() -> None:
    assert len(Place(hidden=[[0.1, 0.2]], edges=[(0.0, 0.0, 0.0, 0.0)] * 3).edges) == 3
    with pytest.raises(ValueError, match="2 units by the rows of edges"):
        Place(hidden=[[0.1, 0.2], [0.1]], edges=[(0.0, 0.0, 0.0, 0.0)] * 3)


def test_an_altered_file_is_refused(copied: Path) -> None:
    content = bytearray(copied.read_bytes())
    content[len(content) // 2] ^= 1
    copied.write_bytes(content)
    with pytest.raises(ModelError, match="altered"):
        find_model(copied)


def test_a_card_cannot_point_elsewhere(copied: Path) -> None:
    path = copied.with_suffix(".json")
    raw = json.loads(path.read_text())
    path.write_text(json.dumps({**raw, "file": "../other.onnx"}))
    with pytest.raises(ModelError, match="beside its card"):
        find_model(copied)
    path.write_text(json.dumps({**raw, "unknown": 1}))
    with pytest.raises(ModelError, match="not a model card: unknown"):
        find_model(copied)
    path.unlink()
    with pytest.raises(ModelError, match="cannot read the model's card"):
        find_model(copied)


@pytest.mark.parametrize("name", ["parts23", "", "."])
def test_an_unknown_name_lists_what_ships(name: str) -> None:
    with pytest.raises(ModelError, match=r"shipped models are .*parts22"):
        find_model(name)


def test_a_file_that_is_not_there_is_named_as_it_was_given(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx: no such model file"):
        find_model(tmp_path / "gone.onnx")
