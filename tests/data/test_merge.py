"""Merging keeps every promise of exhaustiveness that is true, and none that is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from workshop_builders import make_dataset, make_picture, write_pictures

from vitruvian.data.dataset import DataError, ExhaustiveRegion
from vitruvian.data.merge import by_attribute, by_content, merge, rename_labels, without_promises

A, B = (10.0, 10.0, 50.0, 50.0), (100.0, 20.0, 150.0, 90.0)


def test_a_set_promises_nothing_about_the_classes_of_another(tmp_path) -> None:
    faces = make_dataset(["face"], [make_picture(1, [("face", A)], ["face"])], tmp_path / "one")
    hands = make_dataset(["hand"], [make_picture(1, [("hand", B)], ["hand"])], tmp_path / "two")
    merged = merge([faces, hands]).dataset
    assert merged.labels == ("face", "hand")
    assert [p.exhaustive for p in merged] == [{"face"}, {"hand"}]
    assert [p.file_name for p in merged] == ["one/0001.png", "two/0001.png"]
    assert [merged.path(p) for p in merged] == [(d.images_dir / "0001.png").resolve() for d in (faces, hands)]
    assert [p.id for p in merged] == [1, 2]
    assert sorted(a.id for p in merged for a in p.annotations) == [1, 2]


def test_copies_join_their_labels_and_their_promises(tmp_path) -> None:
    faces = make_dataset(["face"], [make_picture(1, [("face", A)], ["face"])], tmp_path)
    hands = make_dataset(["hand"], [make_picture(9, [("hand", B)], ["hand"], name="0001.png")], tmp_path)
    result = merge([faces, hands])
    [picture] = result.dataset
    assert [(a.label, a.box) for a in picture.annotations] == [("face", A), ("hand", B)]
    assert picture.exhaustive == {"face", "hand"}
    assert result.joined == ("0001.png",)
    assert result.belied == ()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_promise_that_a_copy_belies_is_dropped_in_either_order(tmp_path, order) -> None:
    sure = make_dataset(["face"], [make_picture(1, [("face", A)], ["face"])], tmp_path)
    other = make_dataset(["face"], [make_picture(1, [("face", B)])], tmp_path)
    result = merge([(sure, other)[i] for i in order])
    assert result.dataset.pictures[0].exhaustive == frozenset()
    assert result.belied == (("0001.png", "face"),)
    assert len(result.dataset.pictures[0].annotations) == 2


def test_the_same_box_twice_is_one_and_belies_nothing(tmp_path) -> None:
    near = (10.5, 10.0, 50.0, 50.5)
    sure = make_dataset(["face"], [make_picture(1, [("face", A)], ["face"])], tmp_path)
    again = make_dataset(["face"], [make_picture(1, [("face", near)])], tmp_path)
    result = merge([sure, again])
    assert result.doubled == 1
    assert result.belied == ()
    assert [a.box for a in result.dataset.pictures[0].annotations] == [A]
    assert result.dataset.pictures[0].exhaustive == {"face"}


def test_copies_by_content_and_by_attribute(tmp_path) -> None:
    first = make_dataset(["face"], [make_picture(1, [("face", A)], copy_of="x")], tmp_path / "one")
    second = make_dataset(["face"], [make_picture(1, [("face", B)], copy_of="x"), make_picture(2)], tmp_path / "two")
    write_pictures(first)
    write_pictures(second)  # the same seed, so the first file is the same, byte for byte
    assert len(merge([first, second]).dataset) == 3
    for rule in (by_content, by_attribute("copy_of")):
        result = merge([first, second], rule)
        assert [len(p.annotations) for p in result.dataset] == [2, 0]
        assert result.joined == ("one/0001.png",)
    missing = make_dataset(["face"], [make_picture(7)], tmp_path)
    with pytest.raises(DataError, match=r"0007\.png: cannot be read"):
        merge([missing], by_content)


def test_joined_labels_are_exhaustive_only_where_all_of_them_are() -> None:
    pictures = [
        make_picture(1, [("masked", A)], ["masked", "bare"]),
        make_picture(2, [("masked", A)], ["masked"]),
    ]
    region = ExhaustiveRegion(A, frozenset(["masked"]))
    pictures[0] = replace(pictures[0], exhaustive_regions=(region,))
    dataset = make_dataset(["masked", "bare", "hat"], pictures)
    renamed = rename_labels(dataset, {"masked": "face", "bare": "face", "hat": None})
    assert renamed.labels == ("face",)
    assert [p.exhaustive for p in renamed] == [{"face"}, frozenset()]
    assert renamed.pictures[0].exhaustive_regions == ()
    assert without_promises(renamed, ["face"]).pictures[0].exhaustive == frozenset()
    with pytest.raises(DataError, match="no label 'beard'"):
        rename_labels(dataset, {"beard": "face"})


def test_conflicts_are_named(tmp_path) -> None:
    one = make_dataset(["face"], [make_picture(1)], tmp_path, {"face": ("tip",)})
    with pytest.raises(DataError, match="other keypoints"):
        merge([one, replace(one, keypoint_names={"face": ("chin",)})])
    with pytest.raises(DataError, match="pixels, its copy"):
        merge([one, make_dataset(["face"], [make_picture(1, size=(5, 5))], tmp_path)])
    with pytest.raises(DataError, match="nothing to merge"):
        merge([])


def test_merging_one_set_changes_no_label(tmp_path) -> None:
    dataset = make_dataset(["a", "b"], [make_picture(i, [("a", A), ("b", B)], ["b"]) for i in (3, 5)], tmp_path)
    merged = merge([dataset]).dataset
    assert [[(a.label, a.box) for a in p.annotations] for p in merged] == [[("a", A), ("b", B)]] * 2
    assert [p.exhaustive for p in merged] == [{"b"}] * 2
