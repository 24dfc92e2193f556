"""The gate of reading: what is no good file is a sentence, before memory is taken and without waiting."""

import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from sciadv.data.moments import Moments
from sciadv.errors import InputError, SciadvError, WeightsError
from sciadv.files import arrays, reading
from sciadv.files.arrays import array_names, read_array, read_arrays, read_matrix
from sciadv.files.reading import file_sha256, read_bytes, read_text
from sciadv.files.texts import parse_toml, read_csv, read_gzip, read_json
from sciadv.files.weights import read_tensor_file, write_tensors

READERS: dict[str, Callable[[Path], object]] = {
    "a.npy": read_array,
    "a.npz": lambda path: read_matrix(path, default="y"),
    "a.toml": read_text,
    "a.json": lambda path: read_json(path, advice="write it again"),
    "a.csv": lambda path: read_csv(path, advice="write it again"),
    "a.gz": lambda path: read_gzip(path, advice="copy it again"),
    "a.safetensors": lambda path: read_tensor_file(path, what="weights", advice="Fetch it again."),
    "a.bin": lambda path: read_bytes(path, advice="give a file"),
    "a": file_sha256,
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "device", "loop", "long"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, name, kind):
    path = tmp_path / name
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "long":
        path = tmp_path / ("x" * 300 + name)
    with pytest.raises(SciadvError) as caught:
        READERS[name](path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", [name for name in READERS if name not in {"a", "a.bin", "a.toml", "a.csv"}])
@pytest.mark.parametrize("content", [b"", b"\x00", b"PK", b"\x93NUMPY", b"[" * 100_000, b"\xff" * 64])
def test_what_is_no_such_file_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SciadvError) as caught:
        READERS[name](tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def header(shape: tuple[int, ...], dtype: str = "<f8") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
@pytest.mark.parametrize("shape", [(2**60,), (2**31, 2**31), (-1,), (3, -2), (1,) * 40])
def test_an_array_larger_than_its_file_is_not_allocated(tmp_path, shape, name):
    (tmp_path / "a.npy").write_bytes(header(shape) + bytes(64))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("y.npy", header(shape) + bytes(64))
    with pytest.raises(InputError, match="copied completely"):
        read_array(tmp_path / name)


def test_a_sparse_file_on_disk_is_not_read_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("sciadv.arguments.memory.total_bytes", lambda: 2**20)
    content = header((2**20,))
    (tmp_path / "a.npy").write_bytes(content)
    os.truncate(tmp_path / "a.npy", len(content) + 8 * 2**20)
    with pytest.raises(InputError, match=r"would take .* GiB of memory"):
        read_array(tmp_path / "a.npy")


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MAX_UNPACKED_BYTES", 1000)
    np.savez_compressed(tmp_path / "a.npz", y=np.zeros(10**6))
    with pytest.raises(InputError, match="would unpack to"):
        read_array(tmp_path / "a.npz")
    monkeypatch.setattr(reading, "MAX_TEXT_BYTES", 10)
    (tmp_path / "a.toml").write_text("x" * 11)
    with pytest.raises(InputError, match="at most 10 are read"):
        read_text(tmp_path / "a.toml")


@pytest.mark.parametrize("dtype", ["<u2", "<u4", "<u8", ">f8", "<f2", "|b1", "<g", "<i1"])
def test_every_type_of_number_becomes_one_that_torch_has(tmp_path, dtype):
    np.save(tmp_path / "a.npy", np.array([0, 1, 1], dtype))
    assert torch.as_tensor(read_array(tmp_path / "a.npy")).tolist() == [0, 1, 1]


def test_arrays_of_an_archive(tmp_path):
    np.savez(tmp_path / "a.npz", y=np.arange(3), labels=np.arange(2))
    assert array_names(tmp_path / "a.npz") == ["y", "labels"]
    assert set(read_arrays(tmp_path / "a.npz", ("y", "labels"))) == {"y", "labels"}
    with pytest.raises(InputError, match="none is named 'x'"):
        read_arrays(tmp_path / "a.npz", ("x",))


@pytest.mark.parametrize("kind", ["csr", "csc", "bsr", "coo", "dia"])
@pytest.mark.parametrize("is_array", [False, True])
def test_sparse_matrices_of_every_format_come_back(tmp_path, kind, is_array):
    full = np.kron(np.eye(3), np.ones((2, 2)))[:, :4]
    make = sparse.csr_array if is_array else sparse.csr_matrix
    sparse.save_npz(tmp_path / "a.npz", make(full).asformat(kind))
    found = read_matrix(tmp_path / "a.npz", default="matrix")
    np.testing.assert_array_equal(found.toarray(), full)
    assert found.format == kind
    assert isinstance(found, sparse.sparray) is is_array


BROKEN = {
    "index outside": {"indices": np.array([0, 99])},
    "negative index": {"indices": np.array([0, -1])},
    "pointers fall": {"indptr": np.array([0, 2, 1, 2])},
    "pointer outside": {"indptr": np.array([0, 1, 1, 9])},
    "too few pointers": {"indptr": np.array([0, 2])},
    "indices of floats": {"indices": np.array([0.0, 1.0])},
    "another format": {"format": np.array(b"lil")},
    "no text as format": {"format": np.array(3)},
    "a huge shape": {"shape": np.array([3, 2**62])},
    "a negative shape": {"shape": np.array([3, -4])},
    "three lengths": {"shape": np.array([3, 4, 5])},
    "NaN": {"data": np.array([1.0, np.nan])},
    "too much data": {"data": np.ones(3)},
    "data of objects": {"data": np.array(["a", "b"])},
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("kind", ["csr", "csc"])
def test_broken_sparse_matrices_are_refused(tmp_path, case, kind):
    good = {"format": np.array(kind.encode()), "shape": np.array([3, 3]), "data": np.ones(2)}
    good |= {"indices": np.array([0, 1]), "indptr": np.array([0, 1, 1, 2])}
    np.savez(tmp_path / "good.npz", **good)
    assert read_matrix(tmp_path / "good.npz", default="a").nnz == 2
    np.savez(tmp_path / "a.npz", **{**good, **BROKEN[case]})
    with pytest.raises(InputError, match=r"a\.npz"):
        read_matrix(tmp_path / "a.npz", default="a")


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("coo", {"row": np.array([0, 7])}),
        ("coo", {"col": np.array([-1, 0])}),
        ("coo", {"col": np.array([0])}),
        ("dia", {"offsets": np.array([0, 0])}),
        ("dia", {"offsets": np.array([0, 99])}),
        ("dia", {"data": np.ones((2, 99))}),
        ("bsr", {"indices": np.array([0, 5])}),
        ("bsr", {"data": np.ones((2, 0, 2))}),
        ("bsr", {"data": np.ones((2, 3, 2))}),
    ],
)
def test_broken_matrices_of_other_formats_are_refused(tmp_path, kind, changed):
    base = {"format": np.array(kind.encode()), "shape": np.array([4, 4]), "data": np.ones(2)}
    more = {
        "coo": {"row": np.array([0, 1]), "col": np.array([0, 1])},
        "dia": {"offsets": np.array([0, 1]), "data": np.ones((2, 4))},
        "bsr": {"indices": np.array([0, 1]), "indptr": np.array([0, 1, 2]), "data": np.ones((2, 2, 2))},
    }[kind]
    np.savez(tmp_path / "good.npz", **{**base, **more})
    assert read_matrix(tmp_path / "good.npz", default="a").shape == (4, 4)
    np.savez(tmp_path / "a.npz", **{**base, **more, **changed})
    with pytest.raises(InputError, match="no sparse matrix"):
        read_matrix(tmp_path / "a.npz", default="a")


