"""What a hyperparameter search may change: keys of a recipe and their ranges, declared in a YAML file.

    space:
      schedule.learning_rate: {type: log, low: 0.0001, high: 0.01}
      schedule.batch: {type: int, low: 4, high: 16}
      schedule.optimizer: {type: choice, values: [adamw, sgd]}
      augment.zoom.0: {type: float, low: 0.3, high: 1.0}
    start:                      # optional: the values of the first trial, one for each key
      schedule.learning_rate: 0.001
      ...

Keys are those of ``--set``; a number at the end is a place in a list. Two such files ship, see :data:`PRESETS`.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vitruvian.training.recipe import Recipe, RecipeError, read_mapping

Value = bool | int | float | str
"""A searched value."""

PRESETS = ("default", "thesis")
"""Spaces that ship: ranges around the shipped recipes, and the occluded-face thesis's (its table 3, section 4.3)."""

_COLOUR = frozenset(f"augment.{name}" for name in ("brightness", "contrast", "saturation", "hue", "grey"))
_OWN = {
    "schedule.pictures": "--pictures sets it",
    "schedule.validate_every": "--measurements sets it",
    "name": "it only names the run",
    "seed": "all trials share the recipe's, so that they differ by what is searched alone",
}


class SpaceError(RecipeError):
    """A search space that cannot be used; one line that names the file, the key and the reason."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FloatRange(_Part):
    """Numbers from ``low`` to ``high``, drawn evenly, or evenly in their logarithm where ``type`` is ``log``."""

    type: Literal["float", "log"]
    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)

    @model_validator(mode="after")
    def _ordered(self) -> FloatRange:
        if self.low > self.high:
            raise ValueError("low is above high")
        if self.type == "log" and self.low <= 0:
            raise ValueError("the low end of a log range must be above 0")
        return self

    def distribution(self) -> FloatDistribution:
        return FloatDistribution(self.low, self.high, log=self.type == "log")

    def probes(self) -> tuple[Value, ...]:
        return (self.low, self.high, self.low + 0.381966 * (self.high - self.low))


class IntRange(_Part):
    """Whole numbers from ``low`` to ``high``, both included."""

    type: Literal["int"]
    low: int
    high: int

    @model_validator(mode="after")
    def _ordered(self) -> IntRange:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self

    def distribution(self) -> IntDistribution:
        return IntDistribution(self.low, self.high)

    def probes(self) -> tuple[Value, ...]:
        return (self.low, self.high)


class Choice(_Part):
    """One of several values; with a single one it is fixed."""

    type: Literal["choice"]
    values: list[Value] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _distinct(self) -> Choice:
        if len(set(self.values)) < len(self.values):
            raise ValueError("values occur twice")
        return self

    def distribution(self) -> CategoricalDistribution:
        return CategoricalDistribution(self.values)

    def probes(self) -> tuple[Value, ...]:
        return tuple(self.values)


Range = Annotated[FloatRange | IntRange | Choice, Field(discriminator="type")]
_BY_TYPE: dict[str, type[_Part]] = {"float": FloatRange, "log": FloatRange, "int": IntRange, "choice": Choice}


class SearchSpace(_Part):
    """Ranges by recipe key, and where the search starts.

    Attributes:
        space: What is searched.
        start: Values of the first trial: none, or one for each key of ``space``.
    """

    space: dict[str, Range] = Field(min_length=1, max_length=100)
    start: dict[str, Value] | None = None

    @model_validator(mode="after")
    def _start_fits(self) -> SearchSpace:
        if self.start is None:
            return self
        for key in self.space:
            if key not in self.start:
                raise ValueError(f"start has no value for {key}")
        for key, value in self.start.items():
            if key not in self.space:
                raise ValueError(f"start has {key}, which is not in space")
            if isinstance(value, str) and not isinstance(self.space[key], Choice):
                raise ValueError(f"start: {key} {value!r} is no number (in YAML, 1e-3 is written 1.0e-3)")
            if not self.contains(key, value):
                raise ValueError(f"start: {key} {value} is outside its range")
        return self

    def distributions(self) -> dict[str, Any]:
        """Optuna's distribution of each key, in the order of the file."""
        return {key: found.distribution() for key, found in self.space.items()}

    def contains(self, key: str, value: Value | None) -> bool:
        """Whether a value lies in the range of a key."""
        found = self.space[key]
        if isinstance(found, Choice):
            return any(type(value) is type(v) and value == v for v in found.values)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if isinstance(found, IntRange) and value != int(value):
            return False
        return found.low <= value <= found.high


