"""The tables of the comparison of face detectors; the first detector is the one that the others are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from face_measures import adjusted, fit, five_point_errors, in_pictures, other_faces

from vitruvian.data.dataset import Dataset
from vitruvian.metrics import EqualPrecisionResult, Predictions, Table, compare_at_precision, recall_of_heads
from vitruvian.metrics.box_convention import BoxAdjustment
from vitruvian.metrics.face_rates import FaceRates, face_rates
from vitruvian.metrics.face_recall import OCCLUSION
from vitruvian.reports.occluded_faces import Found, OccludedFaces, pooled
from vitruvian.taxonomy import WHOLE_FACE

PRECISION = 0.9

Row = tuple[str | int | float | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """What is measured on, and the training pictures that box conventions are fitted on."""

    pictures: OccludedFaces
    fit_faces: Dataset
    fit_masks: Dataset


@dataclass(frozen=True, slots=True, eq=False)
class Contestant:
    """A detector and what it found.

    Attributes:
        name, settings: For the reader.
        threshold: Its default.
        milliseconds: Median time for a picture.
        found: What it found, its boxes as they are and not cut off at the edges.
        to_faces, to_masks: From its boxes to the labels' of the two kinds of sets; None where too few were found.
    """

    name: str
    settings: str
    threshold: float
    milliseconds: float
    found: Found
    to_faces: BoxAdjustment | None
    to_masks: BoxAdjustment | None

    def judged(self, pictures: OccludedFaces, fair: bool) -> Found:
        """What is measured: with the boxes adjusted, or as they are."""
        faces, masks = (self.to_faces, self.to_masks) if fair else (None, None)
        return Found(
            {k: in_pictures(adjusted(self.found.covered[k], faces), d) for k, d in pictures.covered.items()},
            in_pictures(adjusted(self.found.masks, masks), pictures.masks),
            in_pictures(self.found.heads, pictures.heads),
        )


def conventions(
    faces: Predictions, masks: Predictions, sets: Sets, threshold: float
) -> tuple[BoxAdjustment | None, BoxAdjustment | None]:
    """``to_faces`` and ``to_masks`` of a detector that found this in the training pictures."""
    return fit(sets.fit_faces, faces, threshold), fit(sets.fit_masks, masks, threshold)


def tables(contestants: Sequence[Contestant], sets: Sets, resamples: int) -> list[Table]:
    """Every table."""
    pictures = _without_other_faces(contestants, sets.pictures)
    result = [_detectors(contestants)]
    for fair, title in ((True, "boxes adjusted to the labels' convention"), (False, "boxes as they are")):
        found = {c.name: c.judged(pictures, fair) for c in contestants}
        joined = {name: pooled(pictures, each) for name, each in found.items()}
        rates = {name: face_rates(truth, each, WHOLE_FACE, OCCLUSION) for name, (truth, each) in joined.items()}
        if fair:
            truth = next(iter(joined.values()))[0]
            detectors = {name: each for name, (_, each) in joined.items()}
            compared = compare_at_precision(truth, detectors, precision=PRECISION, resamples=resamples)
            without_first = dict(list(detectors.items())[1:])  # for the gains over vitruvian's second look
            further = compare_at_precision(truth, without_first, precision=PRECISION, resamples=resamples)
            own, gains, shared = _compared(compared)
            result += [own, gains, _gains(further), shared]
            result.append(_defaults(contestants, rates))
            result.append(_points(contestants, pictures, found))
        else:
            result.append(_recall(rates, title))
        result.append(_at_our_precision(contestants, rates, title))
        if fair and len({seed for _, seed in pictures.covered}) > 1:
            result.append(_seeds(pictures, found))
    result += [_masks(contestants, pictures), _infants(contestants, pictures)]
    return result


def _without_other_faces(contestants: Sequence[Contestant], pictures: OccludedFaces) -> OccludedFaces:
    """With one more kind of ignore region: unlabelled faces that several makers' detectors see in the bare crop."""
    bare = next(key for key in pictures.covered if key[0] == "none")
    found = {c.name: c.found.covered[bare] for c in contestants}
    extra = other_faces(pictures.covered[bare], found, {c.name: c.threshold for c in contestants})
    of_crop = {
        _crop(picture.file_name): tuple((float(x1), float(y1), float(x2), float(y2)) for x1, y1, x2, y2 in boxes)
        for picture, boxes in zip(pictures.covered[bare].pictures, extra, strict=True)
    }

    def judged(dataset: Dataset) -> Dataset:
        return dataset.map(
            lambda p: replace(p, ignore_regions=(*p.ignore_regions, *of_crop.get(_crop(p.file_name), ())))
        )

    return replace(pictures, covered={key: judged(dataset) for key, dataset in pictures.covered.items()})


