"""A solution is the same to the bit after its file, after pickle, and on another device."""

import dataclasses
import json
import pickle
import zipfile
from enum import Enum
from pathlib import Path

import numpy as np
import pytest
import torch
from small_priors import SMALL, make_prior, measured, projections
from solution_of_everything import full_solution
from torch import Tensor

import sciadv
from sciadv import Solution
from sciadv.errors import InputError
from sciadv.solvers import HMC, LMMSE, Laplace, LevenbergMarquardt, SequentialMonteCarlo
from sciadv.solvers.posterior.chains import Plan


def same(one: object, other: object) -> bool:
    """Whether two values are equal to the bit, types and nested fields included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Tensor):
        bits = [t.contiguous().view(torch.uint8) if t.ndim else t for t in (one, other)]
        return one.dtype == other.dtype and one.shape == other.shape and torch.equal(*bits)
    if isinstance(one, Enum):
        return one is other
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return repr(one) == repr(other)  # NaN is itself


DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.complex128]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_field_is_the_same_to_the_bit_after_its_file(tmp_path, dtype):
    whole = full_solution()
    whole = dataclasses.replace(whole, x=whole.x.to(dtype), measurements=whole.measurements.to(dtype))
    assert same(Solution.load(whole.save(tmp_path / "answer")), whole)
    assert same(Solution.load(tmp_path / "answer" / "solution.npz"), whole)


def test_the_comparison_sees_a_changed_bit():
    whole = full_solution()
    changed = whole.x.clone()
    changed.view(torch.int32)[0, 0, 0, 0] ^= 1
    assert not same(dataclasses.replace(whole, x=changed), whole)
    assert not same(dataclasses.replace(whole, settings={**whole.settings, "shape": [1, 2]}), whole)


def test_paths_are_texts_as_well(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = full_solution()
    whole.save("answer")
    assert same(Solution.load("answer"), whole)
    whole.save_arrays("one.npz")
    assert same(Solution.load("one.npz"), whole)


def test_pickle_keeps_every_bit():
    whole = full_solution()
    assert same(pickle.loads(pickle.dumps(whole)), whole)


def test_what_lacks_posterior_and_diagnosis_is_kept_as_it_is(tmp_path):
    bare = dataclasses.replace(
        full_solution(), z=None, posterior=None, diagnosis=None, history=[], settings={}, measurements=None
    )
    assert same(Solution.load(bare.save(tmp_path)), bare)


PLAN = Plan(n_chains=2, n_samples=16, n_warmup=4, thin=1)
SOLVERS = [LevenbergMarquardt(), Laplace(), HMC(plan=PLAN), SequentialMonteCarlo(n_particles=16), LMMSE()]


@pytest.mark.parametrize("method", SOLVERS, ids=lambda solver: solver.name)
def test_what_solvers_find_comes_back_to_the_bit(tmp_path, method):
    prior = dataclasses.replace(make_prior(SMALL), residual=None)
    problem = measured(prior, projections(prior, 20), prior.sample(2, seed=0))
    found = sciadv.solve(problem, method, diagnose="quick")
    assert found.measurements is not None
    assert same(Solution.load(found.save(tmp_path)), found)


def test_arrays_are_there_for_other_programs(tmp_path):
    whole = full_solution()
    whole.save(tmp_path)
    with np.load(tmp_path / "solution.npz") as held:
        assert np.array_equal(held["x"], whole.x.numpy())
        assert np.array_equal(held["posterior_samples"], whole.posterior.samples.numpy())
        assert np.array_equal(held["posterior_mean"], whole.posterior.mean.numpy())
        assert list(held["status"]) == [status.name.lower() for status in whole.status]
        assert np.array_equal(held["is_outliers"], whole.diagnosis.findings.has_outliers.numpy())
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["settings"]["shape"] == [1, 2]


def test_settings_of_other_kinds_are_kept_as_text(tmp_path):
    whole = dataclasses.replace(full_solution(), settings={"device": torch.device("cpu"), "n": np.int64(3)})
    again = Solution.load(whole.save(tmp_path))
    assert again.settings == {"device": "cpu", "n": 3}


def rewritten(path: Path, change) -> Path:
    """Write the arrays of a file anew, changed."""
    with np.load(path) as held:
        arrays = change(dict(held))
    np.savez(path, **arrays)
    return path


def with_record(change):
    def changed(arrays):
        record = json.loads(arrays["record"].tobytes())
        change(record["fields"])
        return arrays | {"record": np.frombuffer(json.dumps(record).encode(), np.uint8)}

    return changed


BROKEN = {
    "no record": lambda arrays: {k: v for k, v in arrays.items() if k != "record"},
    "no JSON": lambda arrays: arrays | {"record": np.frombuffer(b"{", np.uint8)},
    "a lost array": lambda arrays: {k: v for k, v in arrays.items() if k != "z"},
    "rows missing": lambda arrays: arrays | {"misfit": arrays["misfit"][:2]},
    "an unknown class": with_record(lambda fields: fields["posterior"].update({"class": "Popen"})),
    "an unknown field": with_record(lambda fields: fields.update(more=1)),
    "a lost field": with_record(lambda fields: fields.pop("misfit")),
    "no statuses": with_record(lambda fields: fields.update(status=["explained"] * 4)),
    "an unknown type": with_record(lambda fields: fields["x"].update(dtype="load")),
    "a number for a tensor": with_record(lambda fields: fields.update(x=3)),
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_broken_files_are_refused_in_a_sentence(tmp_path, change):
    full_solution().save(tmp_path)
    path = rewritten(tmp_path / "solution.npz", change)
    with pytest.raises(InputError, match=r"solution\.npz"):
        Solution.load(path)


def test_folders_without_a_solution_are_refused_in_words(tmp_path):
    with pytest.raises(InputError, match=r"holds no solution\.npz"):
        Solution.load(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        Solution.load(tmp_path / "none.npz")
    full_solution().save_arrays(tmp_path / "part-00000.npz")
    with pytest.raises(InputError, match="the 1 blocks of a job"):
        Solution.load(tmp_path)
    assert len(Solution.load(tmp_path / "part-00000.npz")) == 4
    with pytest.raises(InputError, match=r"has to end in \.npz"):
        full_solution().save_arrays(tmp_path / "solution.h5")


def test_what_would_unpack_to_more_than_a_reader_accepts_is_not_compressed(tmp_path, monkeypatch):
    from sciadv.solution import saved_solution

    monkeypatch.setattr(saved_solution, "MAX_UNPACKED_BYTES", 100)
    path = full_solution().save_arrays(tmp_path / "one.npz")
    with zipfile.ZipFile(path) as archive:
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
