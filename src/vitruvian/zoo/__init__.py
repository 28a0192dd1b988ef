"""Models: those that ship, with a card each, and the registry that finds, verifies and downloads others."""

from vitruvian.zoo.cards import Card, load_card, save_card
from vitruvian.zoo.errors import ModelError
from vitruvian.zoo.registry import DEFAULT_MODEL, ModelFile, find_model, find_second_look, list_models

__all__ = [
    "DEFAULT_MODEL",
    "Card",
    "ModelError",
    "ModelFile",
    "find_model",
    "find_second_look",
    "list_models",
    "load_card",
    "save_card",
]
