"""One tiny training from recipe to model file: recorded, interrupted, resumed, published, and started from again."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from training_builders import drawn_recipe
from typer.testing import CliRunner

from vitruvian.cli.main import app
from vitruvian.finders import Detector as OnnxDetector
from vitruvian.images import read_picture
from vitruvian.networks.errors import WeightsError
from vitruvian.training.export import export_onnx, load_onnx_weights
from vitruvian.training.initial import average_with, starting_weights
from vitruvian.training.module import build_detector, normalise
from vitruvian.training.publish import publish
from vitruvian.training.recipe import Recipe, RecipeError, SourceRecipe, load_recipe
from vitruvian.training.run import best_network, set_log_aside, train
from vitruvian.zoo import ModelFile, find_model


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    return load_recipe(drawn_recipe(tmp_path_factory.mktemp("drawn")))


@pytest.fixture(scope="module")
def run(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    train(recipe, folder)
    return folder


@pytest.fixture(scope="module")
def model(recipe: Recipe, run: Path) -> ModelFile:
    _, net = best_network(run)
    return publish(net, recipe, run)


def test_the_folder_records_what_ran(recipe: Recipe, run: Path) -> None:
    assert load_recipe(run / "recipe.yaml") == recipe
    record = json.loads((run / "run.json").read_text())
    assert record["seed"] == 3
    assert set(record["data"]) == {"drawn", "val/drawn"}
    assert len(record["data"]["drawn"]["fingerprint"]) == 64
    assert record["versions"]["torch"] == version("torch")
    header = (run / "metrics.csv").read_text().splitlines()[0]
    assert "loss" in header
    assert "fitness" in header
    assert list((run / "tensorboard").iterdir())


def test_a_finished_folder_is_not_overwritten(recipe: Recipe, run: Path) -> None:
    with pytest.raises(FileExistsError, match="holds a run already"):
        train(recipe, run)


def test_a_killed_run_resumes_to_the_same_weights(recipe: Recipe, run: Path, tmp_path: Path) -> None:
    """The checkpoint half-way is what a kill leaves; the resumed rest must equal the uninterrupted run."""
    half = recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"validate_every": 0})})
    whole = tmp_path / "whole"
    train(half, whole)
    stopped = tmp_path / "stopped"
    shutil.copytree(whole, stopped)
    middle = tmp_path / "middle"

    class Killed(Exception):
        pass

    from vitruvian.training.module import DetectorTraining

    step = DetectorTraining.training_step

    def dies(self: DetectorTraining, batch: object, index: int) -> torch.Tensor:
        if self.global_step == 6:
            self.trainer.save_checkpoint(middle / "checkpoints" / "last.ckpt")
            raise Killed
        return step(self, batch, index)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DetectorTraining, "training_step", dies)
        with pytest.raises(Killed):
            train(half, middle)
    train(half, middle, resume=True)
    states = [torch.load(f / "checkpoints" / "last.ckpt", weights_only=True) for f in (whole, middle)]
    assert [s["global_step"] for s in states] == [12, 12]
    for name, value in states[0]["state_dict"].items():
        torch.testing.assert_close(states[1]["state_dict"][name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_a_run_is_not_resumed_by_another_recipe(recipe: Recipe, run: Path, tmp_path: Path) -> None:
    """Its record would be false: half of it was trained by another."""
    run = Path(shutil.copytree(run, tmp_path / "tiny"))
    before = (run / "recipe.yaml").read_text()
    longer = recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"pictures": 96})})
    wider = recipe.model_copy(update={"model": recipe.model.model_copy(update={"width": 24}), "seed": 4})
    with pytest.raises(RecipeError, match=r"begun with another schedule\.pictures; resume with its own recipe"):
        train(longer, run, resume=True)
    with pytest.raises(RecipeError, match=r"another seed, model\.width; "):
        train(wider, run, resume=True)
    assert (run / "recipe.yaml").read_text() == before
    card = recipe.model_copy(update={"card": recipe.card.model_copy(update={"summary": "another"}), "workers": 1})
    train(card, run, resume=True)


def test_what_cannot_be_judged_chooses_no_weights(recipe: Recipe, tmp_path: Path) -> None:
    """Every measurement would be 0, and the first the best: weights that have hardly learnt anything."""
    labels = json.loads(Path(recipe.data.train["drawn"].json_file).read_text())
    bare = [{k: v for k, v in row.items() if k != "exhaustive_category_ids"} for row in labels["images"]]
    partial, nobody = {**labels, "images": bare}, {**labels, "annotations": []}
    for name, content, promise in (("partial", partial, "none"), ("nobody", nobody, "file")):
        source = tmp_path / f"{name}.json"
        source.write_text(json.dumps(content))
        images = str(Path(recipe.data.train["drawn"].json_file).parent / "images")
        val = {"val": SourceRecipe(json=str(source), images=images, exhaustive=promise)}
        unjudged = recipe.model_copy(update={"data": recipe.data.model_copy(update={"val": val})})
        with pytest.warns(UserWarning, match="no box there can be judged"):
            train(unjudged, tmp_path / name)
        assert not (tmp_path / name / "checkpoints" / "best.ckpt").exists()
        card = publish(best_network(tmp_path / name)[1], unjudged, tmp_path / name).card
        assert set(card.thresholds.values()) == {0.4}


def test_a_log_from_before_survives_two_resumptions_from_one_step(tmp_path: Path) -> None:
    log, kept = tmp_path / "metrics.csv", tmp_path / "metrics.until-step-9.csv"
    for text in ("steps 1 to 12", "steps 10 and 11, to be done again"):
        log.write_text(text)
        set_log_aside(tmp_path, 9)
        assert not log.exists()
        assert kept.read_text() == "steps 1 to 12"
    set_log_aside(tmp_path, 9)  # killed before the first line was logged


def test_the_card_says_what_the_model_is(recipe: Recipe, model: ModelFile) -> None:
    card = find_model(model.path).card
    assert card.labels == ["square", "disc"]
    assert card.data[0].teaches == ["square", "disc"]
    assert card.measured is not None
    assert card.measured.classes["square"].pictures == 8
    assert card.measured.classes["disc"].pictures == 4
    assert set(card.measured.sources) == {"even", "odd"}


def test_the_file_agrees_with_the_torch_module(recipe: Recipe, run: Path, model: ModelFile) -> None:
    _, net = best_network(run)
    stored = build_detector(recipe.model, pretrained=False)
    load_onnx_weights(stored, model.path)
    detector = OnnxDetector(model)
    for size in ((64, 64), (96, 32)):
        images = np.random.default_rng(0).random((2, 3, *size), dtype=np.float32)
        scores, boxes = detector.run(images)
        pixels = torch.from_numpy(images * 255)
        with torch.no_grad():
            output = stored.eval()(normalise(pixels, recipe.model))
            trained = net.eval()(normalise(pixels, recipe.model))
        np.testing.assert_allclose(scores, output.logits.sigmoid().numpy(), atol=1e-3)
        np.testing.assert_allclose(boxes, output.boxes.numpy(), atol=1e-2, rtol=1e-3)
        # half-precision storage moves scores by far less than a threshold is fitted to
        np.testing.assert_allclose(scores, trained.logits.sigmoid().numpy(), atol=5e-3)


def test_weights_are_stored_in_half_precision_under_their_torch_names(recipe: Recipe, model: ModelFile) -> None:
    stored = {t.name: t for t in onnx.load(str(model.path)).graph.initializer}
    state = build_detector(recipe.model, False).state_dict()
    assert {f"detector.{name}" for name, value in state.items() if value.is_floating_point()} <= set(stored)
    assert stored["detector.score_tower.convs.0.weight"].data_type == onnx.TensorProto.FLOAT16
    assert stored["detector.score_tower.norms.0.0.running_var"].data_type == onnx.TensorProto.FLOAT


def test_the_file_says_nothing_of_where_it_was_made(model: ModelFile) -> None:
    content = model.path.read_bytes()
    assert b"vitruvian/training" not in content
    assert b"site-packages" not in content
    assert str(model.path.parent).encode() not in content


def test_a_model_starts_a_training_with_other_labels(recipe: Recipe, model: ModelFile) -> None:
    other = recipe.model.model_copy(update={"labels": ["disc", "star", "square"]})
    fresh = build_detector(other, pretrained=False)
    before = fresh.score.weight.clone()
    starting_weights(str(model.path), other)(fresh)
    old = build_detector(recipe.model, pretrained=False)
    load_onnx_weights(old, model.path)
    assert torch.equal(fresh.score.weight[0], old.score.weight[1])
    assert torch.equal(fresh.score.weight[1], before[1])
    assert torch.equal(fresh.box.weight[8:], old.box.weight[:4])
    assert torch.equal(fresh.pyramid.lateral[0][0].weight, old.pyramid.lateral[0][0].weight)


def test_a_network_is_averaged_with_the_model_it_came_from(recipe: Recipe, model: ModelFile) -> None:
    start = build_detector(recipe.model, pretrained=False)
    load_onnx_weights(start, model.path)
    for share in (0.0, 0.25, 1.0):
        net = build_detector(recipe.model, pretrained=False)
        before = {name: value.clone() for name, value in net.state_dict().items()}
        average_with(net, str(model.path), share, recipe.model)
        for name, value in start.state_dict().items():
            if value.is_floating_point():
                torch.testing.assert_close(net.state_dict()[name], (1 - share) * before[name] + share * value)
    more = recipe.model.model_copy(update={"labels": ["disc", "star", "square"]})
    with pytest.raises(WeightsError, match="has no label star, so it cannot be averaged with"):
        average_with(build_detector(more, pretrained=False), str(model.path), 0.5, more)


def test_export_writes_the_average(run: Path, model: ModelFile, tmp_path: Path) -> None:
    other = tmp_path / "other"
    words = ["export", str(run), "--out", str(other), "--average", str(model.path)]
    done = CliRunner().invoke(app, [*words, "--share", "1"])
    assert done.exit_code == 0, done.output
    assert (other / model.path.name).read_bytes() == model.path.read_bytes()
    said = find_model(str(other / model.path.name)).card.training["averaged with"]
    assert said == f"{model.card.name}, share 1, sha256 {model.card.sha256}"
    refused = CliRunner().invoke(app, [*words[:-1], str(tmp_path / "none.onnx")])
    assert refused.exit_code != 0
    assert "none.onnx: no such model file" in refused.output


def test_a_model_of_another_architecture_is_refused(recipe: Recipe, model: ModelFile, tmp_path: Path) -> None:
    wider = recipe.model.model_copy(update={"width": 24})
    with pytest.raises(WeightsError, match=r"model\.width"):
        starting_weights(str(model.path), wider)
    with pytest.raises(WeightsError, match="has shape"):
        load_onnx_weights(build_detector(wider, False), model.path)
    (tmp_path / "no.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(WeightsError, match="not an ONNX file"):
        load_onnx_weights(build_detector(wider, False), tmp_path / "no.onnx")


def test_the_exported_graph_takes_any_number_of_channels(recipe: Recipe, tmp_path: Path) -> None:
    ten = recipe.model.model_copy(update={"in_channels": 10, "mean": [0.0], "std": [1.0]})
    path = tmp_path / "ten.onnx"
    export_onnx(build_detector(ten, False).eval(), ten, path)
    assert [d.dim_value for d in onnx.load(str(path)).graph.input[0].type.tensor_type.shape.dim][1] == 10


def test_labels_that_the_model_does_not_know_are_not_its_misses(recipe: Recipe, tmp_path: Path) -> None:
    one = recipe.model_copy(update={"model": recipe.model.model_copy(update={"labels": ["square"]})})
    train(one, tmp_path / "one")
    assert "AP50/square" in (log := (tmp_path / "one" / "metrics.csv").read_text())
    assert "AP50/disc" not in log
    card = publish(best_network(tmp_path / "one")[1], one, tmp_path / "one").card
    assert card.measured is not None
    assert set(card.measured.classes) == {"square"}


def test_pictures_go_through_the_published_model(recipe: Recipe, model: ModelFile) -> None:
    picture = read_picture(np.zeros((50, 70, 3), dtype=np.uint8))
    found = OnnxDetector(model).detect(picture, thresholds=0.0)
    assert set(found.names) == {"square", "disc"}
    assert (found.boxes[:, 2] <= 70).all()
    assert (found.boxes[:, 3] <= 50).all()


def test_frozen_stages_keep_their_statistics(recipe: Recipe, model: ModelFile, tmp_path: Path) -> None:
    frozen = recipe.model.model_copy(update={"frozen_stages": 3})
    short = recipe.model_copy(
        update={"model": frozen, "schedule": recipe.schedule.model_copy(update={"pictures": 8, "validate_every": 0})}
    )
    train(short, tmp_path / "frozen", init=starting_weights(str(model.path), frozen))
    _, net = best_network(tmp_path / "frozen")
    start = build_detector(recipe.model, pretrained=False)
    load_onnx_weights(start, model.path)
    before, after = start.state_dict(), net.state_dict()
    statistics = [name for name in before if name.startswith("backbone.") and name.endswith("running_mean")]
    assert torch.equal(before[statistics[0]], after[statistics[0]])
    assert not torch.equal(before[statistics[-1]], after[statistics[-1]])
