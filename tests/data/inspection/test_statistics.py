"""Label statistics against counting by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workshop_builders import make_dataset, make_picture

from vitruvian.data.dataset import Dataset
from vitruvian.data.inspection.missing import estimate_missing
from vitruvian.data.inspection.statistics import Spread, label_statistics
from vitruvian.data.table import LabelTable, imbalance_ratio

LABELS = ("Human face", "Human eye", "Human foot")


def statistics(dataset: Dataset):
    return label_statistics(LabelTable.of(dataset))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(LABELS), st.floats(0, 150), st.floats(0, 100)), max_size=25), max_size=10
    )
)
def test_counts_are_those_of_a_plain_loop(rows) -> None:
    pictures = [
        make_picture(i, [(name, (x, y, x + 40, y + 30)) for name, x, y in row], source=f"s{i % 2}")
        for i, row in enumerate(rows, start=1)
    ]
    found = statistics(make_dataset(LABELS, pictures))
    boxes = Counter(name for row in rows for name, _, _ in row)
    assert [c.boxes for c in found.classes] == [boxes[n] for n in LABELS]
    assert [c.pictures for c in found.classes] == [sum(any(r[0] == n for r in row) for row in rows) for n in LABELS]
    assert found.empty == sum(not row for row in rows)
    assert found.per_picture_histogram.sum() == len(rows)
    assert found.per_picture_histogram[21] == sum(len(row) > 20 for row in rows)
    for i, a in enumerate(LABELS):
        for j, b in enumerate(LABELS):
            shown = sum({a, b} <= {r[0] for r in row} for row in rows)
            assert found.together[i, j] == shown
    assert found.centres.sum(axis=(1, 2)).tolist() == [boxes[n] for n in LABELS]
    assert sum(s.pictures for s in found.sources) == len(rows)


def test_imbalance_is_that_of_the_seed() -> None:
    assert imbalance_ratio(np.array([4194, 2170, 3000])) == pytest.approx(1.93, abs=0.005)
    assert imbalance_ratio(np.array([0, 0])) == 1.0


def test_sizes_follow_coco_and_ignored_boxes_do_not_count() -> None:
    picture = make_picture(
        1, [("Human face", (0, 0, 31, 33)), ("Human face", (0, 0, 32, 32)), ("Human face", (0, 0, 96, 96))]
    )
    ignored = replace(picture.annotations[0], id=99, ignore=True)
    picture = replace(picture, annotations=(*picture.annotations, ignored))
    face = statistics(make_dataset(LABELS, [picture])).classes[0]
    assert (face.small, face.medium, face.large, face.ignored) == (1, 1, 1, 1)
    assert face.relative_area.maximum == pytest.approx(96 * 96 / (200 * 160))


def test_implied_and_contradicted_classes() -> None:
    eye = [("Human eye", (50.0, 50.0, 60.0, 55.0))]
    pictures = [make_picture(1, eye, ["Human eye"]), make_picture(2, eye, ["Human eye", "Human face"])]
    face, eyes, _ = statistics(make_dataset(LABELS, pictures)).classes
    assert (face.implied, face.contradicted) == (1, 1)
    assert (eyes.implied, eyes.contradicted) == (0, 0)


def test_missing_boxes_are_found_by_hiding_them() -> None:
    """Of a set in which both classes are known everywhere, forget one class in half of the pictures."""
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 6, 400)
    counts = np.column_stack([faces, 2 * faces])
    exhaustive = np.ones((400, 2), bool)
    exhaustive[200:, 1] = False
    hidden = counts[200:, 1].sum()
    counts[200:, 1] = 0
    faces_missing, eyes_missing = estimate_missing(LABELS[:2], counts, exhaustive)
    assert faces_missing.boxes == 0.0
    assert eyes_missing.boxes == pytest.approx(hidden)
    assert "2.00 a Human face in 200 pictures" in eyes_missing.basis
    exhaustive[:, 1] = False
    assert estimate_missing(LABELS[:2], counts, exhaustive)[1].boxes is None


def test_empty_sets_have_statistics() -> None:
    found = statistics(make_dataset(LABELS, []))
    assert found.pictures == found.boxes == 0
    assert found.per_picture == Spread(0, 0, 0, 0, 0, 0)
