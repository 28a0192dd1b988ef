"""Maps drawn over their picture."""

from __future__ import annotations

import numpy as np
import pytest

from vitruvian.explain import MapTile, draw_maps

CAPTION = 26
"""Height of the line above a tile."""


@pytest.mark.parametrize(("width", "height"), [(90, 400), (2, 900), (1, 1), (700, 3)])
def test_captions_of_narrow_pictures_are_readable(width: int, height: int) -> None:
    picture, heat = np.zeros((height, width, 3), np.uint8), np.zeros((5, 5), np.float32)
    lines = [
        draw_maps(picture, [MapTile(caption, note, heat)], "a.jpg")[8 : 8 + CAPTION]
        for caption, note in (("right eye face", "0.86"), ("right eye face", ""), ("right eye fact", ""))
    ]
    assert len({line.tobytes() for line in lines}) == 3  # neither the note nor the last letter is left out
