"""``vitruvian analyze``: pictures and videos in, scenes and overlays out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitruvian.cli.console import fail, guarded

if TYPE_CHECKING:
    from vitruvian.cli.outputs import Outputs
    from vitruvian.finders import Analyzer
    from vitruvian.images import PictureFile


class Format(StrEnum):
    """What is written for each picture."""

    json = "json"
    coco = "coco"
    yolo = "yolo"
    csv = "csv"


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command("analyze")(analyze)


@guarded
def analyze(
    paths: Annotated[list[str], typer.Argument(help="Pictures, videos, folders or patterns such as 'photos/*.jpg'.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for results; without it JSON lines go to standard output.")
    ] = None,
    format: Annotated[Format, typer.Option(help="Form of the results in --out.")] = Format.json,
    draw: Annotated[bool, typer.Option("--draw", help="Also write overlays into --out.")] = False,
    model: Annotated[str, typer.Option(help="Name, path or https address of a model.")] = "parts22",
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="One threshold in place of all stored ones.")
    ] = None,
    labels: Annotated[str | None, typer.Option(help="Report only these, separated by commas.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, coreml or auto.")] = "cpu",
    size: Annotated[int, typer.Option(min=0, help="Long side of the network's input; 0 takes the model's.")] = 0,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 takes all.")] = 0,
    recover: Annotated[
        bool | None,
        typer.Option(
            "--recover/--no-recover",
            help="Look again, in the activation maps, for missed faces; by default with the model that ships.",
            show_default=False,
        ),
    ] = None,
    turned: Annotated[
        bool | None,
        typer.Option(
            "--turned/--no-turned", help="Turn what may lie on its side or upside down; on.", show_default=False
        ),
    ] = None,
    hidden_faces: Annotated[
        bool, typer.Option("--hidden-faces", help="Report faces of heads that are turned away, or buried, too.")
    ] = False,
    every: Annotated[int, typer.Option(min=1, help="Of a video, look at every N-th frame only.")] = 1,
    one_face: Annotated[
        bool, typer.Option("--one-face", help="Of a video, keep one face a frame: that of the surest track.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Do pictures again whose result exists.")] = False,
) -> None:
    """Find every part of the people in pictures and videos.

    A video gives one file of JSON lines, a scene a frame, in which faces and people have the numbers of their tracks;
    faces that are lost are looked for again near where they were.

    A result appears whole or not at all, and pictures that have one are skipped, so a stopped run goes on where it
    was. Pictures that fail are named on standard error, the rest goes on, and the exit code is then 1.
    """
    from vitruvian.cli.outputs import Outputs
    from vitruvian.finders import Analyzer

    if draw and out is None:
        raise typer.BadParameter("--draw needs --out, a folder for the overlays")
    if format is not Format.json and out is None:
        raise typer.BadParameter(f"--format {format.value} needs --out, a folder for the results")
    wanted = None if labels is None else [name.strip() for name in labels.split(",") if name.strip()]
    if wanted == []:
        raise typer.BadParameter("--labels names none")
    if out is not None and out.exists() and not out.is_dir():
        raise typer.BadParameter(f"--out {out} is a file, not a folder")
    pictures, videos, failures = _files(paths, out, format)
    analyzer = Analyzer(
        model, threshold, wanted, device, size, threads, recover=recover, turned=turned, hidden_faces=hidden_faces
    )
    if videos:
        failures += _videos(analyzer, videos, out, format, draw, every, one_face, overwrite)
    if out is None:
        failures += _to_stdout(analyzer, pictures)
    elif pictures or not videos:
        outputs = Outputs(out, format.value, draw, analyzer.detector.names, pictures)
        failures += _to_folder(analyzer, outputs, overwrite)
    if failures:
        raise typer.Exit(1)


def _files(paths: Sequence[str], out: Path | None, format: Format) -> tuple[list[PictureFile], list[PictureFile], int]:
    """Pictures, videos, and the number of what cannot be done, each said in a line."""
    from vitruvian.cli.outputs import SUFFIXES, clashes, is_overlay
    from vitruvian.images import find_pictures
    from vitruvian.images.discover import PICTURE_SUFFIXES
    from vitruvian.images.video import VIDEO_SUFFIXES

    found = find_pictures(paths, PICTURE_SUFFIXES | VIDEO_SUFFIXES)
    refused = {}
    files = [file for file in found.pictures if str(file.path) in paths or not is_overlay(file.path, out)]
    videos = [file for file in files if file.path.suffix.lower() in VIDEO_SUFFIXES]
    pictures = [file for file in files if file not in videos]
    if out is not None:
        if format is Format.csv:
            refused = clashes(files, SUFFIXES["csv"], "csv")  # of pictures and videos alike
        else:
            refused = clashes(pictures, SUFFIXES[format.value], format.value) | clashes(videos, ".jsonl", format.value)
    for line in (*found.errors, *dict.fromkeys(refused.values())):
        fail(line)
    pictures, videos = ([file for file in some if file.path not in refused] for some in (pictures, videos))
    return pictures, videos, len(found.errors) + len(refused)


def _videos(
    analyzer: Analyzer,
    videos: Sequence[PictureFile],
    out: Path | None,
    format: Format,
    draw: bool,
    every: int,
    one_face: bool,
    overwrite: bool,
) -> int:
    from vitruvian.cli.video import FORMATS, VideoRun, analyze_videos
    from vitruvian.finders.video import VideoOptions

    if format.value not in FORMATS:
        for video in videos:
            fail(f"{video.path}: --format {format.value} has no place for a video's times and tracks; take json or csv")
        return len(videos)
    run = VideoRun(analyzer, VideoOptions(one_face), every, out, format.value, draw, overwrite)
    return analyze_videos(run, videos)


def _to_stdout(analyzer: Analyzer, pictures: Sequence[PictureFile]) -> int:
    from vitruvian.images import ReadError

    failures = 0
    for picture in pictures:
        try:
            print(analyzer.analyze(picture.path).to_json(), flush=True)
        except ReadError as error:
            failures += 1
            fail(str(error))
    return failures


def _to_folder(analyzer: Analyzer, outputs: Outputs, overwrite: bool) -> int:
    from vitruvian.cli.console import progress
    from vitruvian.images import ReadError

    if not overwrite:
        outputs.check()
    failures = skipped = 0
    with progress("analysing", len(outputs.pictures)) as advance:
        for picture in outputs.pictures:
            try:
                if not overwrite and outputs.done(picture):
                    skipped += 1
                else:
                    outputs.write(picture, analyzer.analyze(picture.path))
            except ReadError as error:
                failures += 1
                fail(str(error))
            except OSError as error:
                failures += 1
                fail(f"{picture.path}: its result cannot be written: {error}")
            advance()
    outputs.finish()
    done = len(outputs.pictures) - failures - skipped
    note = f", {skipped} had results already (--overwrite does them again)" if skipped else ""
    print(f"{done} analysed{note}, {failures} failed; results in {outputs.folder}", file=sys.stderr)
    return failures
