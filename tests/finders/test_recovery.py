from __future__ import annotations

import multiprocessing
import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from vitruvian import Analyzer
from vitruvian.finders.detections import Detections
from vitruvian.finders.detector import Detector, OutputWithMaps
from vitruvian.finders.face_geometry import faces_in_heads
from vitruvian.finders.recovery import Recovered, SecondLook, apart, found_again
from vitruvian.finders.witnesses import HEAD, Heard, joined
from vitruvian.images import Letterbox, read_picture, sample_picture
from vitruvian.zoo import ModelError, ModelFile, find_model, find_second_look
from vitruvian.zoo.cards import Fusion, Place

KNOWN = np.array([[100, 100, 200, 200]], dtype=np.float32)


@pytest.mark.parametrize(
    ("box", "again"),
    [
        ((100, 100, 200, 200), True),
        ((190, 100, 290, 200), False),  # a tenth of either is shared, and no more
        ((188, 100, 288, 200), True),
        ((140, 140, 150, 150), True),  # small, and on it
        ((200, 100, 300, 200), False),
        ((0, 0, 800, 800), True),
    ],
)
def test_two_faces_hardly_share_any_area(box: tuple[float, ...], again: bool) -> None:
    found = np.asarray([box, (900, 900, 950, 950)], dtype=np.float32)
    assert found_again(found, KNOWN).tolist() == [again, False]
    assert found_again(KNOWN, found[:1]).tolist() == [again]
    assert found_again(found, np.zeros((0, 4), dtype=np.float32)).tolist() == [False, False]
    assert found_again(np.zeros((0, 4), dtype=np.float32), KNOWN).tolist() == []


def test_witnesses_are_joined_as_the_card_says() -> None:
    fusion = Fusion(reader=2.0, first_pass=0.5, parts=1.0, head=4.0, agreement=3.0, bias=-1.0)
    rows = np.array([[0.5, 2.0, 0, 0, 0], [0, 0, 1.0, 0, 0], [3.0, 0, 0.5, 0, 0], [0, 0, 0, 0.75, 0.5]])
    expected = 1 / (1 + np.exp(-np.array([1.0, 0.0, 5.5, 3.5])))
    np.testing.assert_allclose(joined(fusion, rows), expected, rtol=1e-6)
    older = Fusion(reader=2.0, first_pass=0.5, parts=1.0, bias=-1.0)  # of a card from before heads were heard
    np.testing.assert_allclose(joined(older, rows)[:3], expected[:3], rtol=1e-6)
    assert joined(older, rows)[3] == joined(older, np.zeros((1, 5)))[0]
    terms = np.column_stack((rows, [1.0, 0, 0, 0], [0, 2.0, 0, 0]))
    np.testing.assert_allclose(joined(fusion, terms), expected, rtol=1e-6)  # a card that does not weigh them
    weighed = joined(fusion.model_copy(update={"terms": [-1.0, 0.25]}), terms)
    np.testing.assert_allclose(weighed, 1 / (1 + np.exp(-np.array([0.0, 0.5, 5.5, 3.5]))), rtol=1e-6)


def look_again(mean: tuple[float, ...], head: float, known: np.ndarray, threshold: float | None = None) -> Recovered:
    """A second look whose reader proposes a box of its own, and whose witnesses say ``mean`` and how sure a head is."""
    first = find_model()
    look = SecondLook(Detector(first), find_second_look(first.card))
    look.fusion = Fusion(reader=1.0, first_pass=0.0, parts=0.0, bias=0.0)
    heard = Heard.silence(1)
    heard.boxes[0, :] = mean
    heard.scores[0] = (0.98, 0.98, 0.9, head)
    proposal = np.array([[250, 250, 330, 330]], dtype=np.float32), np.array([0.9], dtype=np.float32)
    look._read = lambda *_: proposal  # type: ignore[assignment]
    look._witnesses = SimpleNamespace(look=lambda *_: None, hear=lambda *_: heard)  # type: ignore[assignment]
    labels = len(first.card.labels)
    scores, places = np.full((1, 169, labels), 0.5, np.float32), np.zeros((1, 169, labels, 4), np.float32)
    maps = (np.ones((1, labels, 13, 13), np.float32),)
    return look(OutputWithMaps(scores, places, (32,), maps, maps), Letterbox.fit(416, 416, 416), known, threshold)


