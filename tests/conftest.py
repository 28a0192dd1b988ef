"""Fixtures that every room's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real labelled pictures beside the repository; tests that need it are skipped where it is absent."""
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder of real pictures beside the repository is absent")
    return folder


@pytest.fixture(scope="session")
def model_with_maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model's file if it gives activation maps, else a fresh export of its weights that does."""
    from vitruvian.finders.detector import Detector
    from vitruvian.zoo import find_model, save_card
    from vitruvian.zoo.cards import file_sha256

    shipped = find_model()
    if Detector(shipped, threads=1).map_strides:
        return shipped.path
    from vitruvian.training.export import export_onnx
    from vitruvian.training.initial import load_detector
    from vitruvian.training.recipe import ModelRecipe

    net, card = load_detector("parts22")
    path = tmp_path_factory.mktemp("model") / "parts22.onnx"
    export_onnx(net, ModelRecipe(labels=card.labels, **card.architecture.model_dump()), path)
    save_card(card.model_copy(update={"sha256": file_sha256(path)}), path.with_suffix(".json"))
    return path
