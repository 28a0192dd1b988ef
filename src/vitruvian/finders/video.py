"""A video's frames in, their scenes out: who is who from frame to frame, and faces that a frame alone does not show.

Frame by frame:

1. The frame is analysed like any picture, and faint faces are kept aside.
2. ByteTrack continues the tracks of faces (:mod:`vitruvian.finders.tracking`). A faint face that continues a
   confirmed track becomes a face.
3. A track without a face in this frame is looked for again near where it should be
   (:mod:`vitruvian.finders.closer_look`).
4. A track that comes back within a few frames is filled in between, along a straight line in time. A track that does
   not come back is not drawn on: where it ended is not known.
5. People are tracked by their boxes; each has its number from the second frame on that it is seen in.

Whatever is added has ``found_by="recovery"`` and its reason as evidence: ``track``, ``near where it was`` or
``motion``. Because of step 4 scenes come out a few frames late; nothing else is kept, however long the video.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from vitruvian.finders.analyzer import Analyzer
from vitruvian.finders.assign import assign
from vitruvian.finders.closer_look import fits, look_closer
from vitruvian.finders.geometry import area, containment, iou
from vitruvian.finders.tracking import Tracks
from vitruvian.finders.turned_look import TURNED
from vitruvian.images.video import CutShort, Frame
from vitruvian.scene import Box, Evidence, Face, Scene

TRACK, MOTION = "track", "motion"
"""Reasons of the evidence of faces that are believed because their track goes on, and of those filled in."""

FAINTEST = 0.1
"""Lowest score of a face that may continue a track; ByteTrack's own."""
LOOKED_FOR = 1.0
"""Seconds for which a face that is not seen is looked for."""
MOST_LOOKS = 4
"""Looks a frame, the largest faces first: what a frame may cost is bounded."""
LEAST_IN_VIEW = 0.5
"""Share of a face that must still be in the picture for it to be looked for."""
SAME = 0.5
"""IoU from which two boxes are the same face."""
_FADES = 0.9
"""Share of a track's standing that a frame leaves: it stands for its last second or so."""


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """What is done with a video.

    Attributes:
        one_face: Only the face of the surest track in each frame, where one person is filmed (a driver, an infant).
        again: Look for lost faces near where they were.
        fill: Longest gap in frames that is filled by motion; 0 fills none.
    """

    one_face: bool = False
    again: bool = True
    fill: int = 8


class Eyes(Protocol):
    """What sees the frames: :class:`AnalyzerEyes`, or what stands in its place."""

    @property
    def face_threshold(self) -> float:
        """Score from which a whole face is reported."""

    def first(self, frame: Frame) -> tuple[Scene, tuple[Face, ...]]:
        """The scene in a frame, and its faint faces (:meth:`Analyzer.look`)."""

    def again(self, frame: Frame, near: Box) -> Face | None:
        """The face near a place (:func:`look_closer`)."""

    def only(self, scene: Scene) -> Scene:
        """The scene with what was asked for (:meth:`Analyzer.only`)."""


@dataclass(frozen=True, slots=True)
class AnalyzerEyes:
    """An analyzer's view of a video with this name."""

    analyzer: Analyzer
    name: str

    @property
    def face_threshold(self) -> float:
        """See :class:`Eyes`."""
        return self.analyzer.face_threshold

    def first(self, frame: Frame) -> tuple[Scene, tuple[Face, ...]]:
        """See :class:`Eyes`."""
        scene, faint = self.analyzer.look(frame.picture, self.name, FAINTEST)
        return replace(scene, time=round(frame.time, 6)), faint

    def again(self, frame: Frame, near: Box) -> Face | None:
        """See :class:`Eyes`."""
        return look_closer(self.analyzer.detector, frame.picture, near)

    def only(self, scene: Scene) -> Scene:
        """See :class:`Eyes`."""
        return self.analyzer.only(scene)