def test_a_head_that_speaks_for_a_face_is_named_as_evidence() -> None:
    found = look_again((240, 240, 330, 330), 0.7, KNOWN)
    assert len(found) == 1
    assert found.evidence[0][HEAD] == 0.7
    assert "nose" in found.evidence[0]
    assert HEAD not in look_again((240, 240, 330, 330), 0.0, KNOWN).evidence[0]


@pytest.mark.parametrize(("score", "box", "read"), [
    (0.12, (250, 250, 330, 330), True),
    (0.08, (250, 250, 330, 330), False),
    (0.4, (110, 110, 190, 190), False),  # of the face that is sure
])  # fmt: skip
def test_maps_are_read_only_where_the_first_pass_sees_a_trace_of_a_further_face(
    score: float, box: tuple[float, ...], read: bool
) -> None:
    first = find_model()
    look = SecondLook(Detector(first), find_second_look(first.card))
    asked = []

    def reader(*_: object) -> tuple[np.ndarray, np.ndarray]:
        asked.append(True)
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)

    look._read = reader  # type: ignore[assignment]
    labels = first.card.labels
    scores = np.full((1, 169, len(labels)), 0.05, np.float32)
    scores[0, 7, labels.index("whole face")] = score
    maps = (np.ones((1, len(labels), 13, 13), np.float32),)
    places = np.tile(np.asarray(box, np.float32), (1, 169, len(labels), 1))
    assert len(look(OutputWithMaps(scores, places, (32,), maps, maps), Letterbox.fit(416, 416, 416), KNOWN)) == 0
    assert bool(asked) == read


def test_reading_on_another_core_changes_nothing() -> None:
    first = find_model()
    detector = Detector(first, threads=1)
    picture = hidden_face()
    output, letterbox = detector.dense(picture, picture.shape[1], picture.shape[0])
    alone, aside = (SecondLook(detector, find_second_look(first.card), threads) for threads in (1, 2))
    nothing = np.zeros((0, 4), dtype=np.float32)
    one, two = (look.propose(output, letterbox, nothing) for look in (alone, aside))
    assert len(one) > 0
    for name in ("boxes", "scores", "telling"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    aside._read = None  # type: ignore[assignment]
    with pytest.raises(TypeError):  # what goes wrong there is told here
        aside.propose(output, letterbox, nothing)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_looks_as_its_parent_does() -> None:
    first = find_model()
    detector = Detector(first, threads=1)
    look = SecondLook(detector, find_second_look(first.card), threads=2)
    picture = hidden_face()
    output, letterbox = detector.dense(picture, picture.shape[1], picture.shape[0])
    nothing = np.zeros((0, 4), dtype=np.float32)
    here = look.propose(output, letterbox, nothing)

    def there() -> None:
        sys.exit(0 if np.array_equal(look.propose(output, letterbox, nothing).scores, here.scores) else 3)

    child = multiprocessing.get_context("fork").Process(target=there)
    child.start()
    child.join(30)
    waits = child.is_alive()
    child.kill()
    assert not waits
    assert child.exitcode == 0


def test_of_claims_that_lie_on_each_other_the_surest_stays() -> None:
    claims = np.array([[0, 0, 40, 40], [36, 36, 76, 76], [20, 20, 60, 60], [100, 0, 140, 40]], dtype=np.float32)
    assert apart(claims).tolist() == [0, 1, 3]  # the second shares a hundredth with the first
    assert apart(claims[::-1]).tolist() == [0, 1]  # the third lies on both that are less sure
    assert apart(claims[:0]).tolist() == []


def test_a_second_look_reports_no_two_faces_on_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = np.array([[240, 240, 330, 330], [290, 240, 380, 330]], dtype=np.float32)  # IoU 0.29
    rows = np.array([[1.0, 0, 0, 0, 0], [3.0, 0, 0, 0, 0]])
    monkeypatch.setattr("vitruvian.finders.recovery.fresh_faces", lambda *_: (boxes, rows))
    found = look_again((240, 240, 330, 330), 0.7, KNOWN, threshold=0.5)
    assert found.boxes.tolist() == [boxes[1].tolist()]


def test_a_face_that_its_witnesses_move_onto_a_sure_one_is_dropped() -> None:
    assert len(look_again((150, 150, 250, 250), 0.7, KNOWN)) == 0


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"place": Place(hidden=[[0.0]] * 90, edges=[(0.0, 0.0, 0.0, 0.0)] * 2)}, "place.hidden has 90 rows, not 91"),
        ({"terms": [0.0] * 91}, "terms has 91 rows"),
    ],
)
def test_a_card_with_witnesses_of_another_version_is_refused(rows: dict[str, object], said: str) -> None:
    first = find_model()
    second = find_second_look(first.card)
    assert second is not None
    assert second.card.fusion is not None
    fusion = second.card.fusion.model_copy(update=rows)
    other = ModelFile(second.path, second.card.model_copy(update={"fusion": fusion}))
    with pytest.raises(ModelError, match=rf"'second_look' is of another version: fusion.{said}"):
        SecondLook(Detector(first), other)


