"""The MATLAB reader against scipy, which wrote the files."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vitruvian.data.formats._mat5 import MatError, parse_mat


def saved(variables: dict[str, Any], compress: bool = False) -> bytes:
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, variables, do_compression=compress)
    return buffer.getvalue()


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(
        st.sampled_from(["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]),
        arrays.array_shapes(min_dims=2, max_dims=3, min_side=0, max_side=4),
    ),
    st.booleans(),
)
def test_numbers_are_what_scipy_reads(array: np.ndarray, compress: bool) -> None:
    raw = saved({"x": array}, compress)
    expected = scipy.io.loadmat(io.BytesIO(raw))["x"]
    found = parse_mat(raw)["x"]
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(found, expected)


def test_text_cells_and_structs() -> None:
    cells = np.array([["a", np.arange(3.0)], ["été", "d"]], dtype=object)
    found = parse_mat(saved({"c": cells, "s": {"name": "x", "inner": {"k": 5}}, "rows": np.array(["one", "three"])}))
    assert [v if isinstance(v, str) else v.ravel().tolist() for v in found["c"]] == ["a", "été", [0, 1, 2], "d"]
    assert found["s"][0]["name"] == "x"
    assert found["s"][0]["inner"][0]["k"].item() == 5
    assert found["rows"] == ["one", "three"]


def test_what_is_not_read_says_so() -> None:
    with pytest.raises(MatError, match="complex, sparse"):
        parse_mat(saved({"x": np.array([[1 + 2j]])}))
    with pytest.raises(MatError, match="complex, sparse"):
        parse_mat(saved({"x": scipy.sparse.eye(3)}))
    with pytest.raises(MatError, match="not a MATLAB file"):
        parse_mat(b"")
    with pytest.raises(MatError, match="cut off"):
        parse_mat(saved({"x": np.arange(9.0)})[:-8])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 255), st.booleans())
def test_a_changed_byte_never_does_more_than_raise(at: int, value: int, compress: bool) -> None:
    raw = bytearray(saved({"s": {"a": np.eye(3), "b": "text", "c": np.array(["x", 1], dtype=object)}}, compress))
    raw[at % len(raw)] = value
    with contextlib.suppress(MatError):
        parse_mat(bytes(raw))
