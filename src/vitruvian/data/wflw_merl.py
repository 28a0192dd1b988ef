"""The WFLW-MERL set of the occluded-face thesis (sections 3.3 and 4.1): WFLW and MERL-RAV with ten facial parts.

Of MERL-RAV the frontal and half-profile poses stay. Copies of a picture, one a face, become one picture with all its
faces. Val and test keep only pictures in which every face is labelled, because a right detection of an unlabelled face
would count as wrong; in training they stay, and the canonical set says what is not known about them. The thesis says
which pictures were reviewed only by their numbers: val and test are read here as two parts of the published test sets,
which its counts fit, drawn by hash in the thesis's proportion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from vitruvian.data.dataset import DataError, Dataset, Picture
from vitruvian.data.derive.facial import derive_facial_parts
from vitruvian.data.merge import by_attribute, by_path, merge
from vitruvian.data.split import split_dataset
from vitruvian.taxonomy.landmarks import IBUG68, WFLW98

POSES = frozenset(("frontal", "lefthalf", "righthalf"))
"""Head poses of MERL-RAV that the thesis keeps; full profiles go."""

THESIS_SIZES: Mapping[str, Mapping[str, int]] = {
    "wflw": {"train": 6_000, "val": 125, "test": 794},
    "merl_rav": {"train": 8_601, "val": 1_656, "test": 804},
}
"""Pictures by source and split: table 2 of the thesis."""


@dataclass(frozen=True, slots=True)
class SizeCheck:
    """Pictures of a source in a split: as the thesis has them, and as found here."""

    source: str
    split: str
    thesis: int
    found: int

    @property
    def agrees(self) -> bool:
        """True when the numbers are equal."""
        return self.thesis == self.found


@dataclass(frozen=True, slots=True)
class WflwMerl:
    """The made set.

    Attributes:
        splits: ``train``, ``val`` and ``test`` with the ten facial parts.
        checks: Sizes against the thesis.
        dropped: Pictures left out of val and test because a face in them may be unlabelled.
        other_poses: Pictures of MERL-RAV left out for their pose.
    """

    splits: Mapping[str, Dataset]
    checks: tuple[SizeCheck, ...]
    dropped: int
    other_poses: int


def every_face_labelled(picture: Picture) -> bool:
    """True when the picture declares faces exhaustive, as it does after ``vitruvian data complete``."""
    return "face" in picture.exhaustive


def wflw_merl(
    wflw: Dataset, merl_rav: Dataset, complete: Callable[[Picture], bool] = every_face_labelled, seed: int = 0
) -> WflwMerl:
    """Make the set from both published ones, as their readers give them.

    Args:
        wflw: Faces with 98 landmarks; pictures have the attribute ``split`` (``train`` or ``test``).
        merl_rav: Faces with 68 landmarks; pictures have ``split`` and ``pose``, copies ``copy_of``.
        complete: Whether every face in a picture of the test sets is labelled.
        seed: Of the draw of val and test.

    Raises:
        DataError: for a picture without a split, or of MERL-RAV without a pose.
    """
    for picture in merl_rav:
        if "pose" not in picture.attributes:
            raise DataError(f"{picture.file_name}: has no attribute 'pose', so it is not from MERL-RAV")
    posed = merl_rav.map(lambda p: p if p.attributes["pose"] in POSES else None)
    merged = {
        "wflw": merge([wflw], same=by_path).dataset,
        "merl_rav": merge([posed], same=by_attribute("copy_of")).dataset,
    }
    protocols = {"wflw": WFLW98, "merl_rav": IBUG68}
    parts: dict[str, list[Dataset]] = {"train": [], "val": [], "test": []}
    checks: list[SizeCheck] = []
    dropped = 0
    for source, dataset in merged.items():
        sizes = THESIS_SIZES[source]
        reviewed = _published(dataset, "test")
        tested = reviewed.map(lambda p: p if complete(p) else None)
        dropped += len(reviewed) - len(tested)
        held_out = split_dataset(tested, {"val": sizes["val"], "test": sizes["test"]}, seed=seed).parts
        found = {"train": _published(dataset, "train"), **held_out}
        for split, pictures in found.items():
            checks.append(SizeCheck(source, split, sizes[split], len(pictures)))
            facial = derive_facial_parts(_named(pictures, source), "face", protocols[source])
            parts[split].append(_all_faces(facial, split))
    splits = {split: merge(datasets).dataset for split, datasets in parts.items()}
    return WflwMerl(splits, tuple(checks), dropped, len(merl_rav) - len(posed))


def _named(dataset: Dataset, source: str) -> Dataset:
    return dataset.map(lambda p: replace(p, source=source))


def _published(dataset: Dataset, split: str) -> Dataset:
    for picture in dataset:
        if picture.attributes.get("split") not in ("train", "test"):
            raise DataError(f"{picture.file_name}: has no attribute 'split' that says train or test")
    return dataset.map(lambda p: p if p.attributes["split"] == split else None)


def _all_faces(dataset: Dataset, split: str) -> Dataset:
    """In val and test every face is labelled, so what a face's region promises holds for the whole picture."""
    if split == "train":
        return dataset

    def change(picture: Picture) -> Picture:
        regions = picture.exhaustive_regions
        promised = frozenset.intersection(*(r.labels for r in regions)) if regions else frozenset(dataset.labels)
        return replace(picture, exhaustive=promised, exhaustive_regions=())

    return dataset.map(change)
