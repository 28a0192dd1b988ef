"""Model cards: what a model file is, what it was taught, how good it is, and how to use it. JSON beside the file."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vitruvian.zoo.errors import ModelError

CARD_SCHEMA: Literal["vitruvian.card/1"] = "vitruvian.card/1"

_NUMBERS = re.compile(r"\[\n\s*([-+.\de,\s]+?)\n\s*\]")
"""A list of numbers over several lines; a JSON string has no line breaks, so none is touched."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Architecture(_Section):
    """What is needed to build the torch module again; see ``vitruvian.training.recipe.ModelRecipe``."""

    backbone: str
    in_channels: int
    width: int
    depth: int
    mean: list[float]
    std: list[float]


class Preprocessing(_Section):
    """How a picture becomes the network's input.

    Attributes:
        size: Long side in pixels.
        stride: Both sides are padded to a multiple of this.
        pad_value: Grey level of the border.
        channels: Meaning of the input's channels; values are 0..1, normalisation is part of the graph.
    """

    size: int = Field(ge=32)
    stride: int = 32
    pad_value: float = 114
    channels: str = "RGB"


class MapPicture(_Section):
    """How the maps of all levels become one picture; see ``vitruvian.finders.map_pictures``.

    Attributes:
        kind: ``averaged`` over the classes (one channel) or ``stacked`` (one channel a class).
        size: Long side of the first model's input in pixels.
        side: Long side of the map picture in pixels.
        scale: The value that becomes 1.
    """

    kind: Literal["averaged", "stacked"]
    size: int = Field(ge=32)
    side: int = Field(ge=8)
    scale: float = Field(gt=0)


class MapsInput(_Section):
    """The activation maps that a second look reads in place of a picture.

    Attributes:
        model: Name of the first model.
        sha256: Of its file: maps of other weights mean something else.
        method: How the maps are made.
        labels: Classes of the first model, one channel each, in this order.
        picture: How they become one picture; None where every level is read as it is.
    """

    model: str
    sha256: str
    method: Literal["hirescam", "gradcam++"]
    labels: list[str]
    picture: MapPicture | None = None

    @property
    def channels(self) -> int:
        """Channels of the picture, or of every level."""
        return 1 if self.picture is not None and self.picture.kind == "averaged" else len(self.labels)


class Place(_Section):
    """A network of one hidden layer (ReLU) that says where a face is from what its witnesses say.

    Attributes:
        hidden: ``(terms, units)`` weights of the terms of ``vitruvian.finders.witnesses.Heard.terms``.
        edges: ``(units + 1, 4)`` what each unit, and a constant after them, adds to the edges of the mean of what the
            witnesses say: ``xyxy`` in units of its size (the root of its area).
    """

    hidden: list[list[float]]
    edges: list[tuple[float, float, float, float]]

    @model_validator(mode="after")
    def _layers_fit_together(self) -> Place:
        units = len(self.edges) - 1
        if any(len(row) != units for row in self.hidden):
            raise ValueError(f"{units} units by the rows of edges, but not in every row of hidden")
        return self


class Fusion(_Section):
    """How a second look joins its witnesses: a logistic regression on what each says of a face, and where it is.

    Attributes:
        reader: Weight of the logit of the map reader's score.
        first_pass: Weight of the logit of the first pass's best score for nearly the same box, 0.01 at least.
        parts: Weight of the score with which facial parts agree on the box (``vitruvian.finders.face_geometry``).
        head: Weight of the agreement of a head that is found around it (``vitruvian.finders.witnesses``).
        agreement: Weight of the IoU of the face's box with the mean of what the witnesses say.
        terms: Weights of ``vitruvian.finders.witnesses.Heard.terms`` without the constant: how edges differ, and which
            telling parts are seen where. Without any, they do not count.
        bias: Added to their sum.
        place: Where the face is. Without it the mean of what the witnesses say is the face's box.
    """

    reader: float
    first_pass: float
    parts: float
    head: float = 0.0
    agreement: float = 0.0
    terms: list[float] = []
    bias: float
    place: Place | None = None


