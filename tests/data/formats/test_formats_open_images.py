"""Open Images: flags, verified labels as exhaustive classes, hierarchy, and rows of pictures that nobody has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from format_builders import OPEN_IMAGES_HEADER, build_open_images, dump, picture, table

from vitruvian.data.dataset import DataError
from vitruvian.data.formats import read

FIRST, SECOND = "validation/0001eeaf4aed83f9.jpg", "validation/00075905539074f2.jpg"


def test_boxes_flags_and_authors(tmp_path: Path) -> None:
    dataset = read(build_open_images(tmp_path)).dataset
    one, two = dataset.pictures
    assert (one.file_name, two.file_name) == (FIRST, SECOND)
    head, woman = one.annotations
    np.testing.assert_allclose(head.box, (10, 10, 50, 30))  # of a picture of 100 x 50
    assert (head.label, head.ignore, head.attributes) == ("Human head", False, {"occluded": True, "method": "xclick"})
    assert woman.ignore
    assert woman.attributes == {"truncated": None, "method": "xclick", "group": True}  # -1 is: unknown
    assert two.annotations[0].attributes == {"depiction": True, "method": "activemil"}
    assert one.attributes["split"] == "val"
    assert one.attributes["author"] == "Ann"
    assert dataset.label_attributes["Woman"]["parents"] == ["Person"]


def test_verified_labels_say_what_is_exhaustive(tmp_path: Path) -> None:
    one, two = read(build_open_images(tmp_path)).dataset.pictures
    # Verified present and boxed: yes. Boxed, but not verified (Woman), or verified present without a box (eye): no.
    assert one.exhaustive == {"Human head"}
    # Verified absent counts; Person has no box in any picture here and is no label.
    assert two.exhaustive == {"Human eye", "Human head"}


def test_expanding_the_hierarchy_adds_ancestors_but_not_wholes(tmp_path: Path) -> None:
    dataset = read(build_open_images(tmp_path), expand_hierarchy=True).dataset
    one, two = dataset.pictures
    derived = [a for a in one.annotations if a.derived_from == "hierarchy"]
    drawn = {a.label: a for a in one.annotations if a.derived_from is None}
    assert {a.label for a in derived} == {"Person", "/m/0bl9f"}
    assert all(a.box == drawn["Woman"].box and a.ignore and a.attributes["of"] == drawn["Woman"].id for a in derived)
    # A head is a part of a person, not a kind of one. Person verified absent takes Woman along.
    assert two.exhaustive == {"Human eye", "Human head", "Person", "Woman"}
    assert one.exhaustive == {"Human head"}


def test_classes_asked_for_by_name_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    result = read(build_open_images(tmp_path), classes=["Human eye", "Car"])
    assert result.dataset.labels == ("Human eye", "Car")
    assert [a.label for p in result.dataset for a in p.annotations] == ["Human eye"]
    assert any(note.startswith("5 rows are left out: they are of classes not asked for") for note in result.notes)
    expanded = read(tmp_path, classes=["Person"], expand_hierarchy=True)
    assert [(a.label, a.derived_from) for p in expanded.dataset for a in p.annotations] == [("Person", "hierarchy")]
    with pytest.raises(DataError, match="'Dragon'"):
        read(tmp_path, classes=["Dragon"])


def test_rows_of_missing_pictures_are_counted_not_rejected(tmp_path: Path) -> None:
    result = read(build_open_images(tmp_path))
    assert any(note.startswith("1 rows are left out: their pictures are not in") for note in result.notes)
    assert result.rejects == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"XMax": 1.2}, "beyond the picture"),
        ({"XMin": 0.9}, "negative width"),
        ({"YMin": "nan"}, "not finite"),
        ({"IsGroupOf": "yes"}, "IsGroupOf 'yes' is not 0, 1 or -1"),
    ],
)
def test_a_broken_row_is_named_by_line(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    build_open_images(tmp_path)
    good = ["0001eeaf4aed83f9", "xclick", "/m/04hgtk", 1, 0.1, 0.5, 0.2, 0.6, 1, 0, 0, 0, 0]
    bad = [change.get(name, value) for name, value in zip(OPEN_IMAGES_HEADER, good, strict=True)]
    file = table(tmp_path / "validation-annotations-bbox.csv", [OPEN_IMAGES_HEADER, good, bad, good[:5]])
    result = read(tmp_path)
    assert [(r.file, r.place) for r in result.rejects] == [(str(file), "line 3"), (str(file), "line 4")]
    assert reason in result.rejects[0].reason
    assert result.rejects[1].reason.startswith("has too few columns")
    assert sum(len(p.annotations) for p in result.dataset) == 1


def test_machine_labels_and_shared_pictures(tmp_path: Path) -> None:
    build_open_images(tmp_path)
    labels = tmp_path / "validation-annotations-human-imagelabels-boxable.csv"
    table(labels, [["ImageID", "Source", "LabelName", "Confidence"], ["0001eeaf4aed83f9", "machine", "/m/04hgtk", 0.7]])
    assert "nobody verified" in read(tmp_path).rejects[0].reason
    picture(tmp_path / "train" / "0001eeaf4aed83f9.jpg")
    assert "could be" in read(tmp_path).rejects[0].reason  # which of the two files is it?


def test_a_csv_without_its_columns_or_its_part_is_one_line(tmp_path: Path) -> None:
    build_open_images(tmp_path)
    with pytest.raises(DataError, match=r"no \*annotations-bbox\.csv of train"):
        read(tmp_path, split="train")
    table(tmp_path / "validation-annotations-bbox.csv", [["ImageID", "LabelName"]])
    with pytest.raises(DataError, match="line 1: has no column 'Source'"):
        read(tmp_path)


def test_hostile_hierarchies(tmp_path: Path) -> None:
    build_open_images(tmp_path)
    node: dict[str, object] = {"LabelName": "/m/0"}
    for level in range(200):
        node = {"LabelName": f"/m/{level}", "Subcategory": [node]}
    dump(tmp_path / "bbox_labels_600_hierarchy.json", node)
    assert "too deeply" in read(tmp_path).rejects[0].reason
    loop = {"LabelName": "/m/a", "Subcategory": [{"LabelName": "/m/b", "Subcategory": [{"LabelName": "/m/a"}]}]}
    dump(tmp_path / "bbox_labels_600_hierarchy.json", loop)
    assert read(tmp_path, expand_hierarchy=True).rejects == ()


def test_an_open_quote_breaks_its_own_line_only(tmp_path: Path) -> None:
    build_open_images(tmp_path)
    file = tmp_path / "validation-annotations-bbox.csv"
    lines = file.read_text().splitlines()
    lines[1] = lines[1].replace("xclick", '"xclick')
    file.write_text("\n".join(lines))
    result = read(tmp_path)
    assert [r.place for r in result.rejects] == ["line 2"]
    assert [a.label for p in result.dataset for a in p.annotations] == ["Woman", "Human eye"]
