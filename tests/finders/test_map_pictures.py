"""Maps as a picture: where things lie, how strong they are, and what counts as nothing."""

from __future__ import annotations

import numpy as np
import pytest
from map_builders import STRIDES, ToldDetector, as_detector, output_of
from numpy.typing import NDArray

from vitruvian.finders.map_pictures import SCALES, MapMaker
from vitruvian.images import Letterbox
from vitruvian.zoo import ModelError

NAMES = ("nose", "mouth", "eyes")


def maker(method: str = "hirescam", kind: str = "stacked", labels: tuple[str, ...] = NAMES, side: int = 64) -> MapMaker:
    return MapMaker(as_detector(ToldDetector(NAMES, size=256)), method, kind, labels, side)


def levels(letterbox: Letterbox, fill: float = 0.0) -> list[NDArray[np.float32]]:
    return [
        np.full((1, len(NAMES), letterbox.out_height // s, letterbox.out_width // s), fill, dtype=np.float32)
        for s in STRIDES
    ]


@pytest.mark.parametrize(("width", "height"), [(300, 180), (180, 300), (250, 250)])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_bump_lies_where_it_lies_in_the_picture(width: int, height: int, level: int) -> None:
    letterbox = Letterbox.fit(width, height, 256)
    maps = levels(letterbox)
    stride = STRIDES[level]
    row, column = maps[level].shape[2] // 2, maps[level].shape[3] // 3
    maps[level][0, 1, row, column] = 6
    made = maker().join(output_of(maps), letterbox)
    scale = 64 / max(width, height)
    assert made.planes.shape == (round(height * scale), round(width * scale), 3)
    plane = made.planes[:, :, 1]
    y, x = (np.indices(plane.shape) + 0.5).reshape(2, -1) @ (plane / plane.sum()).ravel()
    place = letterbox.points_to_original([[(column + 0.5) * stride, (row + 0.5) * stride]])[0]
    np.testing.assert_allclose((x / plane.shape[1] * width, y / plane.shape[0] * height), place, atol=0.1 * stride)
    assert not made.planes[:, :, [0, 2]].any()


def test_the_strongest_level_counts_and_what_is_negative_does_not() -> None:
    letterbox = Letterbox.fit(64, 64, 256)
    weak, strong = levels(letterbox, 2.0), levels(letterbox, -5.0)
    strong[2][0, 0] = 4.0
    both = [weak[0], strong[1], strong[2]]
    planes = maker().join(output_of(both), letterbox).planes
    np.testing.assert_allclose(planes[:, :, 0], 4.0 / SCALES["hirescam"], rtol=1e-6)
    np.testing.assert_allclose(planes[:, :, 1], 2.0 / SCALES["hirescam"], rtol=1e-6)
    nothing = maker().join(output_of(levels(letterbox, -5.0)), letterbox)
    assert not nothing.planes.any()
    assert nothing.empty


def test_the_averaged_map_is_the_mean_of_the_stacked_ones_on_a_scale_of_its_own() -> None:
    letterbox = Letterbox.fit(200, 120, 256)
    rng = np.random.default_rng(0)
    maps = [rng.uniform(-2, 3, level.shape).astype(np.float32) for level in levels(letterbox)]
    stacked = maker().join(output_of(maps), letterbox)
    averaged = maker(kind="averaged").join(output_of(maps), letterbox)
    assert averaged.planes.shape[2] == 1
    np.testing.assert_allclose(averaged.planes[:, :, 0], 2 * stacked.planes.mean(axis=2), rtol=1e-5)
    assert averaged.peak == stacked.peak


def test_channels_follow_the_labels_asked_for() -> None:
    letterbox = Letterbox.fit(200, 120, 256)
    rng = np.random.default_rng(1)
    output = output_of([rng.uniform(0, 8, level.shape).astype(np.float32) for level in levels(letterbox)])
    whole = maker().join(output, letterbox).planes
    turned = maker(labels=("eyes", "nose")).join(output, letterbox).planes
    np.testing.assert_array_equal(turned, whole[:, :, [2, 0]])


def test_gradcam_pp_is_measured_by_the_number_of_locations_and_cut_off() -> None:
    letterbox = Letterbox.fit(128, 128, 256)
    maps = levels(letterbox)
    for level in maps:
        level[0, 0] = level.shape[2] * level.shape[3]  # the same on every level, whatever its resolution
        level[0, 1] = 1e6
    planes = maker("gradcam++").join(output_of(maps), letterbox).planes
    np.testing.assert_allclose(planes[:, :, 0], 1 / SCALES["gradcam++"], rtol=1e-6)
    np.testing.assert_array_equal(planes[:, :, 1], 1)


def test_a_map_is_empty_when_no_class_says_anything() -> None:
    letterbox = Letterbox.fit(128, 128, 256)
    assert maker().join(output_of(levels(letterbox, 0.9)), letterbox).empty
    faint = levels(letterbox, 0.0)
    faint[1][0, 2] = 1.1  # a single class, above an eighth of the scale
    assert not maker(kind="averaged").join(output_of(faint), letterbox).empty


def test_what_cannot_be_made_is_refused() -> None:
    told = ToldDetector(NAMES)
    for arguments, reason in (
        (("hirescam", "stacked", ("ear",)), "has no label 'ear'"),
        (("hirescam", "stacked", ()), "no label is asked for"),
        (("saliency", "stacked", NAMES), "unknown method 'saliency'"),
        (("hirescam", "summed", NAMES), "unknown kind 'summed'"),
        (("hirescam", "stacked", ("nose", "mouth", "nose")), "asked for twice"),
        (("hirescam", "stacked", NAMES, 7), "no such map: side 7: Input should be greater than or equal to 8"),
    ):
        with pytest.raises(ModelError, match=reason):
            MapMaker(as_detector(told), *arguments)
    small = ToldDetector(NAMES)
    small.size = 31
    with pytest.raises(ModelError, match="no such map: size 31"):
        MapMaker(as_detector(small), "hirescam", "stacked", NAMES, 8)
    reader = ToldDetector(NAMES)
    reader.card.reads = maker().reads
    with pytest.raises(ModelError, match="'told' reads activation maps, not pictures"):
        MapMaker(as_detector(reader), "hirescam", "stacked", NAMES)
    told.map_strides = ()  # type: ignore[assignment]
    with pytest.raises(ModelError, match="gives no activation maps"):
        MapMaker(as_detector(told), "hirescam", "stacked", NAMES)


def test_the_record_says_how_it_was_made() -> None:
    reads = maker("gradcam++", "averaged", ("nose", "mouth"), 0).reads
    assert reads.picture is not None
    assert (reads.method, reads.labels, reads.channels) == ("gradcam++", ["nose", "mouth"], 1)
    assert (reads.picture.size, reads.picture.side) == (256, 64)
    assert maker("hirescam", "stacked").reads.channels == 3
