"""Landmark protocols, checked on geometry: constructed permutations would pass a check of numbers alone."""

from __future__ import annotations

import json
import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vitruvian.taxonomy import (
    AAM73,
    FACIAL_PARTS,
    IBUG68,
    IMM58,
    LANDMARK_PROTOCOLS,
    PARTS,
    WFLW98,
    LandmarkProtocol,
    Outline,
    landmark_protocol,
)

each_protocol = pytest.mark.parametrize("protocol", LANDMARK_PROTOCOLS, ids=lambda p: p.name)


def _asf(folder: Path) -> list[NDArray[np.float64]]:
    """(K, 2) points relative to the picture of every .asf file; the fields are: path, type, x, y, number, from, to."""
    faces = []
    for path in sorted(folder.glob("*.asf")):
        rows = [line.split() for line in path.read_text(encoding="latin-1").splitlines() if not line.startswith("#")]
        faces.append(np.array([[float(row[2]), float(row[3])] for row in rows if len(row) >= 7]))
    return faces


def _coco(path: Path) -> list[NDArray[np.float64]]:
    rows = json.loads(path.read_text(encoding="utf-8"))["annotations"]
    return [np.array(row["keypoints"]).reshape(-1, 3)[:, :2] for row in rows]


def _faces(protocol: LandmarkProtocol, shared_data: Path) -> list[NDArray[np.float64]]:
    if protocol is IBUG68:
        return _coco(shared_data / "faces68" / "val.json")
    if protocol is WFLW98:
        return _coco(shared_data / "fixtures" / "format_samples" / "wflw" / "test_wflw.json")
    return _asf(shared_data / "imm" / ("frontal37_58pt" if protocol is IMM58 else "frontal120_73pt"))


