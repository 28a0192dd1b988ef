"""From a recipe's sources to canonical data sets that speak the model's labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vitruvian.data.dataset import DataError, Dataset, Picture
from vitruvian.data.derive import derive_faces_from_noses, derive_facial_parts, derive_limbs
from vitruvian.data.merge import keep_labels, rename_labels
from vitruvian.metrics import Predictions
from vitruvian.metrics.judging import judge
from vitruvian.taxonomy import landmark_protocol
from vitruvian.training.recipe import ModelRecipe, Recipe, SourceRecipe, named_labels


def model_labels(recipe: ModelRecipe) -> tuple[str, ...]:
    """Class names of the model in output order."""
    return named_labels(recipe.labels)


def load_sources(sources: Mapping[str, SourceRecipe], recipe: Recipe) -> dict[str, Dataset]:
    """Read the sources of a recipe; see :func:`load_source`."""
    return {name: load_source(source, Path(recipe.data_dir)) for name, source in sources.items()}


def val_sources(recipe: Recipe) -> dict[str, Dataset]:
    """The validation sources, with what the model knows of them: another model's labels are not its misses.

    A source that says nothing of any label of the model is left out.

    Raises:
        DataError: see :func:`load_source`; also when that leaves none of them.
    """
    labels = model_labels(recipe.model)
    known = {name: keep_labels(dataset, labels) for name, dataset in load_sources(recipe.data.val, recipe).items()}
    measured = {name: dataset for name, dataset in known.items() if dataset.labels}
    if known and not measured:
        raise DataError(f"data.val: no source has a label of the model ({', '.join(labels)})")
    return measured


def can_judge(sources: Mapping[str, Dataset]) -> bool:
    """Whether any box can be found or missed: in pictures that promise all of its label, and not one to ignore."""
    chosen = [dataset for dataset in sources.values() if dataset.pictures]
    return any((~judge(dataset, Predictions.empty(dataset.labels)).gt_ignore).any() for dataset in chosen)


def load_source(recipe: SourceRecipe, data_dir: Path) -> Dataset:
    """Read, choose pictures of, derive and rename one source.

    Several labels may be renamed to one; it is exhaustive where all that are renamed to it are.

    Raises:
        DataError: see :meth:`Dataset.load`; also for a renamed label that the file does not have, or a value of
            ``where`` that no picture has, or a label of ``with`` or ``without`` that the file does not know.
    """
    path = data_dir / recipe.json_file
    images = None if recipe.images is None else data_dir / recipe.images
    dataset = Dataset.load(path, images, exhaustive=recipe.exhaustive)
    for name, values in recipe.where.items():
        dataset = _chosen(dataset, name, values, path)
    for key, names in (("with", recipe.having), ("without", recipe.without)):
        for name in names:
            if name not in dataset.labels:
                raise DataError(f"{path}: {key}: no class {name!r}; there are {', '.join(dataset.labels)}")

    def suits(picture: Picture) -> bool:
        seen = {a.label for a in picture.annotations}
        return seen.issuperset(recipe.having) and seen.isdisjoint(recipe.without)

    dataset = dataset.map(lambda picture: picture if suits(picture) else None)
    if recipe.derive == "facial_parts":
        label = next((name for name in dataset.labels if name in dataset.keypoint_names), None)
        if label is None:
            raise DataError(f"{path}: no class has keypoints, so no facial parts can be derived")
        dataset = derive_facial_parts(dataset, label, landmark_protocol(len(dataset.keypoint_names[label])))
    elif recipe.derive == "limbs":
        dataset = derive_limbs(dataset)
    elif recipe.derive == "faces_from_noses":
        dataset = derive_faces_from_noses(dataset)
    try:
        return rename_labels(dataset, recipe.rename)
    except DataError as error:
        raise DataError(f"{path}: cannot rename: {error}") from error


def _chosen(dataset: Dataset, name: str, values: Sequence[str], path: Path) -> Dataset:
    """The pictures whose source (``name`` is ``source``) or attribute is one of ``values``."""

    def value(picture: Picture) -> str | None:
        found = picture.source if name == "source" else picture.attributes.get(name)
        return None if found is None else str(found)

    there = {found for picture in dataset.pictures if (found := value(picture)) is not None}
    for wanted in values:
        if wanted not in there:
            known = ", ".join(sorted(there)[:10]) or "nothing"
            raise DataError(f"{path}: where: no picture's {name} is {wanted!r}; there is {known}")
    return dataset.map(lambda picture: picture if value(picture) in values else None)
