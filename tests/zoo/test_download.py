"""Downloads against a server on loopback."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vitruvian.zoo import ModelError, find_model
from vitruvian.zoo import download as downloading


class _Quiet(SimpleHTTPRequestHandler):
    served: list[str] = []  # noqa: RUF012 - shared on purpose: handlers are made anew for each request

    def do_GET(self) -> None:
        self.served.append(self.path)
        if self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/moved/"))
            self.end_headers()
            return
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the server offers: a file that stands for a model, and its card."""
    folder = tmp_path / "served"
    folder.mkdir()
    content = b"stands for an ONNX file" * 1000
    (folder / "m.onnx").write_bytes(content)
    card = json.loads(find_model().card.model_dump_json(by_alias=True))
    card |= {"name": "m", "file": "m.onnx", "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "m.json").write_text(json.dumps(card))
    return folder


@pytest.fixture
def url(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("VITRUVIAN_CACHE", str(tmp_path / "cache"))
    _Quiet.served.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/m.onnx"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_model_is_downloaded_once_and_verified(url: str, folder: Path) -> None:
    first = find_model(url)
    assert first.card.name == "m"
    assert first.path.read_bytes() == (folder / "m.onnx").read_bytes()
    assert _Quiet.served == ["/m.json", "/m.onnx"]
    assert find_model(url) == first
    assert len(_Quiet.served) == 2


def test_a_file_that_is_not_the_cards_is_not_kept(url: str, folder: Path, tmp_path: Path) -> None:
    (folder / "m.onnx").write_bytes(b"something else")
    with pytest.raises(ModelError, match="checksum"):
        find_model(url)
    assert not list((tmp_path / "cache").rglob("*.onnx*"))
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file() and p.suffix != ".json"]


def test_a_damaged_copy_is_fetched_again(url: str, folder: Path) -> None:
    kept = find_model(url).path
    kept.write_bytes(b"damaged")
    assert find_model(url).path.read_bytes() == (folder / "m.onnx").read_bytes()
    kept.with_suffix(".json").write_text("{}")  # or of a version with other fields
    assert find_model(url).card.name == "m"


def test_too_large_and_missing_files(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="404"):
        find_model(url.replace("m.onnx", "none.onnx"))
    monkeypatch.setattr(downloading, "MAX_MODEL_BYTES", 100)
    with pytest.raises(ModelError, match="larger than 100 bytes"):
        find_model(url)


def test_offline_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRUVIAN_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="are you offline") as caught:
        find_model("http://127.0.0.1:9/m.onnx")
    assert "\n" not in str(caught.value)


def test_a_server_cannot_send_elsewhere_without_https(url: str) -> None:
    server = url.removesuffix("/m.onnx")
    with pytest.raises(ModelError, match=r"http://example\.org/m\.json: refused: .* over https only"):
        find_model(f"{server}/moved/http://example.org/m.onnx")
    assert find_model(f"{server}/moved/{url}").card.name == "m"


@pytest.mark.parametrize(
    "refused",
    ["http://example.org/m.onnx", "https://127.0.0.1/m.txt", "https://[/m.onnx", "https://127.0.0.1:x/m.onnx",
     "https://127.0.0.1/a b.onnx"],
)  # fmt: skip
def test_refused_addresses(refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRUVIAN_CACHE", str(tmp_path))
    with pytest.raises(ModelError) as caught:
        find_model(refused)
    assert str(caught.value).startswith(refused.removesuffix(".onnx"))
