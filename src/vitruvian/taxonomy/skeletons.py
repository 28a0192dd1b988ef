"""Skeletons: the joints that a pose data set marks, their mirror images, the limbs between them and their OKS sigmas.

``right`` and ``left`` are the subject's own sides. Sigmas follow COCO's convention: object keypoint similarity is the
mean over joints of ``exp(-d**2 / (2 * area * (2 * sigma)**2))``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Skeleton:
    """An ordered list of joints and what is known about each.

    Attributes:
        name: Short name, e.g. ``"coco17"``.
        joints: Names in the order of the data, snake case, sides first: ``left_shoulder``.
        mirror: Permutation: joint ``i`` of a mirrored person is joint ``mirror[i]`` of the original.
        limbs: Pairs of joint indices to draw a line between.
        sigmas: OKS standard deviation of each joint, relative to the square root of the person's area.
    """

    name: str
    joints: tuple[str, ...]
    mirror: tuple[int, ...]
    limbs: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Position of a joint.

        Raises:
            ValueError: if the skeleton lacks it.
        """
        try:
            return self.joints.index(joint)
        except ValueError:
            raise ValueError(f"{self.name} has no joint {joint!r}; it has {', '.join(self.joints)}") from None


def _mirrored(joint: str) -> str:
    side, _, rest = joint.partition("_")
    return {"left": f"right_{rest}", "right": f"left_{rest}"}.get(side, joint)


def _skeleton(
    name: str, joints: Sequence[str], limbs: Sequence[tuple[str, str]], sigmas: Mapping[str, float]
) -> Skeleton:
    """Build one from names; ``sigmas`` go by joint name, without the side where both sides share one."""
    position = {joint: index for index, joint in enumerate(joints)}
    return Skeleton(
        name=name,
        joints=tuple(joints),
        mirror=tuple(position[_mirrored(joint)] for joint in joints),
        limbs=tuple((position[a], position[b]) for a, b in limbs),
        sigmas=tuple(sigmas[joint] if joint in sigmas else sigmas[joint.partition("_")[2]] for joint in joints),
    )


_COCO_SIGMAS = {
    "nose": 0.026,
    "eye": 0.025,
    "ear": 0.035,
    "shoulder": 0.079,
    "elbow": 0.072,
    "wrist": 0.062,
    "hip": 0.107,
    "knee": 0.087,
    "ankle": 0.089,
}

_LIMBS_OF_EACH_SIDE = tuple(
    (f"{side}_{a}", f"{side}_{b}")
    for side in ("right", "left")
    for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
)

_LIMBS_14 = (
    *_LIMBS_OF_EACH_SIDE,
    ("head_top", "neck"),
    ("neck", "right_shoulder"),
    ("neck", "left_shoulder"),
    ("right_shoulder", "right_hip"),
    ("left_shoulder", "left_hip"),
    ("right_hip", "left_hip"),
)

LSP14 = _skeleton(
    "lsp14",
    (
        *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
        *("right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist"),
        *("neck", "head_top"),
    ),
    _LIMBS_14,
    _COCO_SIGMAS | {"neck": 0.079, "head_top": 0.079},
)
"""Leeds Sports Pose and its extended set.

LSP is scored by PCK and publishes no sigmas: these are COCO's, and CrowdPose's 0.079 for head top and neck.
"""

AIC14 = _skeleton(
    "aic14",
    (
        *("right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"),
        *("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
        *("head_top", "neck"),
    ),
    _LIMBS_14,
    {
        "right_shoulder": 0.01388152,
        "right_elbow": 0.01515228,
        "right_wrist": 0.01057665,
        "left_shoulder": 0.01417709,
        "left_elbow": 0.01497891,
        "left_wrist": 0.01402144,
        "right_hip": 0.03909642,
        "right_knee": 0.03686941,
        "right_ankle": 0.01981803,
        "left_hip": 0.03843971,
        "left_knee": 0.03412318,
        "left_ankle": 0.02415081,
        "head_top": 0.01291456,
        "neck": 0.01236173,
    },
)
"""AI Challenger 2017; sigmas of its official ``keypoint_eval.py``, whose ``delta`` is twice these."""

MPII16 = _skeleton(
    "mpii16",
    (
        *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
        *("pelvis", "thorax", "upper_neck", "head_top"),
        *("right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist"),
    ),
    (
        *_LIMBS_OF_EACH_SIDE,
        ("head_top", "upper_neck"),
        ("upper_neck", "thorax"),
        ("thorax", "pelvis"),
        ("thorax", "right_shoulder"),
        ("thorax", "left_shoulder"),
        ("pelvis", "right_hip"),
        ("pelvis", "left_hip"),
    ),
    {
        "ankle": 0.089,
        "knee": 0.083,
        "hip": 0.107,
        "pelvis": 0.026,
        "thorax": 0.026,
        "upper_neck": 0.026,
        "head_top": 0.026,
        "wrist": 0.062,
        "elbow": 0.072,
        "shoulder": 0.179,
    },
)
"""MPII Human Pose. MPII is scored by PCKh and publishes no sigmas: these are mmpose's, "adapted from COCO"."""

COCO17 = _skeleton(
    "coco17",
    (
        *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder"),
        *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip"),
        *("left_knee", "right_knee", "left_ankle", "right_ankle"),
    ),
    (
        *_LIMBS_OF_EACH_SIDE,
        ("left_hip", "right_hip"),
        ("left_shoulder", "left_hip"),
        ("right_shoulder", "right_hip"),
        ("left_shoulder", "right_shoulder"),
        ("left_eye", "right_eye"),
        ("nose", "left_eye"),
        ("nose", "right_eye"),
        ("left_eye", "left_ear"),
        ("right_eye", "right_ear"),
        ("left_ear", "left_shoulder"),
        ("right_ear", "right_shoulder"),
    ),
    _COCO_SIGMAS,
)
"""COCO person keypoints with the official sigmas of pycocotools."""

SKELETONS = (LSP14, AIC14, MPII16, COCO17)
"""Every skeleton."""

_SAME_JOINT = {"upper_neck": "neck"}
"""Names of one joint in different data; MPII's upper neck is what LSP and AI Challenger call neck (as in mmpose)."""


def skeleton(name: str) -> Skeleton:
    """The skeleton of that name.

    Raises:
        ValueError: if there is none.

    >>> skeleton("mpii16").joints[9]
    'head_top'
    """
    for candidate in SKELETONS:
        if candidate.name == name:
            return candidate
    raise ValueError(f"no skeleton is called {name!r}; known are {', '.join(s.name for s in SKELETONS)}")


def joint_map(source: Skeleton, target: Skeleton) -> tuple[int | None, ...]:
    """For every joint of ``target`` its index in ``source``, or None where ``source`` does not mark it.

    >>> joint_map(COCO17, LSP14)
    (16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9, None, None)
    """
    position = {_SAME_JOINT.get(joint, joint): index for index, joint in enumerate(source.joints)}
    return tuple(position.get(_SAME_JOINT.get(joint, joint)) for joint in target.joints)
