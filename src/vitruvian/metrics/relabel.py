"""One vocabulary for another: measure a model's labels against a truth that calls them differently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from vitruvian.data.dataset import Dataset, ExhaustiveRegion, Picture
from vitruvian.metrics.errors import MetricError


def rename_labels(truth: Dataset, names: Mapping[str, str]) -> Dataset:
    """The truth with other names for some of its labels; labels that get one name become one class.

    A merged class is exhaustively labelled in a picture where all of the classes that it is made of are.

    Raises:
        MetricError: for a label that the truth does not have.

    >>> from pathlib import Path
    >>> picture = Picture(1, "a.png", 9, 9, exhaustive=frozenset({"masked", "bare"}))
    >>> faces = rename_labels(Dataset(("masked", "bare"), (picture,), Path(".")), {"masked": "face", "bare": "face"})
    >>> faces.labels, sorted(faces.pictures[0].exhaustive)
    (('face',), ['face'])
    """
    if unknown := sorted(set(names) - set(truth.labels)):
        raise MetricError(
            f"labels that the truth does not have: {', '.join(unknown)}; it has {', '.join(truth.labels)}"
        )
    new = {name: names.get(name, name) for name in truth.labels}
    made_of: dict[str, set[str]] = {}
    for old, name in new.items():
        made_of.setdefault(name, set()).add(old)

    def complete(labels: frozenset[str]) -> frozenset[str]:
        return frozenset(name for name, parts in made_of.items() if parts <= labels)

    def change(picture: Picture) -> Picture:
        return replace(
            picture,
            annotations=tuple(replace(a, label=new[a.label]) for a in picture.annotations),
            exhaustive=complete(picture.exhaustive),
            exhaustive_regions=tuple(
                ExhaustiveRegion(region.box, complete(region.labels)) for region in picture.exhaustive_regions
            ),
        )

    keypoint_names = {new[label]: points for label, points in truth.keypoint_names.items()}
    return replace(truth.map(change, tuple(made_of)), keypoint_names=keypoint_names)