def _crop(file_name: str) -> str:
    """The crop's own name, whatever level folder it lies in."""
    return file_name.split("/", 1)[-1]


def _detectors(contestants: Sequence[Contestant]) -> Table:
    rows = []
    for c in contestants:
        ratio = f"{c.milliseconds / contestants[0].milliseconds:.2f}"
        time = f"{c.milliseconds:.1f}"
        rows.append((c.name, c.settings, c.threshold, time, ratio, _shown(c.to_faces), _shown(c.to_masks)))
    columns = ("detector", "run as", "default threshold", "ms a picture", "times the first's")
    title = "Detectors; their boxes to the labels': shift of the centre in box sides, scale, faces fitted on"
    return Table(title, (*columns, "to brows-to-chin boxes", "to boxes of masked faces"), tuple(rows))


def _shown(box: BoxAdjustment | None) -> str:
    if box is None:
        return "too few found"
    return f"{box.shift_x:+.2f} {box.shift_y:+.2f}, {box.scale_x:.2f} {box.scale_y:.2f} ({box.pairs})"


def _gains(result: EqualPrecisionResult) -> Table:
    names = list(dict.fromkeys(row.detector for row in result.rows))
    degrees = tuple(dict.fromkeys(row.degree for row in result.rows))
    cell = {(row.detector, row.degree): str(row.own.gain) for row in result.rows}
    rows = tuple((name, *(cell[name, degree] for degree in degrees)) for name in names[1:])
    return Table(f"The same: gain over {names[0]} [95 % interval by photograph]", ("detector", *degrees), rows)


def _compared(result: EqualPrecisionResult) -> list[Table]:
    names = list(dict.fromkeys(row.detector for row in result.rows))
    degrees = tuple(dict.fromkeys(row.degree for row in result.rows))
    cell = {(row.detector, row.degree): row for row in result.rows}
    own: list[Row] = [(n, *(cell[n, d].own.second for d in degrees)) for n in names]
    shared: list[Row] = [(n, result.shared[n].threshold, *(cell[n, d].shared.second for d in degrees)) for n in names]
    adjusted_to = "boxes adjusted to the labels' convention"
    return [
        Table(f"Recall at precision {PRECISION}, {adjusted_to}", ("detector", *degrees), tuple(own)),
        _gains(result),
        Table(
            f"Recall with one threshold for all degrees, overall precision {PRECISION}, {adjusted_to}",
            ("detector", "threshold", *degrees),
            tuple(shared),
        ),
    ]


def _recall(rates: Mapping[str, FaceRates], title: str) -> Table:
    degrees = next(iter(rates.values())).groups
    rows: list[Row] = [
        (name, *(_recall_at(each, degree, PRECISION) for degree in degrees)) for name, each in rates.items()
    ]
    return Table(f"Recall at precision {PRECISION}, {title}", ("detector", *degrees), tuple(rows))


def _recall_at(rates: FaceRates, degree: str, precision: float) -> float:
    return rates.of(degree).recall_at_precision(precision)(np.ones(rates.originals))


