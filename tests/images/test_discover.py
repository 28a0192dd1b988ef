"""Finding pictures: what is found, in which order, under which output name; and what is reported."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from vitruvian.images import PictureFile, find_pictures, output_conflicts


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "sub/deep/c.webp", "sub/a.tiff", ".cache/d.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


def relatives(*paths: str | Path) -> list[str]:
    found = find_pictures(paths)
    assert found.errors == ()
    return [str(picture.relative) for picture in found.pictures]


def test_a_folder_is_searched_sorted_and_below(tree: Path) -> None:
    assert relatives(tree) == ["a.PNG", "b.jpg", "sub/a.tiff", "sub/deep/c.webp"]
    assert relatives(f"{tree}{os.sep}") == relatives(tree)


def test_a_file_goes_by_its_name_whatever_its_suffix(tree: Path) -> None:
    assert relatives(tree / "sub" / "a.tiff", tree / "notes.txt") == ["a.tiff", "notes.txt"]


def test_patterns(tree: Path) -> None:
    assert relatives(f"{tree}/*.jpg") == ["b.jpg"]
    assert relatives(f"{tree}/*/a.*") == ["sub/a.tiff"]
    assert relatives(f"{tree}/sub/*") == ["a.tiff", "deep/c.webp"]
    assert relatives(f"{tree}/**/*.webp") == ["sub/deep/c.webp"]
    assert relatives(f"{tree}/**") == relatives(tree)
    assert relatives(f"{tree}/[ab].*") == ["a.PNG", "b.jpg"]


def test_a_pattern_starts_from_the_working_folder(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    assert relatives("*.jpg", "sub/*.tiff") == ["b.jpg", "a.tiff"]
    assert relatives(".") == relatives(tree)


def test_an_existing_name_with_brackets_is_no_pattern(tree: Path) -> None:
    (tree / "img[1].jpg").touch()
    assert relatives(tree / "img[1].jpg") == ["img[1].jpg"]


def test_no_picture_comes_twice(tree: Path) -> None:
    (tree / "link.jpg").symlink_to(tree / "b.jpg")
    assert relatives(tree / "b.jpg", tree, f"{tree}/*.jpg") == ["b.jpg", "a.PNG", "sub/a.tiff", "sub/deep/c.webp"]


def test_linked_folders_do_not_loop(tree: Path) -> None:
    (tree / "sub" / "up").symlink_to(tree)
    assert relatives(tree) == ["a.PNG", "b.jpg", "sub/a.tiff", "sub/deep/c.webp"]


def test_failures_are_collected_and_the_rest_is_found(tree: Path) -> None:
    found = find_pictures([tree / "gone.jpg", tree / "empty", f"{tree}/*.gif", "", "a\0b", tree / "b.jpg"])
    assert [str(picture.relative) for picture in found.pictures] == ["b.jpg"]
    for error, words in zip(
        found.errors,
        (
            f"{tree}/gone.jpg: no such file",
            f"{tree}/empty: no pictures",
            f"{tree}/*.gif: no picture matches",
            "'': not a path",
            "'a\\x00b': not a path",
        ),
        strict=True,
    ):
        assert error.startswith(words)
        assert "\n" not in error


def test_an_unreadable_folder_is_reported(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_pictures([tree])
    assert [str(picture.relative) for picture in found.pictures] == ["a.PNG", "b.jpg", "sub/a.tiff"]
    assert found.errors == (f"{tree}/sub/deep: folder cannot be read: Permission denied",)
    alone = find_pictures([tree / "sub" / "deep"])
    assert alone.pictures == ()
    assert len(alone.errors) == 1


def test_outputs_keep_the_folders_and_stay_inside(tree: Path) -> None:
    outputs = [picture.output(".json") for picture in find_pictures([tree, f"{tree}/sub/../sub/*"]).pictures]
    assert outputs == [PurePosixPath(p) for p in ("a.json", "b.json", "sub/a.json", "sub/deep/c.json")]
    assert PictureFile(Path("x/v1.2.jpg"), PurePosixPath("v1.2.jpg")).output(".json") == PurePosixPath("v1.2.json")
    assert PictureFile(Path("x/plain"), PurePosixPath("plain")).output(".json") == PurePosixPath("plain.json")


def test_conflicts_name_all_that_share_an_output(tree: Path) -> None:
    (tree / "a.jpg").touch()
    (tree / "other").mkdir()
    (tree / "other" / "b.jpg").touch()
    (tree / "other" / "b.gif").touch()
    pictures = find_pictures([tree / "b.jpg", tree / "other", tree / "a.PNG", tree / "a.jpg"]).pictures
    conflicts = output_conflicts(pictures)
    assert [conflict.output for conflict in conflicts] == [PurePosixPath("b.json"), PurePosixPath("a.json")]
    assert conflicts[0].paths == (tree / "b.jpg", tree / "other" / "b.gif", tree / "other" / "b.jpg")
    assert str(conflicts[1]) == f"{tree}/a.PNG and {tree}/a.jpg: would be written to the same a.json"
    assert output_conflicts(find_pictures([tree / "sub", tree / "b.jpg"]).pictures) == ()
