"""``vitruvian analyze`` on videos: JSON lines with a scene a frame, and the video with what was found drawn on it."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vitruvian import __version__
from vitruvian.cli.console import fail, progress
from vitruvian.cli.video_records import RememberingEyes
from vitruvian.data.records import request_key
from vitruvian.finders.video import AnalyzerEyes, VideoOptions, watch
from vitruvian.images import PictureFile, draw_scene
from vitruvian.images.video import CutShort, Frame, Video, VideoError, write_video
from vitruvian.scene import Scene, SceneError
from vitruvian.scene.converters import CSV_COLUMNS, to_csv_rows

if TYPE_CHECKING:
    from vitruvian.finders import Analyzer

FORMATS = ("json", "csv")
"""What a video can be written as: COCO and YOLO have a file or an id a picture, and no place for times and tracks."""
SCENES, TABLE, OVERLAY, RECORDS = ".jsonl", ".csv", ".overlay.mp4", ".seen.jsonl"
_SMALLEST_OVERLAY = 640


@dataclass(frozen=True, slots=True)
class VideoRun:
    """How videos are analysed.

    Attributes:
        analyzer: Looks at the frames.
        options: What is done with what it sees.
        every: Every n-th frame is looked at.
        folder: For results; None writes JSON lines to standard output.
        format: ``json`` or ``csv``, which is written beside the JSON lines.
        draw: Also write the video with what was found.
        overwrite: Do videos again whose result exists.
    """

    analyzer: Analyzer
    options: VideoOptions
    every: int
    folder: Path | None
    format: str
    draw: bool
    overwrite: bool


def analyze_videos(run: VideoRun, videos: Sequence[PictureFile]) -> int:
    """Analyse videos one after the other; failures are named on standard error.

    Returns:
        The number of failures; a video that breaks off is one, though what there is of it has its result.
    """
    failures = 0
    for video in videos:
        try:
            if run.folder is None:
                for scene in _scenes(run, video, None):
                    print(scene.to_json(), flush=True)
            else:
                _to_folder(run, video, run.folder)
        except CutShort as error:
            failures += 1
            fail(f"{error}; what there is of it is analysed")
        except (VideoError, SceneError) as error:
            failures += 1
            fail(str(error))
        except OSError as error:
            if run.folder is None:  # nobody reads standard output any more
                raise
            failures += 1
            fail(f"{video.path}: its result cannot be written: {error}")
    return failures


def _to_folder(run: VideoRun, video: PictureFile, folder: Path) -> None:
    scenes, table, overlay = (folder / video.output(suffix) for suffix in (SCENES, TABLE, OVERLAY))
    broken: CutShort | None = None
    if run.overwrite or not scenes.is_file():
        broken = _analyze(run, video, scenes, folder / video.output(RECORDS), (table, overlay))
    else:
        known = f"{video.path}: has its results already, whatever their options (--overwrite does it again)"
        print(known, file=sys.stderr)
        if (not run.draw or overlay.is_file()) and (run.format != "csv" or table.is_file()):
            return
    if run.format == "csv":
        _write_table(scenes, table)
    if run.draw:
        _write_overlay(run, video, scenes, overlay)
    if broken is not None:
        raise broken


def _analyze(
    run: VideoRun, video: PictureFile, scenes: Path, records: Path, made_of_them: Sequence[Path]
) -> CutShort | None:
    """Write the scenes; while it goes on they are in ``.partial``, a line a finished frame.

    What was made of earlier scenes goes with them: a run that is stopped must not leave it beside new ones.
    """
    partial = scenes.with_name(scenes.name + ".partial")
    count, broken = 0, None
    if run.overwrite:
        records.unlink(missing_ok=True)
    scenes.parent.mkdir(parents=True, exist_ok=True)
    try:
        with partial.open("w", encoding="utf-8") as file:
            for scene in _scenes(run, video, records):
                file.write(scene.to_json() + "\n")
                file.flush()
                count += 1
    except CutShort as error:
        broken = error
    except VideoError:
        if count == 0:
            partial.unlink(missing_ok=True)
            records.unlink(missing_ok=True)
        raise
    for stale in made_of_them:
        stale.unlink(missing_ok=True)
    os.replace(partial, scenes)
    records.unlink(missing_ok=True)
    print(f"{video.path}: {count} frames analysed; results in {scenes}", file=sys.stderr)
    return broken


def _scenes(run: VideoRun, file: PictureFile, records: Path | None) -> Iterator[Scene]:
    eyes = AnalyzerEyes(run.analyzer, os.fspath(file.path))
    with Video(file.path) as video:
        frames, rate = video.frames(run.every), video.rate / run.every
        if records is None:
            yield from watch(frames, eyes, rate, run.options)
            return
        with (
            RememberingEyes(eyes, records, _request(run, file.path)) as remembering,
            progress(file.path.name, -(-video.length // run.every) or None) as advance,
        ):
            for scene in watch(frames, remembering, rate, run.options):
                yield scene
                advance()


def _request(run: VideoRun, path: Path) -> str:
    """All that is seen in the frames depends on: the file, by the name that scenes give it, and what looks at it."""
    analyzer = run.analyzer
    again = analyzer.second_look
    second = None if again is None else (again.card, again.threshold)
    seen = (analyzer.detector.card.sha256, analyzer.detector.size, analyzer.thresholds)
    looks = (second, analyzer.turned_look is not None, analyzer.hidden_faces)
    return request_key(path, os.fspath(path), __version__, run.every, *seen, *looks)


def _stored(scenes: Path) -> Iterator[Scene]:
    with scenes.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield Scene.from_json(line)
            except SceneError as error:
                raise VideoError(f"{scenes}: line {number}: {error}; --overwrite makes it anew") from None


def _write_table(scenes: Path, table: Path) -> None:
    partial = table.with_name(table.name + ".partial")
    with partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(CSV_COLUMNS)
        for scene in _stored(scenes):
            writer.writerows(to_csv_rows(scene))
    os.replace(partial, table)


def _write_overlay(run: VideoRun, file: PictureFile, scenes: Path, overlay: Path) -> None:
    with Video(file.path) as video:
        total = -(-video.length // run.every) or None
        with (
            write_video(overlay, video.rate / run.every) as writer,
            progress(f"drawing {file.path.name}", total) as advance,
        ):
            frames = video.frames(run.every)
            for scene in _stored(scenes):
                frame = next(frames, None)
                if frame is None or not _is_of(scene, frame):
                    raise _other_frames(scenes)
                writer.add(draw_scene(frame.picture, scene, min_side=_SMALLEST_OVERLAY), frame.time)
                advance()
            with suppress(CutShort):  # said when it was analysed
                if next(frames, None) is not None:
                    raise _other_frames(scenes)


def _is_of(scene: Scene, frame: Frame) -> bool:
    same_time = scene.time is not None and abs(scene.time - frame.time) <= 1e-3
    return same_time and (scene.height, scene.width) == frame.picture.shape[:2]


def _other_frames(scenes: Path) -> VideoError:
    return VideoError(f"{scenes}: its scenes are of other frames; --overwrite makes it anew")
