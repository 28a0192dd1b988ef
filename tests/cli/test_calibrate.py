"""``vitruvian calibrate``: thresholds are fitted, shown, and stored in the card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_evaluate import RUN, app, write_case

from vitruvian.data.dataset import Dataset
from vitruvian.metrics import Predictions
from vitruvian.zoo import Card, ModelFile, load_card, save_card
from vitruvian.zoo.cards import Architecture, Preprocessing


def test_thresholds_are_printed_with_their_honest_gain(tmp_path: Path) -> None:
    truth, found = write_case(tmp_path)
    arguments = ["calibrate", "--truth", truth, "--predictions", found, "--minimum-support", "3"]
    result = RUN.invoke(app(), [*arguments, "--report", str(tmp_path / "page"), "--format", "json"])
    assert result.exit_code == 0, result.output
    row = json.loads(result.stdout)["classes"][0]
    assert row["threshold"] == pytest.approx(0.53)
    assert (row["pictures"], row["support"]) == (8, 8)
    assert (tmp_path / "page" / "score_distributions.png").is_file()
    held = RUN.invoke(app(), [*arguments, "--goal", "recall", "--wanted", "0.5"])
    assert "recall >= 0.5" in held.stdout
    wrong = RUN.invoke(app(), [*arguments, "--goal", "recall"])
    assert (wrong.exit_code, "needs the value" in wrong.stderr) == (2, True)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "mine.json"
    architecture = Architecture(backbone="b", in_channels=3, width=8, depth=1, mean=[0.0] * 3, std=[1.0] * 3)
    save_card(
        Card(
            schema="vitruvian.card/1", name="mine", summary="s", file="mine.onnx", sha256="0", labels=["head", "hand"],
            architecture=architecture, preprocessing=Preprocessing(size=64), nms_iou=0.5, commercial_use="no",
            thresholds={"head": 0.1, "hand": 0.2}, thresholds_from="made up",
        ),
        path,
    )  # fmt: skip
    return path


def model_that_finds(found: str, truth: str, card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def predict_dataset(model: str, dataset: Dataset, **_: object) -> Predictions:
        assert model == "mine"
        return Predictions.load(found, Dataset.load(truth))

    monkeypatch.setattr("vitruvian.finders.predict.predict_dataset", predict_dataset)
    monkeypatch.setattr("vitruvian.zoo.find_model", lambda _: ModelFile(card.with_suffix(".onnx"), load_card(card)))


@pytest.mark.parametrize("write", [True, False])
def test_the_models_card_gets_the_thresholds(
    tmp_path: Path, card: Path, write: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth, found = write_case(tmp_path)
    model_that_finds(found, truth, card, monkeypatch)
    options = ["--minimum-support", "3", "--write" if write else "--no-write"]
    result = RUN.invoke(app(), ["calibrate", "--truth", truth, "--model", "mine", *options])
    assert result.exit_code == 0, result.output
    stored = load_card(card)
    assert stored.thresholds == {"head": pytest.approx(0.53) if write else 0.1, "hand": 0.2}
    assert ("highest F1" in stored.thresholds_from) == write


def test_calibrated_scores_are_shown_and_leave_the_card_alone(
    tmp_path: Path, card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth, found = write_case(tmp_path)
    rows = json.loads(Path(found).read_text())
    rows += [{**row, "bbox": [50, 50, 20, 20], "score": 0.02 * row["image_id"]} for row in rows]
    Path(found).write_text(json.dumps(rows))
    model_that_finds(found, truth, card, monkeypatch)
    base = ["calibrate", "--truth", truth, "--model", "mine", "--minimum-support", "3"]
    assert RUN.invoke(app(), base).exit_code == 0
    without = card.read_text()
    result = RUN.invoke(app(), [*base, "--scores", "temperature"])
    assert result.exit_code == 0, result.output
    assert "Score calibration at IoU 0.5" in result.stdout
    assert "note: a diagnosis" in result.stdout
    assert card.read_text() == without
