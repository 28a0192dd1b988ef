"""Letterbox and crop: exact inverses, and pixels that land where the geometry says."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from vitruvian.images import PAD_VALUE, Crop, Letterbox, read_picture, resize, sample_picture

sides = st.integers(1, 6000)


@st.composite
def boxes_in(draw: st.DrawFn, width: float, height: float) -> NDArray[np.float32]:
    x = sorted(draw(st.tuples(*[st.floats(-width, 2 * width)] * 2)))
    y = sorted(draw(st.tuples(*[st.floats(-height, 2 * height)] * 2)))
    return np.asarray([[x[0], y[0], x[1], y[1]]], np.float32)


@given(st.data(), sides, sides, st.integers(1, 1280), st.sampled_from([1, 8, 32, 64]))
def test_letterbox_there_and_back(data: st.DataObject, width: int, height: int, size: int, stride: int) -> None:
    letterbox = Letterbox.fit(width, height, size, stride)
    assert max(letterbox.inner_width, letterbox.inner_height) == size
    for out, inner, pad in (
        (letterbox.out_width, letterbox.inner_width, letterbox.pad_x),
        (letterbox.out_height, letterbox.inner_height, letterbox.pad_y),
    ):
        assert out % stride == 0
        assert 0 <= out - inner < stride
        assert abs((out - inner - pad) - pad) <= 1
    boxes = data.draw(boxes_in(width, height))
    there = letterbox.boxes_to_letterbox(boxes)
    assert there.dtype == np.float32
    # float32 on the canvas holds 2**-22 of its size; the way back magnifies that by the scale of the shorter side
    atol = 1e-6 * (size + stride) / min(letterbox.scales) + 1e-6 * max(width, height)
    np.testing.assert_allclose(letterbox.boxes_to_original(there), boxes, atol=atol)
    np.testing.assert_array_equal(letterbox.points_to_input(boxes.reshape(-1, 2)).reshape(-1, 4), there)


@given(sides, sides, st.integers(1, 1280))
def test_the_whole_picture_maps_onto_the_inner_rectangle(width: int, height: int, size: int) -> None:
    letterbox = Letterbox.fit(width, height, size)
    left, top, right, bottom = letterbox.boxes_to_letterbox([0, 0, width, height])
    assert (left, top) == (letterbox.pad_x, letterbox.pad_y)
    np.testing.assert_allclose([right - left, bottom - top], [letterbox.inner_width, letterbox.inner_height], rtol=1e-5)


def test_known_geometries() -> None:
    box = Letterbox.fit(640, 480, 416)
    assert (box.out_width, box.out_height, box.pad_x, box.pad_y, box.scale) == (416, 320, 0, 4, 0.65)
    np.testing.assert_allclose(box.boxes_to_letterbox([0, 0, 320, 240]), [0, 4, 208, 160])
    up = Letterbox.fit(10, 20, 416, 32)
    assert (up.out_width, up.out_height, up.scale) == (224, 416, 20.8)
    assert Letterbox.fit(1, 5000, 416).inner_width == 1
    empty = box.boxes_to_original(np.zeros((0, 4), np.float32))
    assert empty.shape == (0, 4)


def test_bad_arguments() -> None:
    for arguments in ((0, 5, 416, 32), (5, 0, 416, 32), (5, 5, 0, 32), (5, 5, 416, 0)):
        with pytest.raises(ValueError, match="at least 1"):
            Letterbox.fit(*arguments)
    box = Letterbox.fit(64, 48, 32)
    for picture in (np.zeros((48, 64), np.uint8), np.zeros((48, 0, 3), np.uint8)):
        with pytest.raises(ValueError, match="shape"):
            box.apply(picture)
    with pytest.raises(ValueError, match="no copy"):
        box.apply(np.zeros((64, 48, 3), np.uint8))
    with pytest.raises(ValueError, match="dtype float64"):
        box.apply(np.zeros((48, 64, 3)))  # type: ignore[arg-type]
    for region in ((0, 0, 0, 5), (0, 5, 5, 4), (0, 0, np.inf, 5), (0, 0, np.nan, 5)):
        with pytest.raises(ValueError, match="box"):
            Crop(region, 8, 8)
    with pytest.raises(ValueError, match="size"):
        Crop((0, 0, 5, 5), 0, 8)
    with pytest.raises(ValueError, match="covers more"):
        Crop((-1e6, -1e6, 1e6, 1e6), 8, 8).apply(np.zeros((48, 64, 3), np.uint8))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_pixels_land_where_the_boxes_say(channels: int, dtype: type) -> None:
    picture = np.zeros((90, 120, channels), dtype)
    picture[30:60, 20:70] = np.arange(100, 100 + channels)
    letterbox = Letterbox.fit(120, 90, 256)
    canvas = letterbox.apply(picture)
    assert canvas.dtype == dtype
    assert canvas.shape == (letterbox.out_height, letterbox.out_width, channels)
    x1, y1, x2, y2 = letterbox.boxes_to_letterbox([20, 30, 70, 60])
    for channel in range(channels):
        level = 100 + channel
        inner = canvas[letterbox.pad_y : letterbox.pad_y + letterbox.inner_height, :, channel].astype(float)
        weight = inner / level
        ys, xs = np.mgrid[: inner.shape[0], : inner.shape[1]] + 0.5  # centres of pixels
        np.testing.assert_allclose((weight * xs).sum() / weight.sum(), (x1 + x2) / 2, atol=0.02)
        np.testing.assert_allclose((weight * ys).sum() / weight.sum() + letterbox.pad_y, (y1 + y2) / 2, atol=0.02)
        np.testing.assert_allclose(weight.sum(), (x2 - x1) * (y2 - y1), rtol=0.01)
    assert (canvas[: letterbox.pad_y] == PAD_VALUE).all()
    assert (letterbox.apply(picture, fill=3)[: letterbox.pad_y] == 3).all()


def test_a_reduced_decoding_gives_the_same_canvas() -> None:
    picture = read_picture(sample_picture())
    letterbox = Letterbox.fit(512, 512, 96)
    whole, reduced = letterbox.apply(picture), letterbox.apply(resize(picture, 256, 256))
    assert abs(whole.astype(int) - reduced.astype(int)).mean() < 2


def test_channels_are_resized_apart_and_alike() -> None:
    picture = read_picture(sample_picture())
    small = resize(picture, 200, 180)
    np.testing.assert_array_equal(
        small, np.asarray(Image.fromarray(picture).resize((200, 180), Image.Resampling.BILINEAR))
    )
    single = np.concatenate([resize(picture[:, :, c : c + 1], 200, 180) for c in range(3)], axis=2)
    np.testing.assert_array_equal(single, small)
    alpha = np.concatenate([picture, np.zeros_like(picture[:, :, :1])], axis=2)
    np.testing.assert_array_equal(resize(alpha, 200, 180)[:, :, :3], small)  # not weighed by the fourth channel
    floats = resize(picture.astype(np.float32), 200, 180)
    assert abs(floats - small).max() < 1.01
    assert abs(resize(picture, 60, 50).astype(int) - resize(picture.astype(np.float32), 60, 50)).mean() < 1


@given(st.data(), st.integers(1, 512), st.integers(1, 512))
def test_crop_there_and_back(data: st.DataObject, out_width: int, out_height: int) -> None:
    x1, y1 = data.draw(st.tuples(*[st.floats(-500, 5000)] * 2))
    w, h = data.draw(st.tuples(*[st.floats(1, 3000)] * 2))
    crop = Crop((x1, y1, x1 + w, y1 + h), out_width, out_height)
    np.testing.assert_allclose(crop.boxes_to_crop(crop.box), [0, 0, out_width, out_height], atol=1e-3)
    boxes = data.draw(boxes_in(4000, 3000))
    atol = 1e-6 * (10_000 / min(1, *crop.scales) + 10_000 * max(1, *crop.scales)) / min(crop.scales)
    np.testing.assert_allclose(crop.boxes_to_original(crop.boxes_to_crop(boxes)), boxes, atol=max(atol, 1e-3))


def test_crops_agree_with_slices_and_with_each_other() -> None:
    picture = read_picture(sample_picture())
    np.testing.assert_array_equal(Crop((100, 50, 180, 90), 80, 40).apply(picture), picture[50:90, 100:180])
    np.testing.assert_array_equal(Crop((0, 0, 512, 512), 512, 512).apply(picture), picture)
    beyond = Crop((-10, 500, 30, 540), 40, 40).apply(picture, fill=7)
    np.testing.assert_array_equal(beyond[:12, 10:], picture[500:, :30])
    assert (beyond[:, :10] == 7).all()
    assert (beyond[12:] == 7).all()
    outside = Crop((600, -50, 640, -10), 20, 20).apply(picture)
    assert (outside == PAD_VALUE).all()
    half = Crop((100.5, 50, 180.5, 90), 80, 40).apply(picture).astype(float)
    between = (picture[50:90, 100:180].astype(float) + picture[50:90, 101:181]) / 2
    assert abs(half - between)[:, 1:-1].max() <= 1
    for dtype in (np.uint8, np.float32):
        assert Crop((3.3, 4.4, 50.1, 60.2), 17, 19).apply(picture[:, :, :2].astype(dtype)).dtype == dtype


def test_a_gradient_stays_in_place_through_a_crop() -> None:
    """Each pixel's value is its centre's x, so a crop tells where it was taken."""
    ramp = np.broadcast_to((np.arange(200, dtype=np.float32) + 0.5)[None, :, None], (50, 200, 1))
    for width in (30, 61, 150):
        crop = Crop((20.25, 5, 95.75, 45), width, 20)
        centres = np.stack([np.arange(width) + 0.5, np.full(width, 10.0)], axis=1)
        expected = crop.points_to_original(centres)[:, 0]
        difference = crop.apply(ramp)[10, 2:-2, 0] - expected[2:-2]
        assert abs(difference).max() < 0.1  # a triangle of a few samples ripples by so much
        assert abs(difference.mean()) < 0.01
        assert all(a < b for a, b in pairwise(expected))