def watch(frames: Iterable[Frame], eyes: Eyes, rate: float, options: VideoOptions = VideoOptions()) -> Iterator[Scene]:
    """The scene of every frame, in order.

    Args:
        frames: In order, as of :meth:`vitruvian.images.video.Video.frames`.
        eyes: What sees them.
        rate: How many of the frames there are a second, on average.
        options: What is done.

    Raises:
        CutShort: after the last scene, where the frames end in it.
        TrackingError: when the package for tracking is not installed.
    """
    if options.fill < 0:
        raise ValueError(f"a gap of {options.fill} frames cannot be filled")
    faces = FaceTracks(eyes, rate, options)
    people = Tracks(rate, 0.0)
    standing: dict[int, float] = {}

    def finished(scene: Scene) -> Scene:
        ids, _ = people.step([(person.box, 1.0) for person in scene.people], [])
        named = tuple(replace(person, track=number) for person, number in zip(scene.people, ids, strict=True))
        scene = replace(scene, people=named)
        return eyes.only(_one_face(scene, standing) if options.one_face else scene)

    broken: CutShort | None = None
    try:
        for frame in frames:
            for scene in faces.step(frame):
                yield finished(scene)
    except CutShort as error:
        broken = error
    for scene in faces.rest():
        yield finished(scene)
    if broken is not None:
        raise broken


class FaceTracks:
    """Steps 1 to 4 of a video that is under way."""

    def __init__(self, eyes: Eyes, rate: float, options: VideoOptions) -> None:
        self._eyes, self._options = eyes, options
        self._tracks = Tracks(rate, eyes.face_threshold)
        self._pending: deque[Scene] = deque()
        self._count = 0
        self._newest = -1
        self._last: dict[int, tuple[int, float, Face]] = {}

    def step(self, frame: Frame) -> Iterator[Scene]:
        """See a frame; gives the scenes that nothing can change any more."""
        self._pending.append(self._see(frame))
        self._look_back(frame.time)
        self._count += 1
        while len(self._pending) > max(self._options.fill, 1):
            yield self._pending.popleft()

    def rest(self) -> Iterator[Scene]:
        """The scenes left at the end."""
        while self._pending:
            yield self._pending.popleft()

    def _see(self, frame: Frame) -> Scene:
        """The frame's scene with its faces' tracks, and faces added that continue tracks."""
        scene, faint = self._eyes.first(frame)
        # What the second look recovered is reported, but it starts no track.
        sure = [face for face in scene.faces if _is_seen(face)]
        unsure = [face for face in scene.faces if not _is_seen(face)]
        before = self._tracks.copy()
        ids = self._step(sure, unsure)
        more = self._continued(frame, scene, faint)
        if more:
            self._tracks = before
            ids = self._step(sure, [*unsure, *more])
        told = [replace(face, track=number) for face, number in zip([*sure, *unsure, *more], ids, strict=True)]
        old, new = told[: len(scene.faces)], [face for face in told[len(scene.faces) :] if face.track is not None]
        order = {face.box: k for k, face in enumerate(scene.faces)}
        scene = replace(scene, faces=tuple(sorted(old, key=lambda face: order[face.box])))
        return _joined(scene, new) if new else scene

    def _step(self, sure: Sequence[Face], unsure: Sequence[Face]) -> list[int | None]:
        first, second = self._tracks.step([(f.box, f.score) for f in sure], [(f.box, f.score) for f in unsure])
        return first + second

    def _continued(self, frame: Frame, scene: Scene, faint: Sequence[Face]) -> list[Face]:
        """Faces where tracks that have none in this frame should be: a faint one, or one that a closer look finds."""
        places = []
        for number, predicted in self._tracks.unseen().items():
            _, since, last = self._last.get(number, (0, -LOOKED_FOR, None))
            if last is None or frame.time - since > LOOKED_FOR:
                continue
            place = _at(last.box, predicted)
            if _in_view(place, scene) >= LEAST_IN_VIEW and not _among(place, scene.faces):
                places.append(place)
        found: list[Face] = []
        looks = 0
        for place in sorted(places, key=lambda box: (area(box), box), reverse=True):
            fitting = [face for face in faint if fits(place, face.box, face.score)]
            face = max(fitting, key=lambda f: f.score * iou(place, f.box), default=None)
            if face is not None:
                face = replace(face, found_by="recovery", evidence=Evidence(TRACK))
            elif self._options.again and looks < MOST_LOOKS:
                looks += 1
                face = self._eyes.again(frame, place)
            if face is not None and not _among(face.box, [*scene.faces, *found]):
                found.append(face)
        return found

    def _look_back(self, time: float) -> None:
        """What the newest frame says of those before it: names for first sights, and gaps to fill."""
        faces = {face.track: face for face in self._pending[-1].faces if face.track is not None}
        for track, face in faces.items():
            if track > self._newest:
                self._name_first_sight(face)
            elif track in self._last:
                self._fill(*self._last[track], face, time)
            self._last[track] = (self._count, time, face)
        self._newest = max([self._newest, *faces])
        self._last = {number: last for number, last in self._last.items() if time - last[1] <= 2 * LOOKED_FOR}

    def _name_first_sight(self, face: Face) -> None:
        """A track is confirmed at its second sight: find the first, one frame ago."""
        if len(self._pending) < 2:
            return
        scene = self._pending[-2]
        overlaps = [iou(face.box, other.box) if other.track is None else 0.0 for other in scene.faces]
        if overlaps and max(overlaps) > 0:
            best = overlaps.index(max(overlaps))
            first = replace(scene.faces[best], track=face.track)
            self._pending[-2] = replace(scene, faces=(*scene.faces[:best], first, *scene.faces[best + 1 :]))

    def _fill(self, count: int, since: float, before: Face, after: Face, time: float) -> None:
        gap = self._count - count - 1
        if not 1 <= gap <= self._options.fill:
            return
        for back in range(gap, 0, -1):
            scene = self._pending[-1 - back]
            # Frames with one and the same time, as some files have them, are taken to be equally far apart.
            order = (gap + 1 - back) / (gap + 1)
            share = ((scene.time or 0.0) - since) / (time - since) if time > since else order
            x1, y1, x2, y2 = (round(a + (b - a) * share, 2) for a, b in zip(before.box, after.box, strict=True))
            box = (x1, y1, x2, y2)
            if not _among(box, scene.faces):
                face = Face(
                    box, min(before.score, after.score), "recovery", evidence=Evidence(MOTION), track=after.track
                )
                self._pending[-1 - back] = _joined(scene, [face])


