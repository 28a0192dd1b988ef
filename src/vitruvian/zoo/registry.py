"""Finding models: those that ship with the package, files on disk, and files to download; each verified by its card."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from vitruvian.zoo.cards import Card, file_sha256, load_card
from vitruvian.zoo.errors import ModelError

DEFAULT_MODEL = "parts22"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A verified model.

    Attributes:
        path: The ONNX file.
        card: What it is.
    """

    path: Path
    card: Card


def shipped_dir() -> Path:
    """Folder of the models that come with the package."""
    return Path(str(files("vitruvian.zoo"))) / "models"


def list_models() -> tuple[Card, ...]:
    """Cards of the models that ship, by name."""
    return tuple(load_card(path) for path in sorted(shipped_dir().glob("*.json")))


def find_model(model: str | os.PathLike[str] = DEFAULT_MODEL) -> ModelFile:
    """Find a model and check that its file is the one that its card describes.

    Args:
        model: Name of a shipped model, path of an ONNX file whose card ``<same name>.json`` lies beside it, or an
            ``https://`` address of such a file, which is downloaded once.

    Raises:
        ModelError: when there is no such model, or its file is missing, altered or cannot be downloaded.
    """
    text = os.fspath(model)
    if text.startswith(("https://", "http://")):
        from vitruvian.zoo.download import download_model

        return _verified(download_model(text))
    shipped = shipped_dir() / f"{text}.json"
    if "/" not in text and os.sep not in text and shipped.is_file():
        return _verified(shipped)
    path = Path(text)
    if path.suffix != ".onnx" and (not path.exists() or not path.name):  # "" and "." are folders without a name
        known = ", ".join(card.name for card in list_models()) or "none"
        raise ModelError(f"no model {text!r}: shipped models are {known}; or give the path of an .onnx file")
    card = path.with_suffix(".json")
    if not path.exists() and not card.is_file():
        raise ModelError(f"{path}: no such model file")
    return _verified(card)


def find_second_look(first: Card) -> ModelFile | None:
    """The shipped model that reads the activation maps of a first one; None when there is none.

    Raises:
        ModelError: when its file is missing or altered.
    """
    for path in sorted(shipped_dir().glob("*.json")):
        card = load_card(path)
        if card.reads is not None and card.reads.picture is None and card.reads.sha256 == first.sha256:
            return _verified(path)
    return None


def _verified(card_path: Path) -> ModelFile:
    card = load_card(card_path)
    path = card_path.parent / card.file
    if path.parent != card_path.parent:
        raise ModelError(f"{card_path}: the model file must lie beside its card, not at {card.file!r}")
    if not path.is_file():
        raise ModelError(f"{path}: the model file that {card_path.name} describes is missing")
    if file_sha256(path) != card.sha256:
        raise ModelError(f"{path}: altered: its checksum is not the one in {card_path.name}")
    return ModelFile(path, card)
