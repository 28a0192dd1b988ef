"""What was seen in a video's frames, written down frame by frame, so that a stopped run goes on where it was.

It is what the network said that is kept, not what became of it: a run that goes on feeds it to the tracker again from
the first frame, and so ends up exactly as one that was never stopped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from vitruvian.finders.video import Eyes
from vitruvian.images.video import Frame
from vitruvian.scene import Box, Face, Scene


class RememberingEyes:
    """Eyes that write down what they see, and do not look at what they have seen in an earlier run.

    Args:
        eyes: What looks at frames that are new.
        file: JSON lines: ``request``, then a frame each.
        request: Stands for all that is seen depends on (:func:`vitruvian.data.records.request_key`); what another
            request saw is forgotten.
    """

    def __init__(self, eyes: Eyes, file: Path, request: str) -> None:
        self._eyes = eyes
        file.parent.mkdir(parents=True, exist_ok=True)
        valid = _valid_bytes(file, request)
        self._seen = _rows(file, valid)
        if valid:
            with file.open("r+b") as old:
                old.truncate(valid)  # the line that the interruption cut short
            self._file = file.open("a", encoding="utf-8")
        else:
            self._file = file.open("w", encoding="utf-8")
            self._write({"request": request})
        self._known: dict[str, Any] | None = None
        self._now: dict[str, Any] | None = None
        self._looks = 0

    def __enter__(self) -> RememberingEyes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is None:
            self._finish_frame()
        self._file.close()

    @property
    def face_threshold(self) -> float:
        """See :class:`Eyes`."""
        return self._eyes.face_threshold

    def first(self, frame: Frame) -> tuple[Scene, tuple[Face, ...]]:
        """See :class:`Eyes`."""
        self._finish_frame()
        self._looks = 0
        self._known = next(self._seen, None)
        if self._known is not None:
            return Scene.from_dict(self._known["scene"]), Scene.from_dict(self._known["faint"]).faces
        scene, faint = self._eyes.first(frame)
        self._now = {"frame": frame.number, "scene": scene.to_dict(), "faint": _packed(scene, faint), "again": []}
        return scene, faint

    def again(self, frame: Frame, near: Box) -> Face | None:
        """See :class:`Eyes`."""
        if self._known is not None and self._looks < len(self._known["again"]):
            found = Scene.from_dict(self._known["again"][self._looks]).faces
            self._looks += 1
            return found[0] if found else None
        face = self._eyes.again(frame, near)
        if self._now is not None:
            scene = Scene(None, frame.picture.shape[1], frame.picture.shape[0])
            self._now["again"].append(_packed(scene, () if face is None else (face,)))
        return face

    def only(self, scene: Scene) -> Scene:
        """See :class:`Eyes`."""
        return self._eyes.only(scene)

    def _finish_frame(self) -> None:
        if self._now is not None:
            self._write(self._now)
            self._now = None

    def _write(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()


def _packed(scene: Scene, faces: Iterable[Face]) -> dict[str, Any]:
    return Scene(None, scene.width, scene.height, faces=tuple(faces)).to_dict()


def _valid_bytes(file: Path, request: str) -> int:
    """Length of the part of a file that is whole; 0 for one of another request, or none."""
    valid = 0
    if not file.is_file():
        return valid
    with file.open("rb") as lines:
        for line in lines:
            try:
                row = json.loads(line)
                if valid == 0 and row["request"] != request:
                    return 0
                if valid:
                    for scene in (row["scene"], row["faint"], *row["again"]):
                        Scene.from_dict(scene)
            except (ValueError, TypeError, KeyError):
                break
            if not line.endswith(b"\n"):
                break
            valid += len(line)
    return valid


def _rows(file: Path, valid: int) -> Iterator[dict[str, Any]]:
    """The frames of an earlier run, in their order, one at a time."""
    if not valid:
        return
    with file.open("rb") as lines:
        read = len(lines.readline())
        while read < valid:
            line = lines.readline()
            read += len(line)
            yield json.loads(line)