def _joined(scene: Scene, new: Sequence[Face]) -> Scene:
    """The scene with more faces: whose is what is told anew."""
    loose = [*scene.parts, *(part for face in scene.faces for part in face.parts)]
    parts, faces, people = assign(loose, [*scene.faces, *new], scene.width, scene.height)
    told = tuple(
        replace(face, evidence=Evidence(TRACK, {part.label: part.score for part in reversed(face.parts)}))
        if face.evidence is not None and face.evidence.reason == TRACK
        else face
        for face in faces
    )
    return replace(scene, parts=parts, faces=told, people=people)


def _one_face(scene: Scene, standing: dict[int, float]) -> Scene:
    """The scene with the face whose track has the most standing; ``standing`` is brought up to date."""
    for number in list(standing):
        standing[number] *= _FADES
        if standing[number] < 1e-3:
            del standing[number]
    for face in scene.faces:
        if face.track is not None:
            standing[face.track] = standing.get(face.track, 0.0) + face.score
    if len(scene.faces) < 2:
        return scene
    best = max(scene.faces, key=lambda f: (0.0 if f.track is None else standing[f.track], f.score))
    return replace(scene, faces=(best,))


def _is_seen(face: Face) -> bool:
    """Whether the detector itself saw the face, as it is or turned."""
    return face.found_by == "first_pass" or (face.evidence is not None and face.evidence.reason == TURNED)


def _in_view(box: Box, scene: Scene) -> float:
    """Share of a box that lies in the picture."""
    return containment(box, (0.0, 0.0, float(scene.width), float(scene.height)))


def _at(box: Box, predicted: Box) -> Box:
    """A box moved to the middle of another: a face that is not seen is taken to keep its size, as how that changes is
    known far less well than where it goes."""
    x, y = (predicted[0] + predicted[2] - box[0] - box[2]) / 2, (predicted[1] + predicted[3] - box[1] - box[3]) / 2
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y


def _among(box: Box, faces: Sequence[Face]) -> bool:
    """Whether one of the faces is this one."""
    return any(iou(box, face.box) >= SAME for face in faces)
