"""Where to write: labels near the boxes that they name, apart from one another, inside the picture.

A greedy placement in the manner of map labelling: the smallest box chooses first, among positions along the sides of
its box and then, joined by a leader line, among positions further away. A position costs what it hides of the boxes,
how far off it is, and leader lines that run behind labels; one that touches a label is out. What has no position left
takes a shorter wording, and in the end none, as does what would hide more than it tells: its box still has its colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rect = tuple[int, int, int, int]
"""``(x1, y1, x2, y2)`` in whole pixels; x2 and y2 are the first beyond."""

_LEADER_COST = 0.5
_DISTANCE_COST = 0.1
"""For every label height between a label and its box."""
_INSIDE_COST = 0.25
"""For writing inside the box that is named."""
_SLIDE_COST = 0.15
"""For sitting at the far end of a side."""
_HIDDEN_COST = 1.5
"""For hiding a whole other box."""
_CROSSING_COST = 0.4
"""For every leader line that runs behind a label."""
_SHORTEN_COST = 0.35
"""What a shorter wording must save to be taken."""
_REACH = 12
"""How many label heights a leader line may be long."""
_TOO_COSTLY = 1.75
"""A label that would cost more hides more than it tells."""
_MOST_COVERED = 0.3
"""Share of the picture that labels may cover in all."""


@dataclass(frozen=True, slots=True)
class Label:
    """A label to place.

    Attributes:
        box: ``xyxy`` of what it names, within the picture.
        sizes: Width and height in pixels of its wordings, the preferred one first.
    """

    box: tuple[float, float, float, float]
    sizes: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a label goes.

    Attributes:
        rect: Its background.
        wording: Index into the label's sizes.
        leader: From the label's border to its box, ``(x1, y1, x2, y2)``, or None where it touches the box.
    """

    rect: Rect
    wording: int
    leader: tuple[float, float, float, float] | None


def place_labels(labels: Sequence[Label], width: int, height: int) -> tuple[Placement | None, ...]:
    """Place labels in a picture of ``width`` x ``height`` pixels.

    Returns:
        One placement per label, None for those that are better left out. Rectangles lie inside the picture, disjoint.
    """
    boxes = np.asarray([label.box for label in labels], dtype=np.float64).reshape(-1, 4)
    areas = np.maximum((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 1.0)
    placed: list[Placement | None] = [None] * len(labels)
    rects = np.zeros((0, 4))
    leaders = np.zeros((0, 4))
    room = _MOST_COVERED * width * height
    for index in np.argsort(areas, kind="stable"):
        best, best_cost = None, _TOO_COSTLY
        for wording, size in enumerate(labels[index].sizes):
            if size[0] * size[1] > room or wording * _SHORTEN_COST >= best_cost:
                continue
            candidate, cost = _best(boxes, areas, int(index), size, (width, height), rects, leaders)
            cost += wording * _SHORTEN_COST
            if candidate is not None and cost < best_cost:
                best, best_cost = Placement(candidate[0], wording, candidate[1]), cost
        if best is not None:
            placed[index] = best
            rects = np.vstack([rects, best.rect])
            room -= np.prod(labels[index].sizes[best.wording])
            if best.leader is not None:
                leaders = np.vstack([leaders, best.leader])
    return tuple(placed)


def _best(
    boxes: NDArray[np.float64],
    areas: NDArray[np.float64],
    index: int,
    size: tuple[int, int],
    picture: tuple[int, int],
    rects: NDArray[np.float64],
    leaders: NDArray[np.float64],
) -> tuple[tuple[Rect, tuple[float, float, float, float] | None] | None, float]:
    """The cheapest free position of one wording and its cost."""
    box, (w, h) = boxes[index], size
    if w > picture[0] or h > picture[1]:
        return None, np.inf
    best, lowest = None, np.inf
    for positions in (_near_positions, _far_positions):
        if lowest < _LEADER_COST:  # a leader line alone costs more
            break
        corners, cost = positions(box, w, h, picture)
        candidates = np.hstack([corners, corners + np.array([w, h])])
        free = ~(_overlaps(candidates, rects) > 0).any(axis=1)
        candidates, cost = candidates[free], cost[free]
        lines = _leaders(candidates, box)
        length = np.hypot(lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1])
        joined = length > h / 2
        hidden = np.minimum(_overlaps(candidates, boxes) / areas, 1.0).sum(axis=1)
        crossings = _crosses(lines, rects).sum(axis=1) * joined + _crosses(leaders, candidates).sum(axis=0)
        cost = cost + _DISTANCE_COST * length / h + _LEADER_COST * joined
        cost += _HIDDEN_COST * hidden + _CROSSING_COST * crossings
        if len(cost) and cost.min() < lowest:
            choice = int(cost.argmin())
            lowest = float(cost[choice])
            x, y = (int(v) for v in candidates[choice, :2])
            sx, sy, ex, ey = (float(v) for v in lines[choice])
            best = (x, y, x + w, y + h), (sx, sy, ex, ey) if joined[choice] else None
    return best, lowest