def load_space(source: str | os.PathLike[str], recipe: Recipe) -> SearchSpace:
    """Read a search space for a recipe.

    Args:
        source: A file, or one of :data:`PRESETS`. Of a preset, the keys of colour are left out where the network does
            not read three channels.
        recipe: Every end of a range, put into it, must give a valid recipe.

    Raises:
        SpaceError: for an unknown key (the nearest valid one is named), a range or value that does not fit, or a key
            that the search itself sets.
        RecipeError: for a file that cannot be read or is no mapping.
    """
    preset = source in PRESETS
    with resources.as_file(resources.files("vitruvian.training") / "spaces") as shipped:
        path = shipped / f"{source}.yaml" if preset else Path(source)
        raw = read_mapping(path, "a search space")
    try:
        space = SearchSpace.model_validate(raw)
    except ValidationError as error:
        raise SpaceError(f"{source}: {_explain(error)}") from error
    if preset and recipe.model.in_channels != 3:
        start = None if space.start is None else {k: v for k, v in space.start.items() if k not in _COLOUR}
        space = SearchSpace(space={k: v for k, v in space.space.items() if k not in _COLOUR}, start=start)
    _check(space, recipe, str(source))
    return space


def with_values(recipe: Recipe, values: Mapping[str, Value]) -> Recipe:
    """The recipe with other values at some keys.

    Raises:
        SpaceError: for an unknown key or a value that does not fit.
    """
    raw = recipe.model_dump(mode="json", by_alias=True)
    leaves = _leaves(raw)
    for key, value in values.items():
        if key not in leaves:
            raise SpaceError(f"the recipe has no key {key!r}{_nearest(key, leaves)}")
        place, last = leaves[key]
        place[last] = value
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        raise SpaceError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error


def values_of(recipe: Recipe, space: SearchSpace) -> dict[str, Value] | None:
    """The recipe's own values of the searched keys; None where one is outside its range."""
    return None if keys_outside(recipe, space) else _own_values(recipe, space)


def keys_outside(recipe: Recipe, space: SearchSpace) -> list[str]:
    """Searched keys at which the recipe's own value lies outside the range."""
    return [key for key, value in _own_values(recipe, space).items() if not space.contains(key, value)]


def _own_values(recipe: Recipe, space: SearchSpace) -> dict[str, Value]:
    leaves = _leaves(recipe.model_dump(mode="json", by_alias=True))
    return {key: leaves[key][0][leaves[key][1]] for key in space.space}


def _check(space: SearchSpace, recipe: Recipe, source: str) -> None:
    for key, found in space.space.items():
        if key in _OWN:
            raise SpaceError(f"{source}: {key} cannot be searched: {_OWN[key]}")
        for value in found.probes():
            try:
                with_values(recipe, {key: value})
            except SpaceError as error:
                raise SpaceError(f"{source}: {key} = {value}: {error}") from None


def _leaves(raw: Any) -> dict[str, tuple[Any, str | int]]:
    """Where each single value lies, by its dotted key: what holds it, and its name or place there."""
    found: dict[str, tuple[Any, str | int]] = {}

    def walk(node: Any, prefix: str) -> None:
        for name, value in node.items() if isinstance(node, dict) else enumerate(node):
            if isinstance(value, dict | list):
                walk(value, f"{prefix}{name}.")
            else:
                found[f"{prefix}{name}"] = (node, name)

    walk(raw, "")
    return found


def _nearest(key: str, valid: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(key, list(valid), n=1, cutoff=0.0)
    return f"; did you mean {near[0]!r}?" if near else ""


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    location = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        fields = SearchSpace.model_fields if len(location) == 1 else _BY_TYPE[location[2]].model_fields
        return f"unknown key {location[-1]!r}{_nearest(location[-1], fields)}"
    if first["type"] == "union_tag_invalid":
        tag = str(first["ctx"]["tag"])
        return f"{'.'.join(location)}: unknown type {tag!r}{_nearest(tag, _BY_TYPE)}"
    if first["type"] == "union_tag_not_found":
        return f"{'.'.join(location)}: needs a type: {', '.join(_BY_TYPE)}"
    return f"{'.'.join(location)}: {first['msg']}".removeprefix(": ")
