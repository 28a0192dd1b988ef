"""Reading MATLAB 7.3 files, which are HDF5, in a process of its own: the HDF5 library dies of some damaged files.

The child (``python -m vitruvian.data.formats._hdf5 FILE FOLDER NAME ...``) writes each variable as a plain ``.npy``, a
cell array as a folder of these; the parent reads them. A crash is then a broken file like any other.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import vitruvian
from vitruvian.data.formats._files import LARGEST_ARRAY, extra
from vitruvian.data.rejects import FileError

_SECONDS = 600


def read_hdf5(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """Those of the named variables that the file has, with MATLAB's order of axes; a cell array as a list of arrays.

    Raises:
        FileError: when h5py is missing or the file is damaged, too large or none.
    """
    extra("h5py", path)
    source = str(Path(vitruvian.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([source, *sys.path])}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "vitruvian.data.formats._hdf5", str(path), folder, *names]
        try:
            child = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            raise FileError(path, f"cannot be read within {_SECONDS} seconds") from None
        if child.returncode:
            told = child.stderr.strip().splitlines()[-1:] if child.returncode == 1 else ["the HDF5 library crashed"]
            raise FileError(path, f"not a sound MATLAB 7.3 file: {told[0][:200] if told else 'no reason given'}")
        return {place.name.removesuffix(".npy"): _load(place) for place in Path(folder).iterdir()}


def _load(place: Path) -> Any:
    if place.is_dir():
        return [np.load(cell, allow_pickle=False) for cell in sorted(place.iterdir())]
    return np.load(place, allow_pickle=False)


def _write_variables(path: str, folder: str, names: Sequence[str]) -> None:
    """What the child does."""
    import h5py

    with h5py.File(path, "r") as file:
        for name in names:
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):  # an external link is another file
                continue
            if file[name].size > LARGEST_ARRAY:
                raise ValueError(f"variable {name!r} is too large: {file[name].shape}")
            values = np.asarray(file[name]).T
            if h5py.check_ref_dtype(file[name].dtype) is None:
                np.save(Path(folder) / f"{name}.npy", values, allow_pickle=False)
                continue
            cells = Path(folder) / name
            cells.mkdir()
            for number, cell in enumerate(values.ravel()):
                np.save(cells / f"{number:09d}.npy", np.asarray(file[cell]).T, allow_pickle=False)


if __name__ == "__main__":
    try:
        _write_variables(sys.argv[1], sys.argv[2], sys.argv[3:])
    except Exception as error:  # h5py raises whatever a damaged file makes it stumble over
        sys.exit(" ".join(f"{type(error).__name__}: {error}".split()))
