"""``vitruvian data`` verbs around labelling: ``fetch``, ``frames``, ``propose`` and ``complete``, ``show``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitruvian.cli.console import progress
from vitruvian.cli.data_common import Exhaustive, Images, OneSet, load, one_line_errors

if TYPE_CHECKING:
    from vitruvian.images.video import Frame


def register(app: typer.Typer) -> None:
    """Add the verbs to ``vitruvian data``."""
    _fetch(app)
    _frames(app)
    _complete(app)
    _show(app)


def _fetch(app: typer.Typer) -> None:
    @app.command("fetch")
    def fetch_command(
        name: Annotated[str, typer.Argument(help="What to download: open-images.")],
        out: Annotated[Path, typer.Option(help="Folder to download into; run again to go on.")],
        classes: Annotated[str, typer.Option(help="Display names, separated by commas.")],
        split: Annotated[str, typer.Option(help="train, validation or test.")] = "validation",
        most: Annotated[int | None, typer.Option(min=1, help="Pictures at most.")] = None,
        workers: Annotated[int, typer.Option(min=1, max=64, help="Downloads at a time.")] = 8,
    ) -> None:
        """Download a public set: resumable, in parallel, checked."""
        from vitruvian.data.dataset import DataError
        from vitruvian.data.fetch import fetch_open_images, known_split

        with one_line_errors():
            if name != "open-images":
                raise DataError(f"{name!r} cannot be downloaded; open-images can")
            wanted = [label.strip() for label in classes.split(",")]
            with progress("downloading pictures", most) as step:
                found = fetch_open_images(out, wanted, known_split(split), most, workers, step)
        for image, reason in found.failed[:5]:
            typer.echo(f"{image}: {reason}", err=True)
        typer.echo(f"{found.pictures:,} pictures in {out / 'images'}, {len(found.failed):,} could not be had")
        typer.echo(f"next: vitruvian data convert {out} --out {out / 'labels.json'}")


def _frames(app: typer.Typer) -> None:
    @app.command("frames")
    def frames_command(
        video: Annotated[Path, typer.Argument(help="A video file.")],
        out: Annotated[Path, typer.Option(help="Folder of the frames and frames.json.")],
        change: Annotated[float, typer.Option(min=0, max=1, help="How much a frame must differ from the last.")] = 0.06,
        most: Annotated[int | None, typer.Option(min=1, help="Frames at most.")] = None,
    ) -> None:
        """Pick the frames of a video that differ, for labelling."""
        from vitruvian.data.frames import pick_frames, read_frames, save_frames

        with one_line_errors(), progress("reading frames", None) as step:

            def counted() -> Iterator[Frame]:
                for frame in read_frames(video):
                    step()
                    yield frame

            dataset = save_frames(pick_frames(counted(), change, most), video.stem, out)
            dataset.save(out / "frames.json")
        typer.echo(f"wrote {len(dataset):,} frames and {out / 'frames.json'}")


def _complete(app: typer.Typer) -> None:
    @app.command("propose")
    def propose_command(
        data: OneSet,
        predictions: Annotated[Path, typer.Option(help="COCO results json of a model on these pictures.")],
        out: Annotated[Path, typer.Option(help="Folder (cvat) or json file (label_studio) to write.")],
        to: Annotated[str, typer.Option(help="cvat or label_studio.")] = "cvat",
        threshold: Annotated[float, typer.Option(min=0, max=1, help="Least score of a proposal.")] = 0.3,
        images: Images = None,
        exhaustive: Exhaustive = "file",
    ) -> None:
        """Export partly labelled pictures with a model's proposals, to be corrected in an annotation tool."""
        from vitruvian.data.complete import read_proposals, with_proposals
        from vitruvian.data.dataset import DataError
        from vitruvian.data.formats import write

        with one_line_errors():
            if to not in ("cvat", "label_studio"):
                raise DataError(f"--to {to!r} is none of cvat, label_studio")
            dataset = load(data, images, exhaustive)
            try:
                rows = json.loads(predictions.read_text(encoding="utf-8"))
            except ValueError as error:
                raise DataError(f"{predictions}: not valid JSON: {error}") from None
            proposed = with_proposals(dataset, read_proposals(rows, dataset, str(predictions)), threshold)
            write(proposed, out, to)
        count = sum(bool(a.attributes.get("proposal")) for p in proposed for a in p.annotations)
        typer.echo(f"wrote {len(proposed):,} pictures with {count:,} proposals to {out}")

    @app.command("complete")
    def complete_command(
        data: OneSet,
        corrected: Annotated[Path, typer.Option(help="COCO json that CVAT or Label Studio exported.")],
        labels: Annotated[str, typer.Option(help="Classes that were reviewed, separated by commas.")],
        out: Annotated[Path, typer.Option(help="Label file to write.")],
        images: Images = None,
        exhaustive: Exhaustive = "file",
    ) -> None:
        """Take corrected labels back and mark their pictures exhaustive for the reviewed classes."""
        from vitruvian.data.complete import reviewed

        with one_line_errors():
            names = [label.strip() for label in labels.split(",")]
            result = reviewed(load(data, images, exhaustive), load(corrected, None, "none"), names)
            result.dataset.save(out)
        typer.echo(
            f"wrote {out}: {result.pictures:,} pictures reviewed, {result.added:,} instances added, "
            f"{result.removed:,} removed"
        )


def _show(app: typer.Typer) -> None:
    @app.command("show")
    def show_command(
        data: OneSet,
        out: Annotated[Path, typer.Option(help="Folder of the gallery.")] = Path("gallery"),
        fiftyone: Annotated[bool, typer.Option("--fiftyone", help="Open in FiftyOne instead.")] = False,
        images: Images = None,
        exhaustive: Exhaustive = "file",
    ) -> None:
        """Write a static gallery of all pictures with their labels, or hand the set over to FiftyOne."""
        from vitruvian.reports.data_gallery import hand_to_fiftyone, write_gallery

        with one_line_errors():
            dataset = load(data, images, exhaustive)
            if fiftyone:
                hand_to_fiftyone(dataset, data.stem)
                return
            with progress("drawing pictures", len(dataset)) as step:
                page = write_gallery(dataset, out, str(data), step)
        typer.echo(f"wrote {page}")