def test_a_head_without_a_face_has_its_hidden_face_reported_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Detector(find_model(), threads=1).names
    head, face = names.index("Human head"), names.index("whole face")
    boxes = np.array([[100, 100, 200, 200], [300, 100, 400, 200], [330, 130, 380, 190]], dtype=np.float32)
    found = Detections(boxes, np.array([0.9, 0.8, 0.7], np.float32), np.array([head, head, face]), names)
    monkeypatch.setattr(Detector, "detect", lambda *_: found)
    pixels = np.zeros((300, 500, 3), np.uint8)
    plain = Analyzer(recover=False, threads=1).analyze(pixels)
    assert [other.found_by for other in plain.faces] == ["first_pass"]
    both = Analyzer(recover=False, threads=1, hidden_faces=True).analyze(pixels)
    [hidden] = [other for other in both.faces if other.found_by == "recovery"]
    np.testing.assert_allclose(hidden.box, faces_in_heads(boxes[:1])[0], atol=0.01)
    assert hidden.score == pytest.approx(0.9)
    assert hidden.evidence is not None
    assert (hidden.evidence.reason, dict(hidden.evidence.parts)) == ("head without a face", {"Human head": 0.9})
    assert hidden.person == next(part.person for part in both.parts if part.box[0] == 100)
    assert [other.box for other in both.faces if other.found_by == "first_pass"] == [plain.faces[0].box]


def hidden_face() -> np.ndarray:
    """The astronaut with a plain board before the lower half of her face."""
    pixels = read_picture(sample_picture()).copy()
    pixels[120:230, 170:290] = (90, 110, 140)
    return pixels


def test_the_second_look_adds_faces_and_changes_none_of_the_first_pass() -> None:
    one, two = Analyzer(recover=False, threads=1), Analyzer(recover=True, threads=1)
    for pixels in (hidden_face(), read_picture(sample_picture())):
        first, both = one.analyze(pixels), two.analyze(pixels)
        sure = [face.box for face in both.faces if face.found_by == "first_pass"]
        assert sure == [face.box for face in first.faces]
        for face in both.faces:
            assert (face.evidence is not None) == (face.found_by == "recovery")


def test_a_lower_threshold_of_the_user_holds_for_the_second_look_too() -> None:
    low = Analyzer(threshold=0.2, recover=True, threads=1)
    assert low.second_look is not None
    assert low.second_look.threshold == 0.2
    kept = Analyzer(threshold={"Human hand": 0.2}, recover=True, threads=1)
    assert kept.second_look is not None
    assert kept.second_look.threshold == find_second_look(find_model().card).card.thresholds["whole face"]


def test_a_model_of_maps_is_no_model_of_pictures() -> None:
    with pytest.raises(ModelError, match="looks at activation maps of 'parts22', not at pictures"):
        Analyzer("second_look")
