"""From a recipe's sources to canonical data sets that speak the model's labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vitruvian.data.dataset import DataError, Dataset
from vitruvian.data.derive import derive_facial_parts, derive_limbs
from vitruvian.data.merge import rename_labels
from vitruvian.taxonomy import BODY_PARTS, FACIAL_PARTS, PARTS, landmark_protocol
from vitruvian.training.recipe import ModelRecipe, Recipe, SourceRecipe

_NAMED_LABELS = {"parts": PARTS.names, "body_parts": BODY_PARTS.names, "facial_parts": FACIAL_PARTS.names}


def model_labels(recipe: ModelRecipe) -> tuple[str, ...]:
    """Class names of the model in output order."""
    return _NAMED_LABELS[recipe.labels] if isinstance(recipe.labels, str) else tuple(recipe.labels)


def load_sources(sources: Mapping[str, SourceRecipe], recipe: Recipe) -> dict[str, Dataset]:
    """Read the sources of a recipe; see :func:`load_source`."""
    return {name: load_source(source, Path(recipe.data_dir)) for name, source in sources.items()}


def load_source(recipe: SourceRecipe, data_dir: Path) -> Dataset:
    """Read, derive and rename one source.

    Several labels may be renamed to one; it is exhaustive where all that are renamed to it are.

    Raises:
        DataError: see :meth:`Dataset.load`; also for a renamed label that the file does not have.
    """
    path = data_dir / recipe.json_file
    dataset = Dataset.load(path, exhaustive=recipe.exhaustive)
    if recipe.derive == "facial_parts":
        label = next((name for name in dataset.labels if name in dataset.keypoint_names), None)
        if label is None:
            raise DataError(f"{path}: no class has keypoints, so no facial parts can be derived")
        dataset = derive_facial_parts(dataset, label, landmark_protocol(len(dataset.keypoint_names[label])))
    elif recipe.derive == "limbs":
        dataset = derive_limbs(dataset)
    try:
        return rename_labels(dataset, recipe.rename)
    except DataError as error:
        raise DataError(f"{path}: cannot rename: {error}") from error
