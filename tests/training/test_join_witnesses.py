"""How witnesses are joined: what is fitted finds again what was put in, and no picture's score is of a fit on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPRegressor

import vitruvian.training.join_witnesses as join
from vitruvian.data.dataset import Annotation, Dataset, Picture
from vitruvian.finders.witnesses import PLACE_TERMS, TELLING, Heard, settle
from vitruvian.metrics import Predictions
from vitruvian.metrics.recovered_faces import odd_photographs
from vitruvian.taxonomy import WHOLE_FACE
from vitruvian.training.join_witnesses import (
    Proposed,
    cross_fitted_threshold,
    fit_fusion,
    mirrored_edges,
    mirrored_terms,
    threshold_for,
)
from vitruvian.training.publish_second_look import _measured
from vitruvian.zoo import find_model, find_second_look

SIDE = 200.0


def pictures(count: int, seed: int = 0, mirrored_share: float = 0.5) -> Proposed:
    """Pictures with one missed face each. All see it too narrow on the side that the left eye is not on, in mirrored
    pictures the right eye; half of the proposals are nowhere near, and the reader is less sure of these."""
    rng = np.random.default_rng(seed)
    rows, heard, ids = [], [], []
    for number in range(1, count + 1):
        x, y = rng.uniform(40, 80, 2)
        face = np.array([x, y, x + 60, y + 60])
        annotation = Annotation(WHOLE_FACE, tuple(face.tolist()), number)
        attributes = {"crop": [0, 0, 200, 200], "original": f"photograph {number}"}
        rows.append(Picture(number, f"{number}.png", 200, 200, (annotation,), frozenset({WHOLE_FACE}),
                            attributes=attributes))  # fmt: skip
        mirrored = rng.random() < mirrored_share
        seen = face + (np.array([30, 0, 0, 0]) if mirrored else np.array([0, 0, -30, 0])) + rng.normal(0, 1, 4)
        true, false = Heard.silence(1), Heard.silence(1)
        true.boxes[0, 0], true.scores[0, 0] = seen, rng.uniform(0.5, 0.9)
        label = "right face" if mirrored else "left face"
        true.telling[0, TELLING.index(label)] = (*seen, 0.5)
        false.boxes[0, 0], false.scores[0, 0] = (150, 150, 180, 190), rng.uniform(0.1, 0.6)
        heard += [true, false]
        ids += [number, number]
    truth = Dataset((WHOLE_FACE,), tuple(rows), Path())
    return Proposed("crops", truth, Predictions.empty((WHOLE_FACE,)), np.asarray(ids), Heard.together(heard), 0.5)


def test_a_side_that_is_not_seen_is_put_back_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(join, "_SHRUNK", 1.0)
    fusion = fit_fusion([pictures(300)])
    assert fusion is not None
    assert fusion.place is not None
    assert len(fusion.place.hidden) == PLACE_TERMS
    fresh = pictures(20, seed=1)
    right = fresh.heard[np.arange(0, 40, 2)]
    truth = np.array([p.annotations[0].box for p in fresh.truth.pictures])
    moved, _ = settle(right, fusion.place)
    assert np.abs(moved - truth).max() < 8
    assert np.abs(right.means - truth).max() > 25
    assert fresh.curve(fusion).right.sum() == 20
    monkeypatch.setattr(join, "_SHRUNK", 0.5)
    less = fit_fusion([pictures(300)])
    assert less is not None
    assert less.place is not None
    np.testing.assert_allclose(np.array(less.place.edges), np.array(fusion.place.edges) / 2, atol=1e-4)
    assert fresh.curve(None).right.sum() < 20  # the reader's own boxes are half of the face, IoU 0.5 more or less


def test_where_a_face_is_is_learnt_for_the_mirrored_picture_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(join, "_SHRUNK", 1.0)
    fusion = fit_fusion([pictures(300, mirrored_share=0.0)])
    assert fusion is not None
    fresh = pictures(20, seed=1, mirrored_share=1.0)
    moved, _ = settle(fresh.heard[np.arange(0, 40, 2)], fusion.place)
    assert np.abs(moved - np.array([p.annotations[0].box for p in fresh.truth.pictures])).max() < 8


def test_the_order_of_pictures_and_sets_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[np.ndarray] = []
    for kind in (LogisticRegression, MLPRegressor):

        def fit(self, x, y, real=kind.fit):  # type: ignore[no-untyped-def]
            fitted.append(np.column_stack((x, y)))
            return real(self, x, y)

        monkeypatch.setattr(kind, "fit", fit)
    one, other = pictures(150), pictures(150, seed=1)
    turned = slice(None, None, -1)
    back = replace(one, truth=replace(one.truth, pictures=one.truth.pictures[turned]), image_ids=one.image_ids[turned],
                   heard=one.heard[np.arange(len(one.heard))[turned]])  # fmt: skip
    fusion = fit_fusion([one, other])
    assert fusion is not None
    assert fusion.place is not None
    assert fit_fusion([other, back]) == fusion
    assert len(fitted) == 4
    for first, second in zip(fitted[:2], fitted[2:], strict=True):
        np.testing.assert_array_equal(first, second)


def test_wrong_faces_are_told_from_right_ones() -> None:
    fitted, fresh = pictures(300), pictures(30, seed=1)
    fusion = fit_fusion([fitted])
    assert fusion is not None
    assert fusion.reader > 0
    faces, rows = fresh.faces(fusion)
    right = fresh.curve(fusion)
    assert len(faces) == len(rows) == 60
    assert right.missed == 30
    assert faces.scores[right.row[right.right]].mean() > 0.7
    assert faces.scores[right.row[~right.right]].mean() < 0.3


def test_which_parts_are_seen_says_how_sure_a_face_is_whichever_side_they_are_on() -> None:
    fitted, fresh = pictures(300), pictures(30, seed=1)
    fusion = fit_fusion([fitted])
    assert fusion is not None
    assert len(fusion.terms) == PLACE_TERMS - 1
    strength = {label: fusion.terms[20 + 5 * TELLING.index(label)] for label in TELLING}
    assert strength["left face"] == strength["right face"] > 0
    assert strength["nose"] == 0
    silent = replace(fresh, heard=replace(fresh.heard, telling=np.zeros_like(fresh.heard.telling)))
    assert silent.faces(fusion)[0].scores.max() < fresh.faces(fusion)[0].scores.max() - 0.1


def test_a_known_face_is_not_proposed_and_teaches_nothing() -> None:
    alone = pictures(3)
    box = np.array([p.annotations[0].box for p in alone.truth.pictures[:2]])
    sure = Predictions([1, 2], box, [0.9, 0.9], [0, 0], (WHOLE_FACE,))
    known = replace(alone, first=sure)
    assert [picture for picture, _ in known.missed()] == [3]
    start = join.Fusion(reader=1.0, first_pass=0.0, parts=0.0, bias=0.0)
    assert known.faces(start)[0].image_ids.tolist() == [1, 2, 3, 3]
    assert known.curve(start).missed == 1


def test_of_two_claims_on_each_other_only_the_surest_is_judged() -> None:
    one = pictures(1)
    second = one.heard[np.array([0, 0])]
    second.boxes[:, 0], second.scores[:, 0] = one.heard.boxes[0, 0] + [[0], [12]], [0.9, 0.6]
    both = replace(one, heard=second)
    start = join.Fusion(reader=1.0, first_pass=0.0, parts=0.0, bias=0.0)
    assert len(both.faces(start)[0]) == 2
    assert both.curve(start).scores.tolist() == pytest.approx([0.9])


def test_few_examples_teach_nothing() -> None:
    assert fit_fusion([pictures(9)]) is None
    some = fit_fusion([pictures(100)])
    assert some is not None
    assert some.place is None


def test_the_mirrored_picture_has_the_mirrored_terms() -> None:
    heard = pictures(30).heard
    swap = [TELLING.index({"left face": "right face", "right face": "left face", "left eye face": "right eye face",
                           "right eye face": "left eye face"}.get(name, name)) for name in TELLING]  # fmt: skip
    flipped = heard.moved(lambda boxes: np.array([SIDE, 0, SIDE, 0]) - boxes[:, [2, 1, 0, 3]] * [1, -1, 1, -1])
    flipped = Heard(flipped.boxes.astype(np.float32), heard.scores, flipped.telling[:, swap])
    np.testing.assert_allclose(mirrored_terms(heard.terms), flipped.terms, atol=1e-5)
    np.testing.assert_array_equal(mirrored_edges(np.array([[1.0, 2.0, 3.0, 4.0]])), [[-3.0, 2.0, -1.0, 4.0]])


def test_no_photograph_is_scored_by_a_fit_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = pictures(600)
    fitted_on: list[set[int]] = []
    real = join.fit_fusion

    def spy(sets: list[Proposed]) -> object:
        fitted_on.append({p.id for s in sets for p in s.truth.pictures})
        return real(sets)

    monkeypatch.setattr(join, "fit_fusion", spy)
    scored: list[set[int]] = []
    curve = Proposed.curve

    def watched(self: Proposed, fusion: join.Fusion | None) -> object:
        if (
            len(scored) < len(fitted_on)
            and self.truth.pictures
            and not {p.id for p in self.truth.pictures} <= fitted_on[-1]
        ):
            scored.append({p.id for p in self.truth.pictures})
        return curve(self, fusion)

    monkeypatch.setattr(Proposed, "curve", watched)
    threshold = cross_fitted_threshold(0.9, [everything])
    assert threshold is not None
    assert [a & b for a, b in zip(fitted_on, scored, strict=True)] == [set()] * 5
    assert set.union(*scored) == {p.id for p in everything.truth.pictures}
    fusion = real([everything])
    right, wrong = pictures(100, seed=1).curve(fusion).at(threshold)
    assert right > 50
    assert wrong < 0.25 * right


def test_the_threshold_is_of_the_certain_sets() -> None:
    crops = pictures(300)
    fusion = fit_fusion([crops])
    wild = [replace(p, attributes={"original": p.attributes["original"]}) for p in crops.truth.pictures]
    crowd = replace(crops, truth=replace(crops.truth, pictures=tuple(wild)))
    wrong = replace(crowd, heard=Heard(crowd.heard.boxes + 90, crowd.heard.scores, crowd.heard.telling))
    assert threshold_for(0.9, [crops, wrong], fusion) == threshold_for(0.9, [crops], fusion)
    assert threshold_for(0.9, [wrong], fusion) is None
    assert cross_fitted_threshold(0.9, [pictures(12)]) is None
    assert odd_photographs(crops.truth).any()


def test_where_no_set_with_faces_is_certain_the_threshold_is_of_all() -> None:
    crops = pictures(400)
    whole = tuple(replace(p, attributes={"original": p.attributes["original"]}) for p in crops.truth.pictures)
    crowd = replace(crops, truth=replace(crops.truth, pictures=whole))
    empty = tuple(replace(p, annotations=()) for p in pictures(20, seed=1).truth.pictures)
    nobody = replace(pictures(20, seed=1), truth=replace(crops.truth, pictures=empty))
    assert (crowd.certain, nobody.certain) == (False, True)
    fusion = fit_fusion([crowd])
    assert threshold_for(0.9, [crowd, nobody], fusion) is not None
    threshold = cross_fitted_threshold(0.9, [crowd, nobody])
    assert threshold is not None
    assert crowd.curve(fusion).at(threshold)[0] > 100


def test_what_is_fitted_on_training_pictures_is_reported_on_all_others() -> None:
    shipped = find_second_look(find_model().card)
    assert shipped is not None
    blank = shipped.card.model_copy(update={"fusion": None, "measured": None, "thresholds": {WHOLE_FACE: 0.5}})
    fitted, fresh = pictures(600), pictures(100, seed=1)
    card = _measured(blank, [fitted], [fresh])
    assert card.measured is not None
    assert card.fusion is not None
    assert card.measured.headline["crops: missed"] == 100
    assert card.thresholds[WHOLE_FACE] == round(cross_fitted_threshold(0.9, [fitted]) or 0, 4)
    assert "training photographs" in card.thresholds_from
    assert "600 missed faces" in card.thresholds_from
    assert card.measured.headline["crops: recovered"] == fresh.curve(card.fusion).at(card.thresholds[WHOLE_FACE])[0]

    halves = _measured(blank, [], [fitted])
    assert halves.measured is not None
    odd = int(odd_photographs(fitted.truth).sum())
    assert halves.measured.headline["crops: missed"] == odd
    assert f"({600 - odd} missed faces)" in halves.thresholds_from
    assert "other half" in halves.measured.data

    unmeasured = _measured(blank, [fitted], [])
    assert (unmeasured.fusion, unmeasured.thresholds) == (card.fusion, card.thresholds)
    assert unmeasured.measured is None

    few = _measured(blank, [pictures(6)], [fresh])
    assert few.thresholds == {WHOLE_FACE: 1.0}
    assert few.measured is None
