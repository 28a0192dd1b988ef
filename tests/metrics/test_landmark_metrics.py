"""Landmarks: the five published COFW68 results, and cases worked by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from metric_builders import dataset, person, picture, poses

from vitruvian.data.dataset import Annotation, Dataset, Picture
from vitruvian.metrics import MetricError, Predictions, evaluate_landmarks
from vitruvian.metrics.landmarks import score_errors
from vitruvian.taxonomy import IBUG68


def face(number: int, seed: int = 0, **attributes: object) -> Annotation:
    """68 random points; outer eye corners 100 apart, so that an error of n pixels is n %."""
    points = np.column_stack([np.random.default_rng(seed).uniform(0, 200, (68, 2)), np.full(68, 2)])
    points[36, :2], points[45, :2] = (50, 80), (150, 80)
    return person(number, points, attributes=attributes)


def faces(*annotations: Annotation) -> Dataset:
    return dataset(("person",), *(picture(i, annotations=(a,)) for i, a in enumerate(annotations, start=1)))


def moved(annotation: Annotation, pixels: float) -> np.ndarray:
    points = np.asarray(annotation.keypoints, dtype=np.float64)[:, :2].copy()
    points[:, 1] += pixels
    return points


def test_worked_case() -> None:
    """Three faces with errors of 4, 9 and 12 %, a fourth without prediction.

    NME (4 + 9 + 12) / 3; above 8 %: 3 of 4, above 10 %: 2 of 4; AUC to 10 %: (0.6 + 0.1 + 0 + 0) / 4.
    """
    labelled = [face(i, i) for i in range(1, 5)]
    found = poses([(i, moved(a, p), 1.0) for i, a, p in zip((1, 2, 3), labelled, (4, 9, 12), strict=False)])
    result = evaluate_landmarks(faces(*labelled), found)
    score = result.overall
    assert score.nme == pytest.approx(0.25 / 3, rel=1e-5)
    assert (score.failure8, score.failure10, score.faces) == (0.75, 0.5, 4)
    assert score.auc10 == pytest.approx(0.175, rel=1e-4)
    assert result.ced(0.1, 11)[1].tolist() == [0, 0, 0, 0, 0.25, 0.25, 0.25, 0.25, 0.25, 0.5, 0.5]
    assert result.unmatched == 1
    assert any("1 faces have no predicted landmarks" in note for note in result.notes)


@pytest.mark.parametrize(("norm", "length"), [("corners", 100), ("pupils", None), ("diagonal", None)])
def test_norms(norm: str, length: float | None) -> None:
    annotation = face(1, 5)
    points = np.asarray(annotation.keypoints, dtype=np.float64)
    if norm == "pupils":
        length = float(np.linalg.norm(points[36:42, :2].mean(0) - points[42:48, :2].mean(0)))
    elif norm == "diagonal":
        length = math.dist(annotation.box[:2], annotation.box[2:])
    assert length is not None
    result = evaluate_landmarks(faces(annotation), poses([(1, moved(annotation, 7), 1.0)]), norm)
    assert result.overall.nme == pytest.approx(7 / length, rel=1e-5)


def test_unlabelled_landmarks_take_no_part() -> None:
    annotation = face(1)
    points = np.asarray(annotation.keypoints).copy()
    points[:17, 2] = 0
    found = moved(annotation, 5)
    found[:17] += 1000
    result = evaluate_landmarks(faces(person(1, points)), poses([(1, found, 1.0)]))
    assert result.overall.nme == pytest.approx(0.05, rel=1e-5)
    assert "jaw" not in result.features


def test_subsets_by_attribute_and_features() -> None:
    labelled = [face(1, 1, blur=True, pose=False), face(2, 2, blur=False, pose=False, name="x")]
    found = poses([(1, moved(labelled[0], 4), 1.0), (2, moved(labelled[1], 8), 1.0)])
    result = evaluate_landmarks(faces(*labelled), found)
    assert [(s.name, s.faces, round(s.nme, 4)) for s in result.subsets] == [("blur", 1, 0.04)]
    assert set(result.features) == {name for name, points in IBUG68.parts.items() if points}
    assert all(value == pytest.approx(0.06, rel=1e-4) for value in result.features.values())


def test_mirroring_truth_and_prediction_changes_nothing() -> None:
    annotation = face(1, 3)
    found = np.asarray(annotation.keypoints, dtype=np.float64)[:, :2] + np.random.default_rng(1).normal(0, 4, (68, 2))
    plain = evaluate_landmarks(faces(annotation), poses([(1, found, 1.0)])).overall.nme

    def mirrored(points: np.ndarray) -> np.ndarray:
        turned = points[list(IBUG68.mirror)].copy()
        turned[:, 0] = 200 - turned[:, 0]
        return turned

    turned = person(1, mirrored(np.asarray(annotation.keypoints)))
    other = evaluate_landmarks(faces(turned), poses([(1, mirrored(found), 1.0)])).overall.nme
    assert other == pytest.approx(plain, rel=1e-5)


def test_area_under_the_curve_is_the_integral() -> None:
    errors = np.random.default_rng(0).gamma(3, 0.02, 500)
    score = score_errors("all", errors)
    limits = np.linspace(0, 0.1, 20001)
    assert score.auc10 == pytest.approx((np.sort(errors).searchsorted(limits, "right") / 500).mean(), abs=1e-4)


def test_bad_input_is_refused() -> None:
    truth = faces(face(1))
    with pytest.raises(MetricError, match="unknown norm"):
        evaluate_landmarks(truth, poses([(1, moved(face(1), 1), 1.0)]), "nose")
    with pytest.raises(MetricError, match="5 predicted keypoints for 68"):
        evaluate_landmarks(truth, poses([(1, np.zeros((5, 2)), 1.0)]))
    with pytest.raises(MetricError, match="no keypoints"):
        evaluate_landmarks(dataset(("person",), picture(1)), Predictions.empty(("person",)))


def _cofw(folder: Path) -> Dataset:
    from scipy.io import loadmat

    pictures = []
    for i in range(1, 508):
        marked = loadmat(folder / "COFW68_Data" / "test_annotations" / f"{i}_points.mat")
        points = np.column_stack([marked["Points"], 2 - marked["Occ"].ravel().astype(float)])
        pictures.append(Picture(i, f"{i}.png", 1, 1, (person(i, points),)))
    return Dataset(("person",), tuple(pictures), folder)


def _submitted(path: Path) -> Predictions:
    lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
    rows = []
    for name, x, y, hidden in zip(*(lines[k::4] for k in range(4)), strict=True):
        points = np.column_stack([np.array(x, float), np.array(y, float), 1 - np.array(hidden, float)])
        rows.append((int(name[0]), points, 1.0))
    return poses(rows)


@pytest.fixture(scope="module")
def cofw(shared_data: Path) -> tuple[Dataset, Path]:
    pytest.importorskip("scipy")
    folder = shared_data / "fixtures" / "cofw68"
    return _cofw(folder), folder / "Results"


@pytest.mark.parametrize(
    ("file", "nme", "failures", "occlusion"),
    [
        ("CFSS_CFOW68", 6.28, 9.07, None),
        ("SAPM_COFW68", 6.64, 5.72, (76.50, 51.95)),
        ("HPM_HelenLfpw_COFW68test", 6.72, 6.71, (80.65, 34.06)),
        ("TCDCN_CFOW68", 7.66, 16.17, None),
        ("RCPR-occ_300w", 8.76, 20.12, None),
    ],
)
def test_published_cofw68_results(
    cofw: tuple[Dataset, Path], file: str, nme: float, failures: float, occlusion: tuple[float, float] | None
) -> None:
    truth, folder = cofw
    result = evaluate_landmarks(truth, _submitted(folder / f"{file}.txt"))
    assert result.overall.faces == 507
    assert (round(100 * result.overall.nme, 2), round(100 * result.overall.failure10, 2)) == (nme, failures)
    assert result.occlusion is not None
    if occlusion is None:
        assert math.isnan(result.occlusion.precision)
        assert any("occlusion" in note for note in result.notes)
    else:
        assert (round(100 * result.occlusion.precision, 2), round(100 * result.occlusion.recall, 2)) == occlusion
