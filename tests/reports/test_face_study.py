from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vitruvian.data.dataset import Annotation, Dataset, Picture
from vitruvian.metrics import MetricError, Predictions
from vitruvian.metrics.recovered_faces import Passes, odd_photographs
from vitruvian.reports.face_study import (
    BOTH_HALVES,
    FaceSets,
    coverage_table,
    detector_table,
    recovered_examples,
    recovery_study,
)
from vitruvian.taxonomy import WHOLE_FACE

HERE, NOWHERE = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 60.0, 60.0)


def truth(level: str, count: int = 40) -> Dataset:
    pictures = tuple(
        Picture(i + 1, f"{level}/{i}.png", 100, 100, (Annotation(WHOLE_FACE, HERE, i + 1),), frozenset({WHOLE_FACE}),
                attributes={"original": f"{i}.png", "occlusion_degree": level})
        for i in range(count)
    )  # fmt: skip
    return Dataset((WHOLE_FACE,), pictures, Path())


def found(*rows: tuple[int, tuple[float, ...], float]) -> Predictions:
    ids, boxes, scores = zip(*rows, strict=True) if rows else ((), (), ())
    return Predictions(ids, boxes, scores, [0] * len(rows), (WHOLE_FACE,))


def sets() -> FaceSets:
    """The first pass is sure of every second face and sees the others faintly, among false ones; the look is right."""
    first = found(*((i, HERE, 0.9 if i % 2 else 0.2) for i in range(1, 41)), *((i, NOWHERE, 0.3) for i in range(1, 41)))
    look = found(*((i, HERE, 0.8) for i in range(1, 41)))
    after = found(*((i, HERE, 0.8) for i in range(2, 41, 2)))
    return FaceSets(
        {level: truth(level) for level in ("easy", "hard")},
        {"easy": first, "hard": first},
        {"look": {"easy": look, "hard": look}},
        {"look": {"easy": after, "hard": after}},
        {},
        threshold=0.5,
    )


def test_the_first_pass_stands_at_its_threshold_and_the_look_after_it() -> None:
    passes = sets().passes()["easy"]
    assert len(passes.first) == 20
    assert sorted(passes.second["look"].image_ids.tolist()) == list(range(2, 41, 2))


def test_a_look_that_is_right_beats_a_lower_threshold_at_equal_precision() -> None:
    study = recovery_study(sets(), resamples=20)
    recall = study.equal.headline()
    assert recall["recall of first pass, then look, all"] == 1.0
    assert recall["recall of first pass, lower threshold, all"] == 0.5
    assert recall["recall of first pass at its threshold, all"] == 0.5
    for row in study.recovered.rows:
        assert row.share.value == 1.0
        assert row.precision.value == 1.0
    assert "look" in str(study)


def test_a_look_with_a_threshold_of_its_own_stands_at_it() -> None:
    study = recovery_study(sets(), {"look": 0.85}, resamples=20)
    assert study.thresholds == {"look": 0.85}
    assert {row.share.value for row in study.recovered.rows} == {0.0}  # what it says is 0.8
    assert [row.set_name for row in study.recovered.rows] == ["easy", "hard", "all levels", BOTH_HALVES]
    assert study.recovered.rows[-1].missed == 40  # none of them chose its threshold
    assert study.recovered.rows[-2].missed < 40
    assert all(row.set_name != BOTH_HALVES for row in recovery_study(sets(), resamples=20).recovered.rows)
    given = sets()
    both = replace(given, second={**given.second, "fitted here": given.second["look"]})
    rows = recovery_study(both, {"look": 0.85}, resamples=20).recovered.rows
    assert [row.name for row in rows if row.set_name == BOTH_HALVES] == ["look"]


