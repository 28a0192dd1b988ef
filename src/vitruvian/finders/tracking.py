"""Which box in a frame is which of those before: ByteTrack (Zhang et al., ECCV 2022) of the package ``trackers``.

ByteTrack looks at sure boxes first and then continues tracks with unsure ones, which start none: an occluded face has
a low score exactly where its track goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from vitruvian.finders.errors import TrackingError
from vitruvian.scene import Box

KEPT = 1.0
"""Seconds for which a track that is not seen is kept, as in the paper (30 frames at 30 a second)."""
LEAST_IOU = 0.2
"""Overlap of a box with the place where its track should be."""
_SURER = 0.1
"""By how much a box must pass the threshold to start a track, as in ByteTrack: what is barely seen is not carried."""
_JUST_BELOW = 1e-3


class Tracks:
    """The tracks of one kind of thing in one video.

    Args:
        rate: Frames a second, on average.
        sure: Score from which a box is looked at first; a tenth above, it may start a track, which is confirmed when it
            is seen in the next frame too.

    Raises:
        TrackingError: when the package is not installed.
    """

    def __init__(self, rate: float, sure: float) -> None:
        try:
            from trackers import ByteTrackTracker
        except ImportError:
            raise TrackingError("tracking needs the package trackers: pip install 'vitruvian[video]'") from None
        self._sure = sure
        self._tracker: Any = ByteTrackTracker(
            # In frames at 30 a second; it lets go one frame early, and rounds down.
            lost_track_buffer=30 * (KEPT + 1.01 / rate),
            frame_rate=rate,
            track_activation_threshold=sure + min(_SURER, (1 - sure) / 2),
            high_conf_det_threshold=sure,
            minimum_consecutive_frames=2,
            minimum_iou_threshold=LEAST_IOU,
        )
        self._seen: frozenset[int] = frozenset()
        # The package numbers tracks over all its trackers; here each video counts from 0. Only those alive are kept.
        self._numbers: dict[int, int] = {}
        self._confirmed = 0

    def step(
        self, sure: Sequence[tuple[Box, float]], unsure: Sequence[tuple[Box, float]]
    ) -> tuple[list[int | None], list[int | None]]:
        """Go on by one frame.

        Args:
            sure: Boxes that may start a track, with their scores.
            unsure: Boxes that may only continue one, with theirs.

        Returns:
            For each sure and for each unsure box the number of its confirmed track, or None. Numbers count from 0 in
            the order of confirmation.
        """
        from supervision import Detections

        scores = [score for _, score in sure] + [min(score, self._sure - _JUST_BELOW) for _, score in unsure]
        boxes = np.asarray([box for box, _ in (*sure, *unsure)], dtype=np.float64).reshape(-1, 4)
        given = Detections(
            xyxy=boxes, confidence=np.asarray(scores, dtype=np.float64), data={"place": np.arange(len(boxes))}
        )
        tracked = self._tracker.update(given)
        ids: list[int | None] = [None] * len(boxes)
        if len(tracked):
            for place, number in zip(tracked.data["place"], tracked.tracker_id, strict=True):
                ids[int(place)] = self._number(int(number))
        self._seen = frozenset(number for number in ids if number is not None)
        alive = {int(track.tracker_id) for track in self._tracker.tracks}
        self._numbers = {given: number for given, number in self._numbers.items() if given in alive}
        return ids[: len(sure)], ids[len(sure) :]

    def unseen(self) -> dict[int, Box]:
        """Confirmed tracks that had no box in the last step, and where each should be by its motion."""
        found = {}
        for track in self._tracker.tracks:
            x1, y1, x2, y2 = (float(value) for value in track.get_state_bbox())
            number = self._number(int(track.tracker_id))
            if number is not None and number not in self._seen and x2 > x1 and y2 > y1:
                found[number] = (x1, y1, x2, y2)
        return found

    def _number(self, number: int) -> int | None:
        """Number of a track in this video; None of one that is not confirmed."""
        if number < 0:
            return None
        if number not in self._numbers:
            self._numbers[number] = self._confirmed
            self._confirmed += 1
        return self._numbers[number]

    def copy(self) -> Tracks:
        """The tracks as they are now, to come back to."""
        return deepcopy(self)
