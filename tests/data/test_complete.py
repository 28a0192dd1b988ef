"""Proposals and reviews: nothing labelled is proposed again, and what was reviewed is exhaustive afterwards."""

from __future__ import annotations

import pytest
from workshop_builders import make_dataset, make_picture

from vitruvian.data.complete import Proposal, read_proposals, reviewed, with_proposals
from vitruvian.data.dataset import DataError
from vitruvian.data.overlap import box_iou

A, B, C = (10.0, 10.0, 50.0, 50.0), (100.0, 20.0, 150.0, 90.0), (60.0, 100.0, 90.0, 140.0)


def partly_labelled():
    pictures = [
        make_picture(1, [("face", A)], ["face"], name="a/one.png"),
        make_picture(2, [("hand", B)], name="b/two.png"),
        make_picture(3, [], ["face", "hand"]),
    ]
    return make_dataset(["face", "hand"], pictures)


def test_only_what_may_be_missing_is_proposed() -> None:
    proposals = [
        Proposal(1, "face", C, 0.9),  # faces are exhaustive there
        Proposal(1, "hand", C, 0.9),
        Proposal(2, "hand", (101.0, 21.0, 150.0, 90.0), 0.9),  # labelled already
        Proposal(2, "face", A, 0.8),
        Proposal(2, "face", (11.0, 10.0, 50.0, 50.0), 0.7),  # the same face once more
        Proposal(2, "face", C, 0.1),  # too unsure
        Proposal(3, "hand", C, 0.9),
    ]
    proposed = with_proposals(partly_labelled(), proposals)
    assert [p.id for p in proposed] == [1, 2]  # nothing is missing in the third
    new = [[(a.label, a.box) for a in p.annotations if a.attributes.get("proposal")] for p in proposed]
    assert new == [[("hand", C)], [("face", A)]]
    ids = [a.id for p in proposed for a in p.annotations]
    assert len(set(ids)) == len(ids)


def test_a_review_replaces_the_reviewed_classes_and_makes_them_exhaustive() -> None:
    dataset = partly_labelled()
    corrected = make_dataset(["face", "hand"], [make_picture(8, [("face", A), ("face", C)], name="two.png")])
    result = reviewed(dataset, corrected, ["face"])
    first, second, third = result.dataset
    assert (result.pictures, result.added, result.removed) == (1, 2, 0)
    assert [(a.label, a.box) for a in second.annotations] == [("hand", B), ("face", A), ("face", C)]
    assert second.exhaustive == {"face"}
    assert [p.exhaustive for p in (first, third)] == [{"face"}, {"face", "hand"}]
    gone = make_dataset(["hand"], [make_picture(8, name="b/two.png")])
    result = reviewed(dataset, gone, ["hand"])
    assert (result.added, result.removed) == (0, 1)
    assert result.dataset.pictures[1].annotations == ()
    assert result.dataset.pictures[1].exhaustive == {"hand"}


def test_results_files_are_checked() -> None:
    dataset = partly_labelled()
    row = {"image_id": 2, "category_id": 1, "bbox": [10, 10, 40, 40], "score": 0.5}
    assert read_proposals([row], dataset, "x") == (Proposal(2, "face", A, 0.5),)
    for change, message in (
        ({"image_id": 9}, "unknown picture 9"),
        ({"category_id": 9}, "unknown category 9"),
        ({"bbox": [1, 2, 3]}, "row 0 lacks a usable"),
        ({"score": None}, "row 0 lacks a usable"),
    ):
        with pytest.raises(DataError, match=message):
            read_proposals([row | change], dataset, "x")


def test_pictures_that_cannot_be_told_are_named() -> None:
    dataset = make_dataset(["face"], [make_picture(1, name="a/x.png"), make_picture(2, name="b/x.png")])
    with pytest.raises(DataError, match=r"may be any of a/x\.png, b/x\.png"):
        reviewed(dataset, make_dataset(["face"], [make_picture(1, name="x.png")]), ["face"])
    with pytest.raises(DataError, match="is not in the set"):
        reviewed(dataset, make_dataset(["face"], [make_picture(1, name="y.png")]), ["face"])
    with pytest.raises(DataError, match="no class 'hand'"):
        reviewed(dataset, dataset, ["hand"])


def test_overlap() -> None:
    assert box_iou(A, A) == 1
    assert box_iou(A, B) == 0
    assert box_iou((0, 0, 10, 10), (0, 0, 10, 5)) == 0.5
    assert box_iou((1, 1, 1, 1), (1, 1, 1, 1)) == 1
