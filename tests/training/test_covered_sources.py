"""The pictures that a second look is measured on: covered anew for each seed; and what is surely wrong in them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from PIL import Image

from vitruvian.data.dataset import Annotation, Dataset, Picture
from vitruvian.finders.faces import FaceModel
from vitruvian.finders.witnesses import Heard
from vitruvian.images import read_picture
from vitruvian.metrics import Predictions
from vitruvian.taxonomy import WHOLE_FACE
from vitruvian.training.join_witnesses import Proposed
from vitruvian.training.publish_second_look import covered_sources
from vitruvian.training.recipe import load_recipe

RECIPE = """
name: second
data_dir: DATA
model: {labels: [whole face], maps: {model: shipped}}
data:
  train: {}
  val:
    faces: {json: val.json, derive: facial_parts}
    plain: {json: plain.json}
"""
NOBODY = cast(FaceModel, SimpleNamespace(name="nobody", boxes=lambda picture: np.zeros((0, 4), np.float32)))


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Dataset]]:
    folder = tmp_path_factory.mktemp("covered_sources")
    (folder / "images").mkdir()
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform((80, 50), (140, 120), (68, 2)), np.full(68, 2)]).astype(np.float32)
    box = (*points[:, :2].min(axis=0).tolist(), *points[:, :2].max(axis=0).tolist())
    face = Annotation("face", cast(tuple[float, float, float, float], box), 1, keypoints=points)
    coarse = Image.fromarray(rng.integers(60, 200, (8, 9, 3), dtype=np.uint8))
    coarse.resize((220, 160)).save(folder / "images" / "1.png")
    picture = Picture(1, "1.png", 220, 160, (face,), frozenset(), source="afw")
    Dataset(("face",), (picture,), folder / "images", {"face": tuple(map(str, range(68)))}).save(folder / "val.json")
    plain = replace(picture, annotations=(Annotation(WHOLE_FACE, face.box, 1),), exhaustive=frozenset({WHOLE_FACE}))
    Dataset((WHOLE_FACE,), (plain,), folder / "images").save(folder / "plain.json")
    (folder / "recipe.yaml").write_text(RECIPE.replace("DATA", str(folder)))
    val = load_recipe(folder / "recipe.yaml").data.val
    return covered_sources(val, folder, NOBODY, folder / "scratch", coverings={2.0: (0, 1), 3.0: (0,)})


def test_every_seed_covers_the_faces_anew(sources: dict[str, list[Dataset]]) -> None:
    counts = {name: len(datasets) for name, datasets in sources.items()}
    wide = {f"faces {level}, 3 times the face": 1 for level in ("none", "easy", "medium", "hard")}
    assert counts == {"faces none": 1, "faces easy": 2, "faces medium": 2, "faces hard": 2, **wide, "plain": 1}
    first, second = (read_picture(d.path(d.pictures[0])) for d in sources["faces hard"])
    assert first.shape == second.shape
    assert (first != second).any()
    widest = read_picture(sources["faces hard, 3 times the face"][0].path(sources["faces hard"][0].pictures[0]))
    assert widest.shape[1] > first.shape[1]


def test_a_wrong_face_is_surely_wrong_in_a_crop_or_where_there_is_none(sources: dict[str, list[Dataset]]) -> None:
    nothing = Predictions.empty((WHOLE_FACE,))

    def certain(truth: Dataset) -> bool:
        return Proposed("set", truth, nothing, np.zeros(0, dtype=np.int64), Heard.silence(0), 0.5).certain

    assert certain(sources["faces medium"][0])
    plain = sources["plain"][0]
    assert not certain(plain)  # a crowd, for all that is known
    assert certain(plain.map(lambda p: replace(p, annotations=())))
