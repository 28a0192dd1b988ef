"""Inspecting files: damage, sizes, copies across splits, interruption."""

from __future__ import annotations

from dataclasses import replace

from workshop_builders import make_dataset, make_picture, write_pictures

from vitruvian.data.inspection.inspect import inspect_splits

BOX = ("a", (10.0, 10.0, 60.0, 60.0))


def two_splits(tmp_path):
    train = make_dataset(["a"], [make_picture(i, [BOX], size=(240, 230)) for i in (1, 2, 3, 4)], tmp_path / "train")
    val = make_dataset(["a"], [make_picture(i, [BOX], size=(240, 230)) for i in (1, 2)], tmp_path / "val")
    write_pictures(train, seed=0)
    write_pictures(val, seed=1)
    return train, val


def test_files_copies_and_issues(tmp_path) -> None:
    train, val = two_splits(tmp_path)
    (val.images_dir / "0002.png").write_bytes((train.images_dir / "0001.png").read_bytes())
    (train.images_dir / "0002.png").unlink()
    (train.images_dir / "0003.png").write_bytes(b"\x89PNG broken")
    wrong = replace(train.pictures[3], width=999)
    train = replace(train, pictures=(*train.pictures[:3], wrong))
    seen = []
    found = inspect_splits({"train": train, "val": val}, on_picture=lambda: seen.append(1))
    assert len(seen) == 6
    kinds = {i.kind for i in found.splits[0].issues}
    assert kinds == {"picture missing", "picture corrupt", "picture size differs from the labels"}
    assert found.splits[1].issues == ()
    assert found.splits[0].files is not None
    assert (found.splits[0].files.opened, found.splits[0].files.failed) == (2, 2)
    assert found.copies is not None
    [copy] = found.copies
    assert copy.members == (("train", "0001.png"), ("val", "0002.png"))
    assert copy.across
    assert copy.identical


def test_small_and_large_pictures(tmp_path) -> None:
    pictures = [make_picture(1, size=(300, 223)), make_picture(2, size=(2001, 300)), make_picture(3, size=(2000, 224))]
    dataset = make_dataset(["a"], pictures, tmp_path)
    write_pictures(dataset)
    [split] = inspect_splits({"all": dataset}).splits
    assert [(i.kind, i.place) for i in split.issues] == [
        ("picture under 224 pixels", "0001.png"),
        ("picture over 2000 pixels", "0002.png"),
    ]


def test_without_pictures_no_file_is_touched(tmp_path) -> None:
    dataset = make_dataset(["a"], [make_picture(1, [BOX])], tmp_path / "nowhere")
    found = inspect_splits({"all": dataset}, pictures=False)
    assert found.copies is None
    assert found.splits[0].files is None
    assert found.splits[0].labels.boxes == 1


def test_an_interruption_keeps_what_was_found(tmp_path) -> None:
    train, val = two_splits(tmp_path)
    steps = []

    def interrupt() -> None:
        steps.append(1)
        if len(steps) == 3:
            raise KeyboardInterrupt

    found = inspect_splits({"train": train, "val": val}, on_picture=interrupt)
    assert not found.complete
    assert found.splits[0].files is not None
    assert found.splits[0].files.opened == 3
    assert found.splits[1].files is None
    assert found.splits[1].labels.boxes == 2
