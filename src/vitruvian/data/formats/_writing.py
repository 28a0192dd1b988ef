"""What the writers share: the result, what a format cannot hold, and placing pictures."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vitruvian.data.dataset import Annotation, DataError, Dataset

Placing = Literal["link", "none"]
"""Pictures are hard-linked where the file system allows and copied otherwise, or left where they are."""


_PIECE = 10_000


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What was written and what the format could not hold.

    Attributes:
        path: The file or folder.
        losses: One line each: what of the data set is not in it, or only in another form.
    """

    path: Path
    losses: tuple[str, ...]


def all_annotations(dataset: Dataset) -> Iterator[Annotation]:
    """All annotations of a data set."""
    for picture in dataset:
        yield from picture.annotations


def counted(losses: dict[str, int]) -> tuple[str, ...]:
    """Messages with ``{}`` filled by their counts, those of zero left out."""
    return tuple(message.format(f"{count:,}") for message, count in losses.items() if count)


def partial_labels(dataset: Dataset) -> dict[str, int]:
    """Loss messages of a format that takes every class for labelled everywhere and nothing for ignored regions."""
    everything = frozenset(dataset.labels)
    return {
        "{} pictures leave some classes unlabelled, which the format cannot say: it will take them for absent": sum(
            p.exhaustive != everything for p in dataset
        ),
        "{} pictures have regions in which classes are exhaustive or ignored; they are left out": sum(
            bool(p.exhaustive_regions or p.ignore_regions) for p in dataset
        ),
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object, its long lists piece by piece; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with open(partial, "w", encoding="utf-8") as file:
        before = "{"
        for key, value in content.items():
            file.write(f"{before}{json.dumps(key)}: ")
            before = ", "
            if not isinstance(value, list) or not value:
                file.write(json.dumps(value))
                continue
            for start in range(0, len(value), _PIECE):
                file.write(("," if start else "[") + json.dumps(value[start : start + _PIECE])[1:-1])
            file.write("]")
        file.write("}")
    os.replace(partial, path)


def place(source: Path, target: Path) -> None:
    """Put a picture in its place, as a hard link where that works; one that is there already stays.

    Raises:
        DataError: if the source is missing.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise DataError(f"{source}: no such picture") from None
    except OSError:
        shutil.copy2(source, target)
