"""The pages of measurements: whole, self-contained, escaped."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitruvian.data.dataset import Annotation, Dataset, Picture
from vitruvian.metrics import (
    Classified,
    Predictions,
    calibrate_scores,
    compare_boxes,
    count_false_boxes,
    evaluate_activity,
    fit_thresholds,
)
from vitruvian.metrics.bootstrap import bootstrap_boxes
from vitruvian.metrics.boxes import evaluate_boxes
from vitruvian.metrics.confusion import confusion_matrix
from vitruvian.metrics.curves import curves
from vitruvian.metrics.judging import judge
from vitruvian.metrics.matching import match
from vitruvian.metrics.result import Table
from vitruvian.metrics.training_log import compare_training
from vitruvian.reports.evaluation import (
    figures_of,
    write_calibration,
    write_comparison,
    write_evaluation,
    write_training,
)
from vitruvian.reports.examples import example_figures, worst_pictures
from vitruvian.reports.page import Figure, Section, page_html

pytest.importorskip("matplotlib")

LABELS = ("Human head", "a <b>&")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def case() -> tuple[Dataset, Predictions]:
    generator = np.random.default_rng(0)
    pictures, rows = [], []
    for i in range(1, 31):
        boxes = [(LABELS[k % 2], (10.0 + 30 * k, 10.0, 40.0 + 30 * k, 60.0)) for k in range(3)]
        annotations = tuple(Annotation(label, box, 10 * i + k) for k, (label, box) in enumerate(boxes))
        pictures.append(Picture(i, f"{i}.png", 200, 200, annotations, frozenset(LABELS)))
        for label, box in boxes:
            shift = generator.normal(0, 6, 4)
            rows.append((i, np.array(box) + shift, generator.random(), LABELS.index(label)))
    found = Predictions(*zip(*((i, b, s, k) for i, b, s, k in rows), strict=True), LABELS)
    return Dataset(LABELS, tuple(pictures), Path(".")), found


def check(page: Path) -> str:
    """The page stands alone: no address to load from, every picture inside, every tag of a label escaped."""
    text = page.read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!data:image/png;base64,)', text)
    assert "<b>&" not in text
    for picture in page.parent.glob("*.png"):
        assert picture.read_bytes().startswith(PNG)
    assert text.count("<img ") == len(list(page.parent.glob("*.png")))
    return text


def test_evaluation_page(case: tuple[Dataset, Predictions], tmp_path: Path) -> None:
    truth, found = case
    result = evaluate_boxes(truth, found)
    intervals = bootstrap_boxes(truth, found, resamples=10)
    text = check(write_evaluation(tmp_path / "new", result, [confusion_matrix(truth, found), intervals], "Mine <x>"))
    assert "Mine &lt;x&gt;" in text
    assert "boxes-partial" in text
    assert str(intervals.intervals["AP50"]) in text
    assert "naive" in text
    assert {p.stem for p in (tmp_path / "new").glob("*.png")} == {"precision_recall", "f1_confidence", "confusion"}


def test_calibration_and_comparison_pages(case: tuple[Dataset, Predictions], tmp_path: Path) -> None:
    truth, found = case
    fit, scores = fit_thresholds(truth, found), calibrate_scores(truth, found)
    lines = curves(match(judge(truth, found), ious=(0.5,)))
    assert "cross-fitted" in check(write_calibration(tmp_path / "calibration", fit, lines, scores))
    other = Predictions(found.image_ids, found.boxes + 3, found.scores, found.labels, found.names)
    (tmp_path / "metrics.csv").write_text("step,loss,val_loss,AP\n1,2,2,0.1\n2,1,1.5,0.2\n")
    training = compare_training([tmp_path, tmp_path])
    result = compare_boxes(truth, found, other, ("old", "new"), resamples=10)
    text = check(write_comparison(tmp_path / "comparison", result, training))
    assert "new against old" in text
    assert "generalisation gap" in check(write_training(tmp_path / "training", training))


def test_examples_show_labelled_and_found_boxes(case: tuple[Dataset, Predictions], tmp_path: Path) -> None:
    """Files that are not there leave no sheet; a broken one is grey; green is labelled."""
    truth, found = replace(case[0], images_dir=tmp_path), case[1]
    result = compare_boxes(truth, found, found, ("old", "new"), resamples=5)
    assert example_figures(truth, (found, found), result) == ()
    for picture in truth.pictures:
        Image.new("RGB", (200, 200), "white").save(truth.path(picture))
    worst = result.picture_lists(2)["Worst pictures of old"][0].file_name
    (tmp_path / worst).write_bytes(b"no picture")
    figures = {f.name: f for f in example_figures(truth, (found, found), result, count=2)}
    sheet = Image.open(io.BytesIO(figures["examples_2"].png)).convert("RGB")
    assert sheet.size == (520, 520)
    assert sheet.getpixel((130, 130)) == (128, 128, 128)
    pixels = np.asarray(sheet)[:260, 260:].astype(int)
    green = (pixels[..., 1] > pixels[..., 0] + 40) & (pixels[..., 1] > pixels[..., 2] + 40)
    assert green.sum() > 100
    page = write_comparison(tmp_path / "page", result, examples=tuple(figures.values()))
    assert "Worst pictures of old" in check(page)


def test_the_worst_pictures_come_first_and_only_of_what_has_such(
    case: tuple[Dataset, Predictions], tmp_path: Path
) -> None:
    """Picture 7 loses all its boxes, so its F1 is 0: it is first, with green boxes alone. Nobody is on picture 99."""
    truth, found = replace(case[0], images_dir=tmp_path), case[1]
    found = found[found.image_ids != 7]
    result = evaluate_boxes(truth, found)
    assert worst_pictures(truth, found, result, {}) == ()  # no file is there
    nobody = Picture(99, "99.png", 200, 200, (), frozenset(LABELS))
    for picture in (*truth.pictures, nobody):
        Image.new("RGB", (200, 200), "white").save(truth.path(picture))
    (figure,) = worst_pictures(truth, found, result, {}, count=6)
    sheet = np.asarray(Image.open(io.BytesIO(figure.png)).convert("RGB")).astype(int)
    assert sheet.shape == (520, 1040, 3)
    green = (sheet[..., 1] > sheet[..., 0] + 40) & (sheet[..., 1] > sheet[..., 2] + 40)
    orange = (sheet[..., 0] > sheet[..., 1] + 40) & (sheet[..., 0] > sheet[..., 2] + 40)
    assert green[:260, :260].sum() > 100
    assert not orange[:260, :260].any()
    assert orange[:260, 260:520].sum() > 100
    (sure,) = worst_pictures(truth, found, result, 2.0, count=6)
    assert sure.png != figure.png  # no score reaches the threshold, so that no box is drawn

    alone = replace(truth, pictures=(*truth.pictures, nobody))
    box = Predictions([99], [[50, 50, 150, 150]], [0.9], [0], ("cat",))
    (figure,) = worst_pictures(alone, box, count_false_boxes(alone, box), 0.5)
    sheet = np.asarray(Image.open(io.BytesIO(figure.png)).convert("RGB")).astype(int)
    assert sheet.shape == (260, 260, 3)
    assert ((sheet[..., 0] > sheet[..., 1] + 40) & (sheet[..., 0] > sheet[..., 2] + 40)).sum() > 100
    assert worst_pictures(truth, found, confusion_matrix(truth, found), 0.5) == ()


def test_a_page_says_what_it_was_measured_on_and_shows_the_naive_number_beside(
    case: tuple[Dataset, Predictions], tmp_path: Path
) -> None:
    """A picture in which nothing is promised gets a box: nothing under the protocol, wrong to the naive number."""
    truth = replace(case[0], pictures=(*case[0].pictures, Picture(99, "99.png", 200, 200)))
    extra = Predictions(
        [*case[1].image_ids, 99], [*case[1].boxes, [0, 0, 9, 9]], [*case[1].scores, 1], [*case[1].labels, 0], LABELS
    )
    text = check(write_evaluation(tmp_path / "a", evaluate_boxes(truth, extra), data="on masks/val.json"))
    assert "on masks/val.json</p>" in text
    naive = f"<b>{evaluate_boxes(truth, extra).naive.ap50:.3f}</b><span>AP50 if all that is unlabelled were wrong"
    assert naive in text
    assert "were wrong" not in check(write_evaluation(tmp_path / "b", evaluate_boxes(*case)))


def test_activity_figures() -> None:
    generator = np.random.default_rng(0)
    scores = generator.dirichlet((1, 1, 1), 40)
    files = tuple(map(str, range(40)))
    result = evaluate_activity(
        Classified(("a", "b", "c"), files, generator.integers(0, 3, 40), scores.argmax(1), scores)
    )
    assert [f.name for f in figures_of(result)] == ["confusion", "reliability"]


def test_figures_of_nothing_are_drawn_without_complaint() -> None:
    truth = Dataset(("a",), (Picture(1, "1.png", 9, 9, exhaustive=frozenset({"a"})),), Path("."))
    result = evaluate_boxes(truth, Predictions.empty(("a",)))
    assert all(f.png.startswith(PNG) for f in figures_of(result))


def test_the_same_result_gives_the_same_page(case: tuple[Dataset, Predictions], tmp_path: Path) -> None:
    pages = [write_evaluation(tmp_path / name, evaluate_boxes(*case)).read_bytes() for name in "ab"]
    assert pages[0] == pages[1]


def test_everything_on_a_page_is_escaped() -> None:
    evil = "<script>"
    section = Section(evil, (Table(evil, (evil,), ((evil,),)),), (Figure("x", PNG, evil),), (evil,))
    assert evil not in page_html(evil, evil, [(evil, evil)], [section])