def _at_our_precision(contestants: Sequence[Contestant], rates: Mapping[str, FaceRates], title: str) -> Table:
    first = contestants[0]
    degrees = rates[first.name].groups
    points = {d: rates[first.name].of(d).curve().at(first.threshold) for d in degrees}
    rows: list[Row] = [(f"{first.name}: precision", *(points[d].precision for d in degrees))]
    rows.append((f"{first.name}: recall", *(points[d].recall for d in degrees)))
    for c in contestants[1:]:
        rows.append((c.name, *(_recall_at(rates[c.name], d, points[d].precision) for d in degrees)))
    return Table(
        f"Recall at the precision of {first.name} at its threshold, {title}", ("detector", *degrees), tuple(rows)
    )


def _defaults(contestants: Sequence[Contestant], rates: Mapping[str, FaceRates]) -> Table:
    degrees = rates[contestants[0].name].groups
    rows = []
    for c in contestants:
        points = [rates[c.name].of(d).curve().at(c.threshold) for d in degrees]
        rows.append((c.name, *(f"{p.recall:.3f} / {p.precision:.3f}" for p in points)))
    title = "Recall / precision at each one's default threshold, boxes adjusted"
    return Table(title, ("detector", *degrees), tuple(rows))


def _points(contestants: Sequence[Contestant], pictures: OccludedFaces, found: Mapping[str, Found]) -> Table:
    degrees = tuple(dict.fromkeys(degree for degree, _ in pictures.covered))
    rows = []
    for c in contestants:
        if all(each.keypoints is None for each in c.found.covered.values()):
            continue
        cells = []
        for degree in degrees:
            errors = [
                error
                for key, truth in pictures.covered.items()
                if key[0] == degree
                for error in five_point_errors(truth, found[c.name].covered[key], c.threshold).values()
            ]
            cells.append(f"{100 * np.mean(errors):.1f} ({len(errors)})" if errors else "n/a")
        rows.append((c.name, *cells))
    title = "Five-point error, % of the outer eye corners' distance, on the faces that each finds by default (how many)"
    return Table(title, ("detector", *degrees), tuple(rows))


def _seeds(pictures: OccludedFaces, found: Mapping[str, Found]) -> Table:
    degrees = tuple(dict.fromkeys(degree for degree, _ in pictures.covered if degree != "none"))
    rows = []
    for name, each in found.items():
        cells = []
        for degree in degrees:
            values = [
                _recall_at(face_rates(truth, each.covered[key], WHOLE_FACE), "all", PRECISION)
                for key, truth in pictures.covered.items()
                if key[0] == degree
            ]
            cells.append(f"{min(values):.3f} to {max(values):.3f}")
        rows.append((name, *cells))
    return Table(
        f"Recall at precision {PRECISION} from seed to seed, boxes adjusted", ("detector", *degrees), tuple(rows)
    )


def _masks(contestants: Sequence[Contestant], pictures: OccludedFaces) -> Table:
    rows = []
    for c in contestants:
        cells: list[str | int | float | None] = [c.name]
        for fair in (True, False):
            rates = face_rates(pictures.masks, c.judged(pictures, fair).masks, WHOLE_FACE)
            cells += [rates.average_precision()(np.ones(rates.originals)), _recall_at(rates, "all", PRECISION)]
            if fair:
                point = rates.curve().at(c.threshold)
                cells.append(f"{point.recall:.3f} / {point.precision:.3f}")
        rows.append(tuple(cells))
    recall = f"recall at precision {PRECISION}"
    columns = ("detector", "AP50", recall, "recall / precision by default", "AP50, own boxes", f"{recall}, own boxes")
    return Table(
        "Masked faces, boxes adjusted; tiny faces are not labelled, so precision is a lower bound", columns, tuple(rows)
    )


def _infants(contestants: Sequence[Contestant], pictures: OccludedFaces) -> Table:
    rows = []
    for c in contestants:
        found = in_pictures(c.found.heads, pictures.heads)
        heads = recall_of_heads(pictures.heads, found, c.threshold, WHOLE_FACE, resamples=2).sources[-1]
        faces = int((found.scores >= c.threshold).sum())
        rows.append((c.name, heads.found, heads.heads, heads.recall.value, faces))
    return Table(
        "Heads of infants with a face by default", ("detector", "found", "heads", "share", "faces"), tuple(rows)
    )