def test_matrices_with_nan_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1.0, np.inf]]))
    with pytest.raises(InputError, match="holds 1 NaN or Inf of 2 numbers"):
        read_matrix(tmp_path / "a.npy", default="a")


@pytest.mark.parametrize(
    "text", ["a=" + "[" * 2000, "a=" + "[" * 100 + "]" * 100, "a=" + "9" * 5000, f"a={2**63}", "a.b=1\na=2"]
)
def test_toml_that_is_too_deep_or_has_too_large_numbers_is_refused(text):
    with pytest.raises(InputError, match=r"mine\.toml"):
        parse_toml(text, file="mine.toml")


@pytest.mark.parametrize("length", [0, 1, 9, 2**40, 2**63])
def test_a_header_longer_than_its_file_is_not_read(tmp_path, length):
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", length) + b"{}")
    with pytest.raises(WeightsError, match="is not weights"):
        read_tensor_file(tmp_path / "w.safetensors", what="weights", advice="Fetch it again.")


def test_a_changed_number_is_found_by_the_hash_in_the_file(tmp_path):
    path = write_tensors(tmp_path / "w.safetensors", {"a": torch.ones(9)}, {"n": "1"})
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(WeightsError, match="does not have the hash"):
        read_tensor_file(path, what="weights", advice="Fetch it again.")


def test_the_hash_does_not_depend_on_the_order_of_keys(tmp_path):
    one = {"a": torch.ones(2), "b": torch.zeros(3)}
    first = write_tensors(tmp_path / "1.safetensors", one, {"n": '{"x": 1, "y": 2}', "m": "3"})
    second = write_tensors(
        tmp_path / "2.safetensors", dict(reversed(one.items())), {"m": "3", "n": '{"y": 2, "x": 1}'}
    )
    hashes = {read_tensor_file(path, what="w", advice="").sha256 for path in (first, second)}
    assert len(hashes) == 1


@pytest.mark.parametrize("name", ["mean", "upper"])
def test_moments_with_nan_are_refused(tmp_path, name):
    tensors = {"mean": torch.zeros(2), "upper": torch.ones(3)}
    write_tensors(tmp_path / "moments.safetensors", tensors, {})
    assert Moments.load(tmp_path) is not None
    tensors[name][0] = float("nan")
    write_tensors(tmp_path / "moments.safetensors", tensors, {})
    with pytest.raises(WeightsError, match=f"{name} holds NaN or Inf"):
        Moments.load(tmp_path)


@pytest.mark.parametrize(
    "tensors",
    [
        {"mean": torch.zeros(2)},
        {"upper": torch.zeros(3)},
        {"mean": torch.zeros(2), "upper": torch.ones(4)},
        {"mean": torch.zeros(0), "upper": torch.ones(0)},
        {"mean": torch.zeros(2), "factor": torch.ones(3, 1), "diagonal": torch.ones(2)},
        {"mean": torch.zeros(2, dtype=torch.int32), "upper": torch.ones(3)},
    ],
)
def test_moments_that_do_not_fit_together_are_refused(tmp_path, tensors):
    write_tensors(tmp_path / "moments.safetensors", tensors, {})
    with pytest.raises(WeightsError, match="is not moments of a prior"):
        Moments.load(tmp_path)
