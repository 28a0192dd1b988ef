"""Downloading a model: its card first, then the file that the card describes, checked before it is kept."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from vitruvian.zoo.cards import file_sha256, load_card
from vitruvian.zoo.errors import ModelError

MAX_MODEL_BYTES = 512 * 2**20
MAX_CARD_BYTES = 2**20
_TIMEOUT = 30.0
_CHUNK = 1 << 20


def cache_dir() -> Path:
    """Folder of downloaded models: ``VITRUVIAN_CACHE``, else ``vitruvian`` in the user's cache folder."""
    if chosen := os.environ.get("VITRUVIAN_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vitruvian"


def download_model(url: str) -> Path:
    """Download an ONNX file and its card, unless they are there already.

    Args:
        url: Address of the ``.onnx`` file; the card is ``.json`` in its place. Plain ``http`` is for loopback only.

    Returns:
        Path of the card in the cache.

    Raises:
        ModelError: for an address that is refused, a server that cannot be reached (offline, say), a file that is too
            large, or one whose checksum is not the card's. Nothing half-finished is kept.
    """
    parts = _allowed(url)
    name = Path(parts.path).name
    if not name.endswith(".onnx"):
        raise ModelError(f"{url}: not the address of an .onnx file")
    folder = cache_dir() / hashlib.sha256(url.encode()).hexdigest()[:16]
    card_path, model_path = folder / f"{name[:-5]}.json", folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"{folder}: cannot be made: {error.strerror}") from error
    if _whole(card_path, model_path):
        return card_path
    card_url = urllib.parse.urlunsplit(parts._replace(path=parts.path[: -len(".onnx")] + ".json"))
    _fetch(card_url, card_path, MAX_CARD_BYTES)
    card = load_card(card_path)
    if card.file != name:
        raise ModelError(f"{card_url}: the card describes {card.file!r}, not {name!r}")
    _fetch(url, model_path, MAX_MODEL_BYTES, card.sha256)
    return card_path


def _allowed(url: str) -> urllib.parse.SplitResult:
    """The parts of an address that may be asked.

    Raises:
        ModelError: for any other.
    """
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError as error:
        raise ModelError(f"{url}: not an address: {error}") from error
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ModelError(f"{url}: refused: models are downloaded over https only")
    return parts


class _AllowedOnly(urllib.request.HTTPRedirectHandler):
    """Goes where a server sends it only if it may have asked there in the first place."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _allowed(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _whole(card_path: Path, model_path: Path) -> bool:
    """Whether both are there, and the file is the card's; a card that cannot be read is fetched again, too."""
    try:
        return file_sha256(model_path) == load_card(card_path).sha256
    except (OSError, ModelError):
        return False


def _fetch(url: str, path: Path, limit: int, sha256: str | None = None) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    digest = hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as file, _opened(url) as response:
            received = 0
            while chunk := response.read(_CHUNK):
                received += len(chunk)
                if received > limit:
                    raise ModelError(f"{url}: larger than {limit} bytes; refused")
                digest.update(chunk)
                file.write(chunk)
        if sha256 is not None and digest.hexdigest() != sha256:
            raise ModelError(f"{url}: its checksum is not the one in the card; not kept")
        os.replace(temporary, path)
    except urllib.error.HTTPError as error:
        raise ModelError(f"{url}: the server answered {error.code} {error.reason}") from error
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelError(
            f"{url}: cannot be downloaded ({reason}); are you offline? Shipped models need no network"
        ) from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def _opened(url: str) -> Any:
    return urllib.request.build_opener(_AllowedOnly).open(url, timeout=_TIMEOUT)
