"""Predictions: what is refused, what survives a round trip, how sets are joined."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_builders import dataset, picture, predictions, random_predictions, random_truth

from vitruvian.data.dataset import from_coco
from vitruvian.data.merge import rename_labels
from vitruvian.metrics import MetricError, Predictions, pool
from vitruvian.metrics.results_file import from_results

ROW = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5], "score": 0.5}
TRUTH = dataset(("head", "hand"), picture(1), picture(2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 77}, r"row 1: unknown picture: image_id 77"),
        ({"category_id": 9}, r"row 1: unknown category_id 9; the truth has 1, 2"),
        ({"score": float("nan")}, r"row 1: score is nan"),
        ({"score": None}, r"row 1: not a COCO result"),
        ({"bbox": [0, 0, -5, 5]}, r"row 1: bbox .* is inverted"),
        ({"bbox": [0, 0, float("inf"), 5]}, r"row 1: box is not finite"),
        ({"bbox": [0, 0, 5]}, r"row 1: not a COCO result"),
        ({"id": 3}, r"row 1: id 3 occurs twice"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, change: dict, message: str) -> None:
    path = tmp_path / "found.json"
    path.write_text(json.dumps([{**ROW, "id": 3}, {**ROW, "id": 4, **change}]))
    with pytest.raises(MetricError, match=message):
        Predictions.load(path, TRUTH)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not valid JSON"), ('{"a": 1}', "not a list of COCO results"), ("[[1]]", "row 0: not a COCO result"),
     ('[{"image_id": 1}]', "row 0: has no 'category_id'"), ("[" * 100_000, "not valid JSON")],
)  # fmt: skip
def test_files_that_are_no_results_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "found.json"
    path.write_text(text)
    with pytest.raises(MetricError, match=message):
        Predictions.load(path, TRUTH)


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(
    row=st.fixed_dictionaries({k: st.just(v) | _ANY for k, v in ROW.items()}, optional={"id": _ANY, "keypoints": _ANY})
)
@settings(max_examples=150, deadline=None)
def test_whatever_stands_in_a_row_it_is_read_or_refused_with_its_number(row: dict) -> None:
    refused = ""
    try:
        found = from_results([row], TRUTH)
    except MetricError as error:
        refused = str(error)
    assert "row 0" in refused or (len(found) == 1 and np.isfinite(found.boxes).all())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MetricError, match=r"nowhere\.json: cannot be read"):
        Predictions.load(tmp_path / "nowhere.json", TRUTH)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (([1], [[0, 0, 1, 1]], [np.nan], [0]), "score is not a finite number"),
        (([1], [[5, 0, 1, 1]], [0.5], [0]), "box is inverted"),
        (([1], [[0, 0, 1, 1]], [0.5], [2]), "label is out of range"),
        (([1, 2], [[0, 0, 1, 1]], [0.5], [0]), "1 boxes for 2 image_ids"),
    ],
)
def test_bad_arrays_are_refused(arrays: tuple, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        Predictions(*arrays, ("a", "b"))


def test_writing_and_reading_gives_the_same(tmp_path: Path) -> None:
    truth = random_truth(1)
    found = random_predictions(truth, 1)
    found.save(tmp_path / "found.json", truth)
    again = Predictions.load(tmp_path / "found.json", truth)
    for name in ("image_ids", "scores", "labels"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
    np.testing.assert_allclose(again.boxes, found.boxes, atol=1e-9)


def test_category_ids_are_those_of_the_file_that_the_truth_was_read_from() -> None:
    raw = {
        "images": [{"id": 5, "file_name": "a.png", "width": 9, "height": 9}],
        "annotations": [],
        "categories": [{"id": 0, "name": "masked"}, {"id": 44, "name": "bare"}],
    }
    truth = from_coco(raw, Path("."))
    found = from_results([{**ROW, "image_id": 5, "category_id": 44}, {**ROW, "image_id": 5, "category_id": 0}], truth)
    assert [found.names[i] for i in found.labels] == ["bare", "masked"]


def test_keypoints_without_a_box_get_the_box_around_them() -> None:
    row = {"image_id": 1, "category_id": 1, "score": 1, "keypoints": [1, 2, 1, 5, 9, 1]}
    found = from_results([row], TRUTH)
    assert found.boxes.tolist() == [[1, 2, 5, 9]]
    assert found.keypoints is not None
    assert found.keypoints.shape == (1, 2, 3)
    with pytest.raises(MetricError, match="different numbers of keypoints"):
        from_results([row, {**row, "keypoints": [1, 2, 1]}], TRUTH)


def test_pooling_keeps_every_prediction_with_its_picture() -> None:
    one, two = dataset(("a", "b"), picture(1), picture(2)), dataset(("b", "c"), picture(2), picture(9))
    box = (0.0, 0.0, 1.0, 1.0)
    truth, found = pool(
        [
            (one, predictions(("a", "b"), (2, "b", box, 0.5))),
            (two, predictions(("c", "b"), (9, "c", box, 0.4), (2, "b", box, 0.3))),
        ]
    )
    assert truth.labels == ("a", "b", "c")
    assert [p.id for p in truth] == [1, 2, 3, 4]
    names = [
        (truth.pictures[i - 1].file_name, found.names[k]) for i, k in zip(found.image_ids, found.labels, strict=True)
    ]
    assert names == [("2.png", "b"), ("9.png", "c"), ("2.png", "b")]
    assert found.image_ids.tolist() == [2, 4, 3]
    with pytest.raises(MetricError, match="no data sets"):
        pool([])


def test_thresholds_by_label_leave_other_labels_alone() -> None:
    box = (0.0, 0.0, 1.0, 1.0)
    found = predictions(("a", "b"), (1, "a", box, 0.4), (1, "a", box, 0.6), (1, "b", box, 0.1))
    assert found.above({"a": 0.6}).scores.tolist() == [0.6, 0.1]
    assert found.above(0.5).scores.tolist() == [0.6]


def test_merged_labels_are_exhaustive_where_all_their_parts_are() -> None:
    truth = dataset(("masked", "bare"), picture(1, exhaustive=["masked", "bare"]), picture(2, exhaustive=["bare"]))
    merged = rename_labels(truth, {"masked": "face", "bare": "face"})
    assert [p.exhaustive for p in merged] == [frozenset({"face"}), frozenset()]
    found = predictions(("masked", "bare"), (1, "bare", (0.0, 0.0, 1.0, 1.0), 0.4)).renamed(
        {"masked": "face", "bare": "face"}
    )
    assert (found.names, found.labels.tolist()) == (("face",), [0])
