"""Colours: one hue a region, apart for colour-blind eyes, and one shade a part."""

from __future__ import annotations

import colorsys
from itertools import combinations

import numpy as np
import pytest

from vitruvian.taxonomy import PARTS, REGION_COLOURS, part_colour


def test_every_part_has_its_own_colour_in_the_hue_of_its_region() -> None:
    colours = {part.name: part_colour(part.name) for part in PARTS.classes}
    assert len(set(colours.values())) == len(PARTS)
    hues = {region: colorsys.rgb_to_hls(*(c / 255 for c in colour))[0] for region, colour in REGION_COLOURS.items()}
    for part in PARTS.classes:
        assert all(0 <= channel <= 255 for channel in colours[part.name])
        hue = colorsys.rgb_to_hls(*(c / 255 for c in colours[part.name]))[0]
        assert min(hues, key=lambda region: abs(hues[region] - hue)) == part.region


# Viénot, Brettel & Mollon 1999, for linear RGB.
_BLIND = {
    "protan": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    "deutan": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
}


@pytest.mark.parametrize("kind", _BLIND)
def test_regions_stay_apart_for_colour_blind_eyes(kind: str) -> None:
    def seen(colour: tuple[int, int, int]) -> np.ndarray:
        srgb = np.array(colour) / 255
        linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
        linear = np.clip(np.array(_BLIND[kind]) @ linear, 0, 1)
        return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255

    for one, other in combinations(REGION_COLOURS.values(), 2):
        assert np.abs(seen(one) - seen(other)).max() > 25


def test_a_label_of_somebody_elses_model_is_grey() -> None:
    red, green, blue = part_colour("helmet")
    assert red == green == blue
