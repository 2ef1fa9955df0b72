"""A unit's object is read back bit for bit, or refused."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from storage.errors import CorruptObject
from storage.units import pack, unpack

if TYPE_CHECKING:
    import numpy.typing as npt


SUMS = arrays.arrays(np.float32, arrays.array_shapes(min_dims=3, max_dims=3, max_side=6))
METADATA = st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3)
DIGEST = hashlib.sha256(b"unit").hexdigest()


@given(sums=SUMS, metadata=METADATA)
def test_round_trip(sums: npt.NDArray[np.float32], metadata: dict[str, str]) -> None:
    for array in (sums, sums.transpose(1, 0, 2), sums[::-1, ::2]):
        again, said = unpack(pack(array, metadata), key="k")
        assert again.tobytes() == array.tobytes()
        assert again.shape == array.shape
        assert said == metadata
        assert again.flags.writeable


@given(sums=SUMS, metadata=METADATA, data=st.data())
def test_any_change_is_found(sums: npt.NDArray[np.float32], metadata: dict[str, str], data: st.DataObject) -> None:
    packed = bytearray(pack(sums, metadata))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CorruptObject, match="'some/key'"):
        unpack(bytes(packed), key="some/key")


@given(sums=SUMS, data=st.data())
def test_a_missing_or_added_end_is_found(sums: npt.NDArray[np.float32], data: st.DataObject) -> None:
    packed = pack(sums, {})
    for changed in (packed[: data.draw(st.integers(0, len(packed) - 1))], packed + b"\0"):
        with pytest.raises(CorruptObject):
            unpack(changed, key="k")


def test_what_is_no_unit_is_refused() -> None:
    with pytest.raises(TypeError):
        pack(np.zeros((2, 2, 4)), {})  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        pack(np.zeros((2, 2), np.float32), {})
    for body in (
        b"",
        b"nothing like it",
        _safetensors(np.zeros((2, 2, 4))),
        _safetensors(np.zeros(4, np.float32)),
    ):
        with pytest.raises(CorruptObject, match="hold"):
            unpack(b"FBUNIT1\n" + hashlib.sha256(body).digest() + body, key="k")


def _safetensors(sums: npt.NDArray[np.floating]) -> bytes:
    from safetensors.numpy import save

    body: bytes = save({"sums": sums, "metadata": np.frombuffer(b"{}", np.uint8)})
    return body
