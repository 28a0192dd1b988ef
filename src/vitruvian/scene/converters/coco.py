"""COCO results: the list that pycocotools and its kin read as detections.

A result holds one box or one pose; sides, people and landmarks have no place in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vitruvian.scene.checks import Box
from vitruvian.scene.converters.flat import class_index, detections
from vitruvian.scene.scene import Scene
from vitruvian.taxonomy import PARTS, Skeleton


def _xywh(box: Box) -> list[float]:
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]]


def to_coco(scene: Scene, image_id: int, names: Sequence[str] = PARTS.names) -> list[dict[str, Any]]:
    """Every box of a scene as ``{image_id, category_id, bbox, score}``.

    Args:
        scene: What was found.
        image_id: The picture's id in the truth file.
        names: Labels in the order of their category ids, which start at 1.

    Returns:
        One entry a box; ``bbox`` is x, y, width, height in pixels.

    Raises:
        SceneError: if a label is not among ``names``.
    """
    return [
        {
            "image_id": image_id,
            "category_id": class_index(part.label, names) + 1,
            "bbox": _xywh(part.box),
            "score": part.score,
        }
        for part in detections(scene)
    ]


def people_to_coco(scene: Scene, image_id: int, skeleton: Skeleton, category_id: int = 1) -> list[dict[str, Any]]:
    """The poses of a scene as COCO keypoint results.

    Args:
        scene: What was found.
        image_id: The picture's id in the truth file.
        skeleton: Joints in the order wanted; one that a person lacks becomes 0, 0, 0.
        category_id: The id of people in the truth file.

    Returns:
        ``{image_id, category_id, bbox, score, keypoints}`` for each person with joints; ``keypoints`` is x, y, score
        of each joint in turn, the score where annotations have the visibility.
    """
    return [
        {
            "image_id": image_id,
            "category_id": category_id,
            "bbox": _xywh(person.box),
            "score": person.score,
            "keypoints": [v for joint in skeleton.joints for v in person.joints.get(joint, (0.0, 0.0, 0.0))],
        }
        for person in scene.people
        if person.joints
    ]