class TrainingSet(_Section):
    """One set that taught the model.

    Attributes:
        name: As in the recipe.
        source: Where it comes from.
        terms: Licence or terms of use.
        pictures: Number of training pictures.
        teaches: Labels that it has.
    """

    name: str
    source: str
    terms: str
    pictures: int
    teaches: list[str]


class ClassMetrics(_Section):
    """One class under the card's protocol; None where not applicable."""

    pictures: int
    instances: int
    ap: float | None
    ap50: float | None
    ar: float | None
    precision: float | None = None
    recall: float | None = None


class SourceMetrics(_Section):
    """One source of the validation pictures."""

    pictures: int
    ap: float | None
    ap50: float | None
    ar: float | None
    ap50_by_class: dict[str, float | None]


class Measured(_Section):
    """What was measured, where and how.

    Attributes:
        protocol: Name of the protocol and the evaluator with its version.
        data: The pictures it was measured on.
        headline: Named numbers.
        classes: By label, precision and recall at the card's thresholds.
        sources: By source.
    """

    protocol: str
    data: str
    headline: dict[str, float | None]
    classes: dict[str, ClassMetrics]
    sources: dict[str, SourceMetrics]


class Card(_Section):
    """A model card.

    Attributes:
        name: Name to ask for the model by.
        summary: One sentence.
        task: What it does.
        file: Model file beside the card.
        sha256: Of the model file.
        labels: Class names in output order.
        architecture: Of the torch module.
        preprocessing: Of a picture.
        reads: What it looks at where that is no picture.
        fusion: Of a second look, how its score comes about; None where it is the reader's own.
        nms_iou: Overlap from which two boxes of a class are duplicates.
        thresholds: Confidence that a box of a label must reach to be reported.
        thresholds_from: How they were fitted.
        data: What taught it.
        commercial_use: Whether the terms of the data cover it.
        measured: What it reaches.
        weaknesses: What holds it back, by label or topic.
        training: What ran: recipe name, pictures, versions, seed.
    """

    schema_: Literal["vitruvian.card/1"] = Field(alias="schema")
    name: str
    summary: str
    task: Literal["detection", "second look"] = "detection"
    file: str
    sha256: str
    labels: list[str]
    architecture: Architecture
    preprocessing: Preprocessing
    reads: MapsInput | None = None
    fusion: Fusion | None = None
    nms_iou: float
    thresholds: dict[str, float]
    thresholds_from: str
    data: list[TrainingSet] = []
    commercial_use: str
    measured: Measured | None = None
    weaknesses: dict[str, str] = {}
    training: dict[str, str | int | float | None] = {}

    def with_thresholds(self, thresholds: Mapping[str, float], thresholds_from: str | None = None) -> Card:
        """The card with other thresholds; labels not named keep theirs.

        Raises:
            ModelError: for a label that the model does not have, or a threshold outside 0..1.
        """
        for label, value in thresholds.items():
            if label not in self.labels:
                raise ModelError(f"model {self.name!r} has no label {label!r}")
            if not 0 <= value <= 1:
                raise ModelError(f"threshold of {label!r} is {value}, not within 0..1")
        merged = {**self.thresholds, **{label: round(float(v), 4) for label, v in thresholds.items()}}
        update: dict[str, object] = {"thresholds": merged}
        if thresholds_from is not None:
            update["thresholds_from"] = thresholds_from
        return self.model_copy(update=update)


def load_card(path: str | os.PathLike[str]) -> Card:
    """Read a card.

    Raises:
        ModelError: when it is missing or not a card.
    """
    path = Path(path)
    try:
        return Card.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path}: cannot read the model's card: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ModelError(f"{path}: not a model card: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def save_card(card: Card, path: str | os.PathLike[str]) -> None:
    """Write a card; the file appears whole or not at all."""
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    text = card.model_dump_json(indent=2, by_alias=True)
    text = _NUMBERS.sub(lambda found: "[" + " ".join(found[1].split()) + "]", text)  # a row of numbers is one line
    partial.write_text(text + "\n", encoding="utf-8")
    os.replace(partial, path)


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
