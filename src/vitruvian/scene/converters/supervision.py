"""Roboflow's supervision: its ``Detections`` and ``KeyPoints``, for its annotators, trackers and metrics.

supervision is imported only here, when a function is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vitruvian.scene.checks import SceneError
from vitruvian.scene.converters.flat import class_index, detections
from vitruvian.scene.scene import Scene
from vitruvian.taxonomy import PARTS, LandmarkProtocol, Skeleton


def _supervision() -> Any:
    try:
        import supervision
    except ImportError as error:
        raise SceneError("supervision is not installed: pip install 'vitruvian[video]'") from error
    return supervision


def to_detections(scene: Scene, names: Sequence[str] = PARTS.names) -> Any:
    """Every box of a scene as ``supervision.Detections``.

    Args:
        scene: What was found.
        names: Labels in the order of the class ids, which start at 0.

    Returns:
        ``xyxy`` (N, 4) float32, ``confidence`` (N,) float32, ``class_id`` (N,) int, and in ``data`` the arrays
        ``class_name``, ``side`` (empty text where there is none) and ``person`` (-1 where it cannot be told), all (N,).

    Raises:
        SceneError: if a label is not among ``names`` or supervision is missing.
    """
    flat = detections(scene)
    return _supervision().Detections(
        xyxy=np.array([part.box for part in flat], dtype=np.float32).reshape(-1, 4),
        confidence=np.array([part.score for part in flat], dtype=np.float32),
        class_id=np.array([class_index(part.label, names) for part in flat], dtype=int),
        data={
            "class_name": np.array([part.label for part in flat], dtype=str),
            "side": np.array([part.side or "" for part in flat], dtype=str),
            "person": np.array([-1 if part.person is None else part.person for part in flat], dtype=int),
        },
    )


def people_to_keypoints(scene: Scene, skeleton: Skeleton) -> Any:
    """The poses of a scene as ``supervision.KeyPoints``, one row for each person with joints.

    Returns:
        ``xy`` (N, K, 2) float32 and a confidence (N, K) float32 a joint, in the order of ``skeleton``; a joint that a
        person lacks lies at 0, 0 with confidence 0.

    Raises:
        SceneError: if supervision is missing.
    """
    lacking = (0.0, 0.0, 0.0)
    joints = [[p.joints.get(name, lacking) for name in skeleton.joints] for p in scene.people if p.joints]
    return _keypoints(np.array(joints, dtype=np.float32).reshape(-1, len(skeleton), 3))


def faces_to_keypoints(scene: Scene, protocol: LandmarkProtocol) -> Any:
    """The landmarks of a scene as ``supervision.KeyPoints``, one row for each face with landmarks of ``protocol``.

    Returns:
        ``xy`` (N, K, 2) float32 and a confidence (N, K) float32 a landmark, 1 where the scene has none.

    Raises:
        SceneError: if supervision is missing.
    """
    rows = [
        [
            (x, y, score)
            for (x, y), score in zip(f.landmarks, f.landmark_scores or (1.0,) * protocol.points, strict=True)
        ]
        for f in scene.faces
        if f.landmarks is not None and len(f.landmarks) == protocol.points
    ]
    return _keypoints(np.array(rows, dtype=np.float32).reshape(-1, protocol.points, 3))


def _keypoints(rows: np.ndarray[Any, np.dtype[np.float32]]) -> Any:
    return _supervision().KeyPoints(xy=rows[..., :2], keypoint_confidence=rows[..., 2])