def _mean_shape(faces: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Mean of the faces, each moved to its centre and scaled to size 1."""
    return np.mean([(f - f.mean(0)) / np.sqrt(((f - f.mean(0)) ** 2).sum(1).mean()) for f in faces], axis=0)


@each_protocol
def test_mirror_permutation_maps_a_mirrored_face_onto_a_face(protocol: LandmarkProtocol, shared_data: Path) -> None:
    faces = _faces(protocol, shared_data)
    assert faces
    shape = _mean_shape(faces)
    mirrored = (shape * [-1, 1])[list(protocol.mirror)]
    # The best affine map takes out turn and tilt, which the mean of only four WFLW faces still has.
    source = np.column_stack([mirrored, np.ones(protocol.points)])
    mirrored = source @ np.linalg.lstsq(source, shape, rcond=None)[0]
    cost = ((mirrored[:, None] - shape[None]) ** 2).sum(2)
    assert np.sqrt(np.diag(cost)).max() < (0.3 if protocol is WFLW98 else 0.06)
    # No exchange of two landmarks within the permutation would fit the mirrored shape better.
    gain = np.diag(cost)[:, None] + np.diag(cost)[None] - cost - cost.T
    assert gain.max() < 1e-9


@each_protocol
def test_named_parts_lie_where_their_names_say(protocol: LandmarkProtocol, shared_data: Path) -> None:
    shape = _mean_shape(_faces(protocol, shared_data))
    x = {name: shape[list(indices), 0].mean() for name, indices in protocol.parts.items() if indices}
    y = {name: shape[list(indices), 1].mean() for name, indices in protocol.parts.items() if indices}
    assert x["right_brow"] < x["nose"] < x["left_brow"]
    assert x["right_eye"] < x["nose"] < x["left_eye"]
    assert y["right_brow"] < y["right_eye"] < y["nose"] < y["outer_lip"] < y["jaw"] + 0.5
    assert y["left_brow"] < y["left_eye"]
    mouth = shape[list(protocol.mouth)]
    assert protocol.mouth_corners[0] == protocol.mouth[mouth[:, 0].argmin()]
    assert protocol.mouth_corners[1] == protocol.mouth[mouth[:, 0].argmax()]
    eyes = [shape[list(protocol.parts[f"{side}_eye"])] for side in ("right", "left")]
    assert protocol.outer_eye_corners[0] == protocol.parts["right_eye"][eyes[0][:, 0].argmin()]
    assert protocol.outer_eye_corners[1] == protocol.parts["left_eye"][eyes[1][:, 0].argmax()]
    assert abs(shape[protocol.chin, 1] - shape[:, 1].max()) < 0.1
    jaw = shape[list(protocol.parts["jaw"])]
    assert jaw[0, 0] < jaw[:, 0].min() + 0.1
    assert jaw[-1, 0] > jaw[:, 0].max() - 0.1
    for pupil, eye in zip(protocol.pupils, eyes, strict=True):
        assert np.linalg.norm(shape[list(pupil)].mean(0) - eye.mean(0)) < 0.12


@each_protocol
def test_mirroring_swaps_right_and_left_everywhere(protocol: LandmarkProtocol) -> None:
    def mirrored(points: tuple[int, ...]) -> set[int]:
        return {protocol.mirror[i] for i in points}

    swap = {"right": "left", "left": "right"}
    for name, points in protocol.parts.items():
        side, _, rest = name.partition("_")
        assert mirrored(points) == set(protocol.parts[f"{swap[side]}_{rest}" if side in swap else name])
    assert protocol.mirror[protocol.chin] == protocol.chin
    for pair in (protocol.mouth_corners, protocol.outer_eye_corners):
        assert protocol.mirror[pair[0]] == pair[1]
    by_key = {(part.label, part.side): part.points for part in protocol.facial_parts}
    for (label, side), points in by_key.items():
        other = (FACIAL_PARTS[label].mirror, swap[side] if side else None)
        assert mirrored(points) == set(by_key[other])


@each_protocol
def test_outlines_draw_mirrored_faces_alike(protocol: LandmarkProtocol) -> None:
    def edges(outline: Outline, through: tuple[int, ...]) -> set[frozenset[int]]:
        points = [through[i] for i in outline.points]
        pairs = list(pairwise(points)) + ([(points[-1], points[0])] if outline.closed else [])
        return {frozenset(pair) for pair in pairs}

    same = tuple(range(protocol.points))
    drawn = set().union(*(edges(outline, same) for outline in protocol.outlines))
    assert drawn == set().union(*(edges(outline, protocol.mirror) for outline in protocol.outlines))
    lines = [set(outline.points) for outline in protocol.outlines]
    assert sum(map(len, lines)) == len(set().union(*lines))


def test_facial_parts_of_68_points_are_those_of_the_definition() -> None:
    # The indices as published in the definition of the ten boxes.
    expected = {
        ("eyes", "right"): set(range(36, 42)),
        ("eyes", "left"): set(range(42, 48)),
        ("nose", None): set(range(27, 36)),
        ("brows", None): set(range(17, 27)),
        ("mouth", None): set(range(48, 68)),
        ("whole face", None): set(range(68)),
        ("right face", None): {*range(9), 48},
        ("left face", None): {*range(8, 17), 54},
        ("right eye face", None): {*range(9), 48, *range(36, 42)},
        ("left eye face", None): {*range(8, 17), 54, *range(42, 48)},
        ("eyes nose", None): {*range(27, 36), *range(36, 48)},
    }
    assert {(p.label, p.side): set(p.points) for p in IBUG68.facial_parts} == expected


@each_protocol
def test_every_protocol_carries_all_ten_facial_parts(protocol: LandmarkProtocol) -> None:
    assert {part.label for part in protocol.facial_parts} == set(FACIAL_PARTS.names)
    assert all(part.points == tuple(sorted(set(part.points))) for part in protocol.facial_parts)


def test_pupils_are_the_marked_ones_or_the_middle_of_the_eyes() -> None:
    assert AAM73.pupils == ((32,), (33,))
    assert WFLW98.pupils == ((96,), (97,))
    assert IBUG68.pupils == (tuple(range(36, 42)), tuple(range(42, 48)))


@each_protocol
def test_found_by_number_hashable_and_the_same_after_a_pickle(protocol: LandmarkProtocol) -> None:
    assert landmark_protocol(protocol.points) is protocol
    assert {protocol: 1}[pickle.loads(pickle.dumps(protocol))] == 1  # noqa: S301


def test_unknown_number_of_points() -> None:
    with pytest.raises(ValueError, match="no landmark protocol has 5 points; known are 68, 58, 73, 98"):
        landmark_protocol(5)


@pytest.mark.parametrize(
    ("mirror", "parts", "message"),
    [
        ((1, 2, 0), {"jaw": (0, 1, 2)}, "mirroring twice"),
        ((0, 1), {"jaw": (0, 1, 2)}, "mirroring twice"),
        ((0, 2, 1), {"jaw": (0, 1)}, "exactly once"),
        ((0, 2, 1), {"jaw": (0, 1, 2), "nose": (2,)}, "exactly once"),
    ],
)
def test_inconsistent_protocols_are_refused(
    mirror: tuple[int, ...], parts: dict[str, tuple[int, ...]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        LandmarkProtocol("x", 3, mirror, parts, chin=0, mouth_corners=(1, 2), outer_eye_corners=(1, 2), outlines=())


def test_the_two_taxonomies_join() -> None:
    assert PARTS.names[:12][-1] == "Human body"
    assert len(PARTS) == 22
