"""``vitruvian evaluate``: measure predictions, or a model, under a named protocol."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from vitruvian.cli.measure_common import (
    Exhaustive,
    Format,
    Images,
    Joints,
    Rename,
    Report,
    card_of,
    load_pairs,
    load_truth,
    one_line_errors,
    read_mapping,
    show,
    skeleton_named,
)
from vitruvian.data.dataset import Dataset
from vitruvian.metrics import (
    FaceRecallResult,
    HeadsResult,
    MetricError,
    Options,
    Predictions,
    Result,
    bootstrap_activity,
    bootstrap_boxes,
    bootstrap_pose,
    bootstrap_result,
    evaluate,
    evaluate_activity,
    evaluate_slices,
    list_protocols,
    load_classified,
)
from vitruvian.metrics.challenger import ChallengerResult
from vitruvian.metrics.confusion import confusion_matrix
from vitruvian.metrics.judging import BoxProtocol
from vitruvian.metrics.landmarks import LandmarkResult
from vitruvian.metrics.pck import PckResult
from vitruvian.taxonomy import WHOLE_FACE

Draw = tuple[Dataset, Predictions, float | Mapping[str, float]]
_ACTIVITY = "activity"
_BOXES: dict[str, BoxProtocol] = {"boxes-partial": "partial", "boxes-coco": "coco"}


def register(app: typer.Typer) -> None:
    """Add ``evaluate``."""
    app.command("evaluate")(_evaluate)


def _print_protocols(asked: bool) -> None:
    if asked:
        rows = [(p.name, p.summary) for p in list_protocols()]
        rows.append((_ACTIVITY, "precision, recall, F1, top-5, calibration of one class a picture (csv file,label)"))
        for name, summary in rows:
            typer.echo(f"{name:<22}{summary}")
        raise typer.Exit


def _evaluate(
    truth: Annotated[
        list[Path],
        typer.Option(
            help="Label file (COCO json; for activity a csv), or a folder with a val.json; several are pooled.",
            show_default=False,
        ),
    ],
    predictions: Annotated[
        list[Path] | None, typer.Option(help="COCO results json (for activity a csv or json), one a truth.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Name or path of a model, in place of predictions.")] = None,
    protocol: Annotated[str, typer.Option(help="How to measure; --protocols lists them.")] = "boxes-partial",
    images: Images = None,
    exhaustive: Exhaustive = "file",
    rename: Rename = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Confidence; by default the model's own, else 0.5.")
    ] = None,
    thresholds: Annotated[Path | None, typer.Option(help="json {label: confidence}, or a model card.")] = None,
    attribute: Annotated[str, typer.Option(help="Attribute for boxes-by-attribute.")] = "occlusion_degree",
    label: Annotated[str, typer.Option(help="Class of the faces, for the faces-* protocols.")] = WHOLE_FACE,
    precision: Annotated[float, typer.Option(help="Precision to hold, for faces-recall.")] = 0.9,
    joints: Joints = None,
    training: Annotated[Path | None, typer.Option(help="Training labels for detection-ratio.")] = None,
    recovered: Annotated[Path | None, typer.Option(help="The second pass's results for faces-recovered.")] = None,
    hierarchy: Annotated[Path | None, typer.Option(help="json {class: what it is a kind of} for Open Images.")] = None,
    bootstrap: Annotated[int, typer.Option(min=0, help="Draws for 95 % intervals of the headline; 0 for none.")] = 0,
    slices: Annotated[list[str] | None, typer.Option("--slice", help="Picture attribute to slice by.")] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.table,
    report: Report = None,
    _: Annotated[
        bool, typer.Option("--protocols", callback=_print_protocols, is_eager=True, help="List the protocols.")
    ] = False,
) -> None:
    """Measure predictions, or a model, against labelled pictures under a named protocol."""
    with one_line_errors():
        drawn: Draw | None = None
        if protocol == _ACTIVITY:
            results = _activity(truth, predictions, bootstrap)
        else:
            data, found = load_pairs(truth, predictions, model, images, exhaustive, rename)
            options = Options(
                threshold=0.5 if threshold is None else threshold,
                thresholds=_thresholds(thresholds, model if threshold is None else None),
                attribute=attribute,
                label=label,
                precision=precision,
                resamples=bootstrap or Options().resamples,
                skeleton=skeleton_named(joints),
                training=None if training is None else load_truth(training, None, "file", rename),
                recovered=None if recovered is None else _recovered(recovered, truth, images, exhaustive),
                hierarchy=None if hierarchy is None else _hierarchy(hierarchy),
            )
            results = _results(protocol, data, found, options, bootstrap, slices or [])
            stated = threshold is not None or options.thresholds or protocol not in _BOXES
            drawn = data, found, options.cut if stated else {}
        show(results, form)
        if report is not None:
            typer.echo(f"page: {_write(report, results, drawn, model, _said(truth, exhaustive, rename))}", err=True)


def _write(report: Path, results: list[Result], drawn: Draw | None, model: str | None, data: str) -> Path:
    from vitruvian.reports.evaluation import write_evaluation
    from vitruvian.reports.examples import worst_pictures

    examples = () if drawn is None else worst_pictures(drawn[0], drawn[1], results[0], drawn[2])
    title = f"Evaluation of {'predictions' if model is None else Path(model).stem}"
    return write_evaluation(report, results[0], results[1:], title, data, examples)


def _said(truth: list[Path], exhaustive: str, rename: list[str] | None) -> str:
    """What was measured on, for the page; of a path only its last two parts, which say enough and give nothing away."""
    text = "on " + " and ".join("/".join(path.absolute().parts[-2:]) for path in truth)
    text += "" if exhaustive == "file" else f", exhaustive for {exhaustive}"
    return text + (f", labels renamed {', '.join(rename)}" if rename else "")


def _activity(truth: list[Path], predictions: list[Path] | None, bootstrap: int) -> list[Result]:
    if len(truth) != 1 or predictions is None or len(predictions) != 1:
        raise MetricError("activity takes one --truth (csv file,label) and one --predictions")
    outcome = load_classified(truth[0], predictions[0])
    results: list[Result] = [evaluate_activity(outcome)]
    if bootstrap:
        results.append(bootstrap_activity(outcome, resamples=bootstrap))
    return results


def _results(
    protocol: str, data: Dataset, found: Predictions, options: Options, bootstrap: int, slices: list[str]
) -> list[Result]:
    first = evaluate(protocol, data, found, options)
    results: list[Result] = [first]
    if protocol in _BOXES:
        kind = _BOXES[protocol]
        results.append(confusion_matrix(data, found, kind))
        if bootstrap:
            results.append(bootstrap_boxes(data, found, kind, resamples=bootstrap))
        results += [evaluate_slices(data, found, name, kind) for name in slices]
    elif isinstance(first, LandmarkResult | PckResult | ChallengerResult) and bootstrap:
        results.append(bootstrap_result(first, resamples=bootstrap))
    elif protocol == "pose-oks" and bootstrap:
        results.append(bootstrap_pose(data, found, options.skeleton, resamples=bootstrap))
    elif slices or (bootstrap and not isinstance(first, FaceRecallResult | HeadsResult)):
        raise MetricError(
            f"{protocol} has no intervals or slices; intervals are for boxes, faces, pose, landmarks, activity"
        )
    return results


def _thresholds(path: Path | None, model: str | None) -> dict[str, float]:
    if path is None:
        return {} if model is None else dict(card_of(model).thresholds)
    value = read_mapping(path, "thresholds")
    held = value.get("thresholds", value)
    if not isinstance(held, dict) or not all(isinstance(v, int | float) for v in held.values()):
        raise MetricError(f"{path}: not {{label: confidence}}, and no model card")
    return {str(k): float(v) for k, v in held.items()}


def _recovered(path: Path, truth: list[Path], images: Path | None, exhaustive: str) -> Predictions:
    if len(truth) != 1:
        raise MetricError("faces-recovered takes one truth")
    return Predictions.load(path, load_truth(truth[0], images, exhaustive, None))


def _hierarchy(path: Path) -> dict[str, str]:
    value = read_mapping(path, "{class: what it is a kind of}")
    if not all(isinstance(v, str) for v in value.values()):
        raise MetricError(f"{path}: not {{class: what it is a kind of}}")
    return {str(k): str(v) for k, v in value.items()}