def _near_positions(
    box: NDArray[np.float64], w: int, h: int, picture: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Top-left corners ``(M, 2)`` along the sides of a box, moved into the picture, and the cost ``(M,)`` of each."""
    x1, y1, x2, y2 = _whole(box)
    found, costs = [], []
    for slide in np.linspace(0, 1, 7):
        along_x, along_y = x1 + slide * (x2 - x1 - w), y1 + slide * (y2 - y1 - h)
        for x, y, cost in (
            (along_x, y1 - h, 0.0),
            (along_x, y2, 0.05),
            (along_x, y1, _INSIDE_COST),
            (along_x, y2 - h, _INSIDE_COST + 0.05),
            (x1 - w, along_y, 0.1),
            (x2, along_y, 0.1),
        ):
            found.append((x, y))
            costs.append(cost + slide * _SLIDE_COST)
    return np.floor(np.clip(found, 0, (picture[0] - w, picture[1] - h))), np.asarray(costs)


def _far_positions(
    box: NDArray[np.float64], w: int, h: int, picture: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same for a grid around the box, as far as a leader line may reach."""
    x1, y1, x2, y2 = _whole(box)
    reach = _REACH * h
    xs = np.arange(max(0.0, x1 - w - reach), min(picture[0] - w, x2 + reach) + 1, max(1.0, w / 3))
    ys = np.arange(max(0.0, y1 - h - reach), min(picture[1] - h, y2 + reach) + 1, max(1.0, h * 0.75))
    corners = np.floor(np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2))
    outside = (corners[:, 0] >= x2) | (corners[:, 0] + w <= x1) | (corners[:, 1] >= y2) | (corners[:, 1] + h <= y1)
    corners = corners[outside]
    return corners, np.full(len(corners), _SLIDE_COST)


def _whole(box: NDArray[np.float64]) -> tuple[float, float, float, float]:
    return float(np.floor(box[0])), float(np.floor(box[1])), float(np.ceil(box[2])), float(np.ceil(box[3]))


def _overlaps(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection areas ``(N, M)`` of two sets of boxes."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.clip(high - low, 0, None)
    return np.asarray(sides[..., 0] * sides[..., 1])


def _leaders(rects: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shortest line ``(N, 4)`` from each rectangle to a box; a point where they touch."""
    low = np.maximum(rects[:, :2], box[:2])
    high = np.minimum(rects[:, 2:], box[2:])
    middle = (low + high) / 2  # of the overlap, or of the gap
    start = np.clip(middle, rects[:, :2], rects[:, 2:])
    return np.hstack([start, np.clip(start, box[:2], box[2:])])


def _crosses(lines: NDArray[np.float64], rects: NDArray[np.float64]) -> NDArray[np.bool_]:
    """``(N, M)``: whether line segment n passes through rectangle m (Liang and Barsky's clipping)."""
    start, step = lines[:, None, :2], (lines[:, 2:] - lines[:, :2])[:, None, :]
    low, high = rects[None, :, :2], rects[None, :, 2:]
    with np.errstate(divide="ignore", invalid="ignore"):
        near, far = (low - start) / step, (high - start) / step
    within = (start > low) & (start < high)
    still = np.broadcast_to(step == 0, near.shape)
    enter = np.where(still, np.where(within, -np.inf, np.inf), np.minimum(near, far)).max(axis=2)
    leave = np.where(still, np.where(within, np.inf, -np.inf), np.maximum(near, far)).min(axis=2)
    return np.asarray(np.maximum(enter, 0) < np.minimum(leave, 1))
