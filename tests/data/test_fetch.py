"""Downloads against a server on this machine: resumed, checked, and one clear line without a network."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from vitruvian.data.dataset import DataError
from vitruvian.data.fetch import download, fetch_open_images, known_split

IDS = [f"{i:016x}" for i in range(4)]
FILES = {
    "/v7/oidv7-class-descriptions-boxable.csv": b"/m/1,Human foot\n/m/2,Human ear\n",
    "/v5/validation-annotations-bbox.csv": (
        "ImageID,Source,LabelName\n" + "".join(f"{i},x,/m/{1 + n % 2}\n" for n, i in enumerate(IDS))
    ).encode(),
    "/v7/oidv7-val-annotations-human-imagelabels.csv": b"ImageID,Source,LabelName,Confidence\n",
    f"/validation/{IDS[0]}.jpg": b"picture zero" * 1000,
    "/damaged": b"right",
}


class _Handler(BaseHTTPRequestHandler):
    asked: list[tuple[str, str | None]] = []  # noqa: RUF012  # the server makes a handler a request

    def do_GET(self) -> None:
        span = self.headers.get("Range")
        self.asked.append((self.path, span))
        if self.path not in FILES:
            self.send_error(404)
            return
        body = FILES[self.path]
        start = int(span.removeprefix("bytes=").rstrip("-")) if span else 0
        self.send_response(206 if start else 200)
        stated = hashlib.md5(b"wrong" if self.path == "/damaged" else body).digest()
        self.send_header("x-goog-hash", "crc32c=AAAA,md5=" + base64.b64encode(stated).decode())
        self.end_headers()
        self.wfile.write(body[start:])

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[str]:
    _Handler.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{made.server_address[1]}"
        made.shutdown()


def test_a_download_goes_on_where_it_stopped(server, tmp_path) -> None:
    url, path = f"{server}/validation/{IDS[0]}.jpg", tmp_path / "one.jpg"
    whole = FILES[f"/validation/{IDS[0]}.jpg"]
    path.with_name("one.jpg.part").write_bytes(whole[:500])
    download(url, path)
    assert path.read_bytes() == whole
    assert _Handler.asked[0][1] == "bytes=500-"
    download(url, path)
    assert len(_Handler.asked) == 1  # what is there is not asked for again


def test_damage_is_found(server, tmp_path) -> None:
    with pytest.raises(DataError, match="arrived damaged"):
        download(f"{server}/damaged", tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_pictures_of_a_class(server, tmp_path) -> None:
    found = fetch_open_images(tmp_path, ["Human foot"], labels_url=server, pictures_url=server, workers=2)
    assert [p.name for p in (tmp_path / "images").iterdir()] == [f"{IDS[0]}.jpg"]
    assert found.pictures == 1
    [(image, reason)] = found.failed
    assert image == IDS[2]
    assert "404" in reason
    sums = (tmp_path / "SHA256SUMS").read_text().splitlines()
    assert len(sums) == 4
    digest = hashlib.sha256(FILES[f"/validation/{IDS[0]}.jpg"]).hexdigest()
    assert f"{digest}  images/{IDS[0]}.jpg" in sums
    with pytest.raises(DataError, match="no boxes of 'Unicorn'"):
        fetch_open_images(tmp_path, ["Unicorn"], labels_url=server, pictures_url=server)


def test_without_a_network_one_line_says_what_to_do(tmp_path) -> None:
    with pytest.raises(DataError, match="without a network, download it elsewhere, save it as") as caught:
        fetch_open_images(tmp_path, ["Human foot"], labels_url="http://127.0.0.1:9")
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="none of train, validation, test"):
        known_split("val")
