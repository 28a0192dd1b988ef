from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitruvian.data.dataset import DataError, Dataset, from_coco, to_coco

CATEGORIES = [{"id": 3, "name": "head"}, {"id": 7, "name": "eye", "keypoints": ["inner", "outer"]}]


def coco(images: list[dict[str, Any]] | None = None, annotations: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    picture = {"id": 1, "file_name": "a.png", "width": 40, "height": 30}
    return {"images": images or [picture], "annotations": annotations or [], "categories": CATEGORIES}


def picture(**fields: Any) -> dict[str, Any]:
    return {"id": 1, "file_name": "a.png", "width": 40, "height": 30, **fields}


def box(**fields: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 10, 5], **fields}


def exhaustive(raw: dict[str, Any], held: Any = "file") -> list[set[str]]:
    return [set(p.exhaustive) for p in from_coco(raw, Path("."), held).pictures]


def test_boxes_become_corners_and_ids_names() -> None:
    dataset = from_coco(coco(annotations=[box(iscrowd=1, derived_from="landmarks")]), Path("."))
    (annotation,) = dataset.pictures[0].annotations
    assert (annotation.label, annotation.box, annotation.ignore) == ("head", (1, 2, 11, 7), True)
    assert annotation.derived_from == "landmarks"
    assert dataset.keypoint_names == {"eye": ("inner", "outer")}


def test_what_is_exhaustive_where_pictures_do_not_say() -> None:
    assert exhaustive(coco()) == [{"head", "eye"}]  # plain COCO
    assert exhaustive(coco(), "none") == [set()]
    assert exhaustive(coco(), ["eye"]) == [{"eye"}]
    with pytest.raises(DataError, match="nose"):
        exhaustive(coco(), ["nose"])


def test_a_pictures_own_word_goes_first_and_silence_means_nothing_beside_it() -> None:
    raw = coco([picture(exhaustive_category_ids=[7]), picture(id=2)])
    assert exhaustive(raw) == [{"eye"}, set()]
    assert exhaustive(raw, "all") == [{"eye"}, {"head", "eye"}]


def test_lvis_fields() -> None:
    """Verified absent, or present and not marked as incomplete."""
    rows = [box(), box(id=2, category_id=7)]
    raw = coco([picture(neg_category_ids=[], not_exhaustive_category_ids=[7])], rows)
    assert exhaustive(raw) == [{"head"}]
    assert exhaustive(coco([picture(neg_category_ids=[7])])) == [{"eye"}]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"images": []}, "no list 'annotations'"),
        (coco(annotations=[box(), box()]), "annotation 1 occurs twice"),
        (coco(annotations=[box(category_id=9)]), "unknown category id 9"),
        (coco(annotations=[box(image_id=9)]), "unknown pictures"),
        (coco(annotations=[box(bbox=[1, 2, -3, 4])]), "negative"),
        (coco(annotations=[box(bbox=[1, 2, float("nan"), 4])]), "no finite bbox"),
        (coco(annotations=[box(bbox=[1, 2])]), "no finite bbox"),
        (coco(annotations=[box(category_id=7, keypoints=[1, 2])]), "triples"),
        (coco([picture(), picture()]), "occurs twice"),
        (coco([picture(exhaustive_category_ids=[4])]), "unknown category id 4"),
    ],
)
def test_contradictions_are_named(raw: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        from_coco(raw, Path("."), where="x.json")


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        Dataset.load(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(DataError, match="not valid JSON"):
        Dataset.load(tmp_path / "bad.json")


coordinate = st.floats(0, 1000, width=32)
annotation = st.builds(
    lambda label, x, y, w, h, crowd, keypoints: {
        "category_id": label, "bbox": [x, y, w, h], "iscrowd": crowd,
        **({"keypoints": keypoints} if label == 7 else {}),
    },
    st.sampled_from([3, 7]), coordinate, coordinate, coordinate, coordinate, st.integers(0, 1),
    st.lists(st.integers(0, 2), min_size=6, max_size=6),
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(st.lists(annotation, max_size=5), st.sets(st.sampled_from([3, 7])), st.booleans())
def test_canonical_json_round_trips(rows: list[dict[str, Any]], complete: set[int], region: bool) -> None:
    annotations = [{"id": i, "image_id": 1, **row} for i, row in enumerate(rows, start=1)]
    extra: dict[str, Any] = {"exhaustive_category_ids": sorted(complete), "source": "s", "weather": "rain"}
    if region:
        extra |= {"exhaustive_regions": [{"bbox": [0, 0, 9, 9], "category_ids": [3]}], "ignore_regions": [[1, 1, 2, 2]]}
    first = from_coco(coco([picture(**extra)], annotations), Path("."))
    again = from_coco(json.loads(json.dumps(to_coco(first))), Path("."))
    assert again.fingerprint() == first.fingerprint()
    assert again.pictures[0].exhaustive == first.pictures[0].exhaustive
    assert again.pictures[0].exhaustive_regions == first.pictures[0].exhaustive_regions
    assert again.pictures[0].attributes == {"weather": "rain"}
    for one, other in zip(first.pictures[0].annotations, again.pictures[0].annotations, strict=True):
        assert (one.label, one.ignore) == (other.label, other.ignore)
        np.testing.assert_allclose(one.box, other.box, rtol=1e-6)


def test_the_fingerprint_sees_labels_and_promises(tmp_path: Path) -> None:
    plain = from_coco(coco(annotations=[box()]), Path("."))
    moved = from_coco(coco(annotations=[box(bbox=[1, 2, 10, 6])]), Path("."))
    assert plain.fingerprint() != moved.fingerprint()
    assert plain.fingerprint() != from_coco(coco(annotations=[box()]), Path("."), "none").fingerprint()
    plain.save(tmp_path / "saved.json")
    assert Dataset.load(tmp_path / "saved.json").fingerprint() == plain.fingerprint()
    assert [p.name for p in tmp_path.iterdir()] == ["saved.json"]
