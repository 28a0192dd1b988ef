"""A scene in the formats of others, one module a format; each says what its format cannot hold.

They share one flat list of boxes, :func:`detections`: a whole face becomes a part with the label ``whole face``.
"""

from vitruvian.scene.converters.coco import people_to_coco, to_coco
from vitruvian.scene.converters.csv_rows import CSV_COLUMNS, to_csv_rows
from vitruvian.scene.converters.flat import detections
from vitruvian.scene.converters.supervision import faces_to_keypoints, people_to_keypoints, to_detections
from vitruvian.scene.converters.yolo import from_yolo, to_yolo

__all__ = [
    "CSV_COLUMNS",
    "detections",
    "faces_to_keypoints",
    "from_yolo",
    "people_to_coco",
    "people_to_keypoints",
    "to_coco",
    "to_csv_rows",
    "to_detections",
    "to_yolo",
]
