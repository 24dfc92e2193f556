"""Files of tensors: whole or not at all, and words for what cannot be read."""

import pytest
import torch

from sciadv.errors import OutputError, WeightsError
from sciadv.files.weights import read_tensors, write_tensors


def test_what_is_written_is_read_with_its_header(tmp_path):
    shared = torch.arange(6.0).reshape(2, 3)
    path = write_tensors(tmp_path / "new" / "w.safetensors", {"a": shared.T, "b": shared}, {"n": "[1, 2]"})
    tensors, entry = read_tensors(path, "n", what="mine", advice="")
    assert torch.equal(tensors["a"], shared.T)
    assert torch.equal(tensors["b"], shared)
    assert entry == [1, 2]
    assert [p.name for p in path.parent.iterdir()] == ["w.safetensors"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = write_tensors(tmp_path / "w.safetensors", {"a": torch.ones(1)}, {"n": "1"})

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OutputError, match="disk full"):
        write_tensors(path, {"a": torch.zeros(1)}, {"n": "2"})
    assert float(read_tensors(path, "n", what="mine", advice="")[0]["a"]) == 1


@pytest.mark.parametrize("damage", ["missing", "truncated", "other", "not JSON"])
def test_a_file_that_cannot_be_read_says_what_it_should_be_and_what_to_do(tmp_path, damage):
    path = write_tensors(tmp_path / "w.safetensors", {"a": torch.ones(9)}, {"n": "1", "bad": "{"})
    if damage == "missing":
        path.unlink()
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:40])
    entry = {"other": "m", "not JSON": "bad"}.get(damage, "n")
    with pytest.raises(WeightsError, match=r"is not a thing: .+\. Make it anew\.$"):
        read_tensors(path, entry, what="a thing", advice="Make it anew.")
