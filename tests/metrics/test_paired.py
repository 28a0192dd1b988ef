"""Two models compared under pose, landmark and activity protocols: the pairing, its order and its verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from metric_builders import dataset, person, picture, poses
from test_activity_metrics import outcome
from test_landmark_metrics import face, faces, moved
from test_pose_metrics import people, standing

from vitruvian.data.dataset import Dataset
from vitruvian.metrics import (
    Classified,
    MetricError,
    Options,
    PairedResult,
    Predictions,
    compare_activity,
    compare_measured,
    evaluate,
)
from vitruvian.taxonomy import AIC14, LSP14, MPII16, Skeleton

SKELETONS: dict[str, Skeleton] = {
    "pose-oks": LSP14,
    "pose-aic": AIC14,
    "pose-pckh": MPII16,
    "pose-pck-person": LSP14,
    "pose-pck-observer": LSP14,
}
LANDMARKS = ("landmarks-corners", "landmarks-pupils", "landmarks-diagonal")
DRAWS = 30


def case(name: str, count: int = 16) -> tuple[Dataset, Callable[[float], Predictions]]:
    """Pictures of one instance each, and a model with so many pixels of error; its last picture gets nothing."""
    noise = np.random.default_rng(1).normal(0, 1, (count, 68, 2))
    if name in LANDMARKS:
        labelled = [face(i, i) for i in range(1, count + 1)]
        truth, points = faces(*labelled), [moved(a, 0) for a in labelled]
    else:
        skeleton = SKELETONS[name]
        points = [standing(skeleton)[:, :2]] * count
        truth = people(skeleton, *([person(i, standing(skeleton))] for i in range(1, count + 1)))

    def model(pixels: float) -> Predictions:
        rows = [(i, p + pixels * noise[i - 1, : len(p)], 1 - i / 100) for i, p in enumerate(points, start=1)]
        return poses(rows[:-1])

    return truth, model


@pytest.mark.parametrize("name", [*SKELETONS, *LANDMARKS])
def test_a_model_against_itself_differs_by_exactly_nothing(name: str) -> None:
    truth, model = case(name)
    result = compare_measured(name, truth, model(5), model(5), resamples=DRAWS)
    assert result.overall
    for found in result.overall.values():
        assert (found.gain.value, found.gain.low, found.gain.high, found.p_value) == (0, 0, 0, 1)
        assert not found.significant
    assert {row[-1] for row in result.tables()[0].rows} == {"not told apart"}


@pytest.mark.parametrize("name", [*SKELETONS, *LANDMARKS])
def test_a_clearly_better_model_is_told_apart_whichever_way_the_number_goes(name: str) -> None:
    truth, model = case(name)
    good, bad = model(1), model(25)
    result = compare_measured(name, truth, bad, good, ("old", "new"), resamples=DRAWS)
    for number, found in result.overall.items():
        lower = number in ("NME %", "failures at 10 %")
        assert found.gain.value * (-1 if lower else 1) > 0
        assert found.gain.high < 0 if lower else found.gain.low > 0
        assert found.p_value == 0
    assert {row[-1] for row in result.tables()[0].rows} == {"new"}
    turned = compare_measured(name, truth, good, bad, ("new", "old"), resamples=DRAWS)
    assert {row[-1] for row in turned.tables()[0].rows} == {"new"}
    for number, found in turned.overall.items():
        assert found.gain.value == -result.overall[number].gain.value


@pytest.mark.parametrize("name", [*SKELETONS, *LANDMARKS])
def test_the_order_of_pictures_and_predictions_changes_nothing(name: str) -> None:
    truth, model = case(name)
    first, second = model(4), model(6)
    result = compare_measured(name, truth, first, second, resamples=DRAWS)
    order = np.random.default_rng(3).permutation(len(truth))
    shuffled = replace(truth, pictures=tuple(truth.pictures[i] for i in order))
    again = compare_measured(name, shuffled, first[::-1], second[order[order < len(second)]], resamples=DRAWS)
    assert again.overall == result.overall


@pytest.mark.parametrize("name", [*SKELETONS, *LANDMARKS])
def test_both_values_are_those_of_the_protocol(name: str) -> None:
    truth, model = case(name)
    result = compare_measured(name, truth, model(4), model(9), resamples=2)
    for number, found in result.overall.items():
        alone = [evaluate(name, truth, model(pixels)).headline()[number] for pixels in (4, 9)]
        assert (found.first, found.second) == pytest.approx(alone)
    assert result.protocol == f"{name}-comparison"


def test_landmarks_by_paper() -> None:
    """Four faces, errors of 4 % in A and 12 % in B, and B lacks the fourth: NME 4 and 12, failures 0 and 1."""
    labelled = [face(i, i) for i in range(1, 5)]
    first = poses([(i, moved(a, 4), 1.0) for i, a in enumerate(labelled, start=1)])
    second = poses([(i, moved(a, 12), 1.0) for i, a in enumerate(labelled[:3], start=1)])
    result = compare_measured("landmarks-corners", faces(*labelled), first, second, ("A", "B"), resamples=50)
    assert result.overall["NME %"].gain.value == pytest.approx(8, rel=1e-5)
    assert result.overall["failures at 10 %"].gain.value == 1
    assert result.overall["AUC10"].gain.value == pytest.approx(-0.6, rel=1e-4)
    assert [note[:10] for note in result.notes] == ["B: 1 faces"]


def test_what_both_models_note_is_said_once() -> None:
    truth, model = case("pose-aic")
    assert compare_measured("pose-aic", truth, model(1), model(2), resamples=2).notes == (
        evaluate("pose-aic", truth, model(1)).notes
    )


def test_a_skeleton_can_be_given_and_other_protocols_are_refused() -> None:
    truth, model = case("pose-oks")
    nameless = replace(truth, keypoint_names={})
    for name in ("pose-oks", "pose-pck-person"):
        with pytest.raises(MetricError, match="give a skeleton"):
            compare_measured(name, nameless, model(1), model(2), resamples=2)
        options = Options(skeleton=LSP14)
        given = compare_measured(name, nameless, model(1), model(9), options=options, resamples=2)
        assert given.overall == compare_measured(name, truth, model(1), model(9), resamples=2).overall
    with pytest.raises(MetricError, match="confusion has no paired comparison"):
        compare_measured("confusion", truth, model(1), model(2))
    with pytest.raises(MetricError, match="unknown protocol"):
        compare_measured("mAP", truth, model(1), model(2))


def test_nobody_to_measure_is_not_applicable() -> None:
    truth = dataset(("person",), picture(1, annotations=(person(1, np.zeros((14, 3)), (0, 0, 9, 9)),)))
    truth = replace(truth, keypoint_names={"person": LSP14.joints})
    found = poses([(1, standing(LSP14), 0.9)])
    result = compare_measured("pose-oks", truth, found, found, resamples=2)
    assert math.isnan(result.overall["OKS AP"].gain.value)
    assert result.tables()[0].rows[0][-1] == "n/a"


def better(alone: Classified) -> Classified:
    """The same model with every second picture put right."""
    chosen = np.where(np.arange(len(alone)) % 2, alone.truth, alone.chosen)
    return replace(alone, chosen=chosen, scores=None)


def activity(first: Classified, second: Classified) -> PairedResult:
    return compare_activity(first, second, ("old", "new"), resamples=DRAWS)


@pytest.mark.filterwarnings("ignore:y_pred contains classes")
def test_activity_is_compared_picture_by_picture() -> None:
    case = outcome()
    same = activity(case, case)
    assert set(same.overall) == {"top-1", "balanced accuracy", "macro F1"}
    for found in same.overall.values():
        assert (found.gain.value, found.gain.low, found.gain.high) == (0, 0, 0)
    result = activity(case, better(case))
    for found in result.overall.values():
        assert found.gain.low > 0
    wrong = float((case.truth != case.chosen)[1::2].sum()) / len(case)
    assert result.overall["top-1"].gain.value == pytest.approx(wrong)
    assert any(note.startswith("old: WARNING: never predicted") for note in result.notes)

    order = np.random.default_rng(0).permutation(len(case))
    files = tuple(case.files[i] for i in order)
    shuffled = Classified(case.labels, files, case.truth[order], case.chosen[order])
    assert activity(shuffled, better(case)).overall == result.overall


def test_activities_of_different_pictures_are_refused() -> None:
    case = outcome(count=40)
    other = replace(case, truth=(case.truth + 1) % 5)
    with pytest.raises(MetricError, match="different pictures"):
        activity(case, other)
    with pytest.raises(MetricError, match="different pictures"):
        activity(case, outcome(count=39))