@pytest.mark.parametrize(("name", "labelled", "threshold"), [("masks", True, 0.8), ("nobody", False, None)])
def test_a_threshold_is_fitted_where_a_wrong_face_is_surely_wrong(
    name: str, labelled: bool, threshold: float | None
) -> None:
    """In crowds some faces are not labelled; where nobody is, every claim is wrong."""
    further = truth(name)
    if not labelled:
        further = further.map(lambda picture: replace(picture, annotations=()))
    wrong = found(*((i, NOWHERE, 0.9) for i in range(1, 41)))
    given = sets()
    given = replace(
        given,
        truth={**given.truth, name: further},
        first={**given.first, name: found()},
        second={"look": {**given.second["look"], name: wrong}},
        after={"look": {**given.after["look"], name: wrong}},
    )
    fitted = recovery_study(given, resamples=20).thresholds["look"]
    assert fitted == (None if threshold is None else pytest.approx(threshold))


def test_a_set_without_pictures_on_a_half_has_no_row_there() -> None:
    """Few pictures of nobody, all of one half, end no study that took hours."""
    given = sets()
    odd = odd_photographs(given.truth["easy"])
    few = replace(given.truth["easy"], pictures=(given.truth["easy"].pictures[int(np.flatnonzero(~odd)[0])],))
    nothing = found()
    names = ("nobody", few), ("none at all", replace(few, pictures=()))
    more = {name: nothing for name, _ in names}
    given = replace(
        given,
        truth={**given.truth, **dict(names)},
        first={**given.first, **more},
        second={"look": {**given.second["look"], **more}},
        after={"look": {**given.after["look"], **more}},
    )
    study = recovery_study(given, resamples=20)
    assert [row.set_name for row in study.recovered.rows] == ["easy", "hard", "all levels"]
    assert [row[1] for row in coverage_table("t", given).rows] == ["easy", "hard"]
    one = replace(given, truth={"easy": few}, first={"easy": nothing}, after={"look": {"easy": nothing}})
    with pytest.raises(MetricError, match="too few photographs of covered faces"):
        recovery_study(one, resamples=20)


def test_examples_of_equal_score_show_each_its_own_box() -> None:
    first, second = (60.0, 60.0, 70.0, 70.0), NOWHERE
    passes = Passes(truth("easy"), found(), {"look": found((3, first, 0.7), (3, second, 0.7))})
    shown = recovered_examples(passes, "look", 0.5, count=5, right=False)
    assert [tuple(box) for _, box, _ in shown] == [first, second]


def test_the_detector_table_has_a_row_for_each_set_and_detector() -> None:
    given = sets()
    table = detector_table("t", given, {"first": given.first, "look": given.second["look"]})
    assert [(row[0], row[1]) for row in table.rows] == [
        ("easy", "first"),
        ("easy", "look"),
        ("hard", "first"),
        ("hard", "look"),
    ]
    assert table.rows[1][4:7] == (1.0, 1.0, 1.0)


def test_examples_are_spread_over_right_and_wrong_claims() -> None:
    passes = sets().passes()["easy"]
    right = recovered_examples(passes, "look", 0.5, count=5, right=True)
    assert len(right) == 5
    assert all(passes.truth.pictures[index].id % 2 == 0 and tuple(box) == HERE for index, box, _ in right)
    assert recovered_examples(passes, "look", 0.5, count=5, right=False) == []


def test_coverage_is_of_the_half_that_the_threshold_is_not_fitted_on() -> None:
    given = sets()
    odd_ids = {p.id for p in given.passes()["easy"].side(odd=True).truth.pictures}
    noise = found(
        *((i, HERE, 0.8 if i in odd_ids else 0.7) for i in range(1, 41)), *((i, NOWHERE, 0.3) for i in range(1, 41))
    )
    given = FaceSets(given.truth, given.first, {"look": {"easy": noise, "hard": noise}}, given.after, {}, 0.5)
    rows = coverage_table("t", given).rows
    assert [(row[0], row[1]) for row in rows] == [("look", "easy"), ("look", "hard")]
    odd = len(odd_ids)
    assert 0 < odd < 40
    for row in rows:
        threshold, faces, detections, right, share, lowest = row[2:]
        assert 0.3 < threshold <= 0.7  # type: ignore[operator]
        assert (faces, detections, right, share, lowest) == (odd, odd, odd, 1.0, 0.8)
