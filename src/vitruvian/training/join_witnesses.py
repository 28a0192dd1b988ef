"""How the witnesses of a second look are joined: where they place a face, how sure it is, and from what score on.

All of it is fitted on covered faces that the first pass missed; :mod:`vitruvian.finders.witnesses` says what is joined.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.finders.detections import box_iou
from vitruvian.finders.detector import Detector
from vitruvian.finders.predict import predict_witnesses
from vitruvian.finders.recovery import SecondLook, apart, fresh_faces
from vitruvian.finders.witnesses import PLACE_TERMS, SAID, TELLING, Heard, box_size, joined
from vitruvian.metrics import Predictions, pool
from vitruvian.metrics.recovered_faces import joined_curves, odd_photographs
from vitruvian.metrics.second_look import SecondLookCurve, second_look_curve
from vitruvian.metrics.thresholds import fold_of_pictures
from vitruvian.taxonomy import WHOLE_FACE
from vitruvian.training.augment import mirror_indices
from vitruvian.zoo.cards import Fusion, Place

_LEAST_EXAMPLES = 10
"""Right and wrong proposals, each, below which the weights would be chance."""
_LEAST_FOR_PLACE = 3 * PLACE_TERMS
"""Proposals at missed faces below which the place is that of the mean."""
_SAME_FACE = 0.2
"""IoU of a missed face with the mean of what is said from which it teaches where the face is."""
_UNITS, _ALPHA, _STEPS = 16, 30.0, 100
"""Of the network that says where a face is: its hidden units, the weight of its penalty, and how long it is trained."""
_SHRUNK = 0.8
"""Share of the learnt move that is made; a full one overshoots where witnesses agree. Chosen by cross-validation on
covered training photographs."""
_C = 0.05
"""Of the logistic regression, on columns of unit variance: the inverse of its penalty (scikit-learn's ``C``)."""
_FOLDS = 5
"""Of the photographs, each scored by a fit on the others: with two, fits on half of them think too little of faces."""
_BOX_IOU = 0.5
"""From which a face is found."""


@dataclass(frozen=True)
class Proposed:
    """One set of pictures: the first pass's sure faces, and what witnesses say of each that the reader proposes.

    Attributes:
        name: Of the set.
        truth: Its pictures.
        first: Sure faces of the first pass.
        image_ids: ``(N,)`` picture of each proposal.
        heard: Of the N proposals, in pixels of the pictures.
        nms_iou: From which two faces of one picture are one.
    """

    name: str
    truth: Dataset
    first: Predictions
    image_ids: NDArray[np.int64]
    heard: Heard
    nms_iou: float

    @property
    def certain(self) -> bool:
        """A wrong face is surely wrong: others are ignored in crops, and where nobody shows a face there is none. In
        other whole pictures tiny faces of a crowd may be unlabelled, and precision is a lower bound."""
        return all("crop" in p.attributes for p in self.truth.pictures) or not self.has_faces

    @property
    def has_faces(self) -> bool:
        """Whether a face is labelled in any of its pictures."""
        return any(a.label == WHOLE_FACE for p in self.truth.pictures for a in p.annotations)

    def half(self, odd: bool) -> Proposed:
        """The photographs on one side."""
        return self.only(odd_photographs(self.truth) == odd)

    def only(self, keep: NDArray[np.bool_]) -> Proposed:
        """Some of the pictures."""
        pictures = tuple(p for p, kept in zip(self.truth.pictures, keep, strict=True) if kept)
        first = self.first[keep[self.first.picture_index(self.truth)]]
        mine = np.isin(self.image_ids, [p.id for p in pictures])
        truth = replace(self.truth, pictures=pictures)
        return replace(self, truth=truth, first=first, image_ids=self.image_ids[mine], heard=self.heard[mine])

    def faces(self, fusion: Fusion) -> tuple[Predictions, NDArray[np.float64]]:
        """The second look's faces with its scores, and what speaks for each (``settle``)."""
        ids = [np.zeros(0, dtype=np.int64)]
        boxes, rows = [np.zeros((0, 4), dtype=np.float32)], [np.zeros((0, SAID + PLACE_TERMS - 1))]
        for picture in np.unique(self.image_ids):
            heard = self.heard[self.image_ids == picture]
            known = self.first.boxes[self.first.image_ids == picture].astype(np.float32)
            places, said = fresh_faces(heard, fusion, known, self.nms_iou)
            ids.append(np.full(len(places), picture))
            boxes.append(places)
            rows.append(said)
        spoken = np.concatenate(rows)
        labels = np.zeros(len(spoken), dtype=np.int64)
        scores = joined(fusion, spoken)
        return Predictions(np.concatenate(ids), np.concatenate(boxes), scores, labels, (WHOLE_FACE,)), spoken

    def curve(self, fusion: Fusion | None) -> SecondLookCurve:
        """Right and wrong faces, ranked by all witnesses or by the reader alone."""
        if fusion is not None:
            found = self.faces(fusion)[0]
            found = found[np.argsort(-found.scores, kind="stable")]
            rows = [np.flatnonzero(found.image_ids == picture) for picture in np.unique(found.image_ids)]
            kept = [mine[apart(found.boxes[mine].astype(np.float32))] for mine in rows]
            return self.judged(found[np.concatenate(kept, dtype=np.int64)] if kept else found)
        return self.judged(_of_reader(self.image_ids, self.heard))

    def judged(self, found: Predictions) -> SecondLookCurve:
        """Right and wrong faces among those of the second look."""
        return second_look_curve(self.truth, self.first, found, WHOLE_FACE)

    def missed(self) -> list[tuple[int, NDArray[np.float32]]]:
        """Picture and ``(M, 4)`` boxes of the faces that the first pass missed, where there are any."""
        missed = []
        for picture in self.truth.pictures:
            faces = [a.box for a in picture.annotations if a.label == WHOLE_FACE and not a.ignore]
            boxes = np.asarray(faces, dtype=np.float32).reshape(-1, 4)
            sure = self.first.boxes[self.first.image_ids == picture.id].astype(np.float32)
            boxes = boxes[~(box_iou(boxes[:, None], sure) >= _BOX_IOU).any(axis=1)]
            if len(boxes):
                missed.append((picture.id, boxes))
        return missed


def propose(name: str, detector: Detector, second: SecondLook, datasets: Sequence[Dataset]) -> Proposed:
    """Both passes over data sets of one kind, as one set."""
    found = [predict_witnesses(detector, second, dataset) for dataset in datasets]
    truth, first = pool([(dataset, f[0]) for dataset, f in zip(datasets, found, strict=True)])
    # Pooled pictures are numbered anew, and rows stay in order: the reader's faces tell the pictures of all proposals.
    ids = pool([(dataset, _of_reader(*f[1:])) for dataset, f in zip(datasets, found, strict=True)])[1].image_ids
    return Proposed(name, truth, first, ids, Heard.together([f[2] for f in found]), detector.card.nms_iou)


def _of_reader(image_ids: NDArray[np.int64], heard: Heard) -> Predictions:
    """The proposals as the reader alone has them."""
    labels = np.zeros(len(heard), dtype=np.int64)
    return Predictions(image_ids, heard.boxes[:, 0], heard.scores[:, 0], labels, (WHOLE_FACE,))


def fit_fusion(sets: Sequence[Proposed]) -> Fusion | None:
    """Where a face is, then the logistic regression of being right on what speaks for it; None without examples."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    start = Fusion(reader=1.0, first_pass=0.0, parts=0.0, bias=0.0, place=_fit_place(sets))
    rows, right = [], []
    for proposed in sets:
        faces, spoken = proposed.faces(start)
        curve = proposed.judged(faces)
        rows.append(spoken[curve.row])
        right.append(curve.right)
    x, y = _in_order(np.concatenate(rows), np.concatenate(right))
    if min(int(y.sum()), int((~y).sum())) < _LEAST_EXAMPLES:
        return None
    said, terms = np.split(x, [SAID], axis=1)
    x = np.concatenate((x, np.column_stack((said, mirrored_terms(terms)))))
    scale = StandardScaler().fit(x)
    fit = LogisticRegression(C=_C, max_iter=1000).fit(scale.transform(x), np.concatenate((y, y)))
    weights = fit.coef_[0] / scale.scale_
    reader, first_pass, parts, head, agreement, *others = (round(float(v), 4) for v in weights)
    bias = round(float(fit.intercept_[0] - weights @ scale.mean_), 4)
    return Fusion(reader=reader, first_pass=first_pass, parts=parts, head=head, agreement=agreement, terms=others,
                  bias=bias, place=start.place)  # fmt: skip


def threshold_for(precision: float, sets: Sequence[Proposed], fusion: Fusion | None) -> float | None:
    """The lowest score at which the faces recovered in the certain ones of some sets, or in all, are that precise."""
    chosen = [p.curve(fusion) for p, fits in zip(sets, fit_for_thresholds(sets), strict=True) if fits]
    return joined_curves(chosen).threshold_for(precision)


def fit_for_thresholds(sets: Sequence[Proposed]) -> list[bool]:
    """Which of some sets a threshold is fitted on: the certain ones, or all where no face is labelled in these."""
    certain = [proposed.certain for proposed in sets]
    faces = any(sure and proposed.has_faces for proposed, sure in zip(sets, certain, strict=True))
    return certain if faces else [True] * len(sets)


def cross_fitted_threshold(precision: float, sets: Sequence[Proposed]) -> float | None:
    """The same, every face scored by a fit on other photographs: of its own a fit thinks too well."""
    folds = [fold_of_pictures(proposed.truth, _FOLDS) for proposed in sets]
    scored = fit_for_thresholds(sets)
    curves = []
    for fold in range(_FOLDS):
        fusion = fit_fusion([p.only(mine != fold) for p, mine in zip(sets, folds, strict=True)])
        if fusion is None:
            return None
        parts = (p.only(mine == fold) for p, mine, fits in zip(sets, folds, scored, strict=True) if fits)
        curves += [part.curve(fusion) for part in parts]
    return joined_curves(curves).threshold_for(precision) if curves else None


def _fit_place(sets: Sequence[Proposed]) -> Place | None:
    """The network from what witnesses say of missed faces to where these are; None with too few examples."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor
    from sklearn.preprocessing import StandardScaler

    terms, moves = [np.zeros((0, PLACE_TERMS))], [np.zeros((0, 4))]
    for proposed in sets:
        for picture, faces in proposed.missed():
            heard = proposed.heard[proposed.image_ids == picture]
            means = heard.means
            iou = box_iou(means[:, None], faces)
            near = np.flatnonzero(iou.max(axis=1, initial=0.0) > _SAME_FACE)
            face = faces[iou[near].argmax(axis=1)]
            terms.append(heard[near].terms)
            moves.append((face - means[near]) / box_size(means[near])[:, None])
    x, y = _in_order(np.concatenate(terms), np.concatenate(moves))
    if len(x) < _LEAST_FOR_PLACE:
        return None
    x, y = np.concatenate((x, mirrored_terms(x))), np.concatenate((y, mirrored_edges(y)))
    scale = StandardScaler().fit(x)
    fit = MLPRegressor(hidden_layer_sizes=(_UNITS,), solver="lbfgs", alpha=_ALPHA, max_iter=_STEPS, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is not meant to converge
        fit.fit(scale.transform(x), y)
    (first, second), (first_bias, second_bias) = fit.coefs_, fit.intercepts_
    hidden = first / scale.scale_[:, None]
    hidden[-1] += first_bias - scale.mean_ @ hidden  # the last term is 1
    return Place(hidden=_rounded(hidden), edges=_rounded(_SHRUNK * np.vstack((second, second_bias))))


def _in_order(x: NDArray[np.float64], y: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """The rows of both, sorted by the first, so that a fit does not hang on the order in which pictures came."""
    order = np.lexsort(x.T)
    return x[order], y[order]


def _rounded(rows: NDArray[np.float64]) -> Any:
    return np.round(rows, 4).tolist()


def mirrored_edges(moves: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(..., 4)`` shifts of ``xyxy`` edges in the mirrored picture."""
    result: NDArray[np.float64] = moves[..., [2, 1, 0, 3]] * np.array([-1.0, 1.0, -1.0, 1.0])
    return result


def mirrored_terms(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(N, PLACE_TERMS)`` of the mirrored pictures."""
    edges, scores, telling, constant = np.split(terms, np.cumsum((16, 4, 5 * len(TELLING))), axis=1)
    parts = telling.reshape(-1, len(TELLING), 5)[:, mirror_indices(TELLING)]
    turned = np.concatenate((parts[..., :1], mirrored_edges(parts[..., 1:])), axis=2).reshape(-1, 5 * len(TELLING))
    turned_edges = mirrored_edges(edges.reshape(-1, 4, 4)).reshape(-1, 16)
    return np.concatenate((turned_edges, scores, turned, constant), axis=1)
