from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from sciadv import Gaussian, Poisson, Prior, Tolerance, solve
from sciadv.catalogue import (
    build_forward,
    build_likelihood,
    load_problem,
    load_recipe,
    problem_spec,
    titles,
)
from sciadv.data import datasets
from sciadv.errors import InputError, UnknownNameError
from sciadv.files.arrays import read_array
from sciadv.files.folders import entry_names
from sciadv.forward import BlockSum, forward_kind
from sciadv.nets import build_seeded
from sciadv.schema import ProblemSpec, parse_spec

PROBLEM = """
title = "A small problem"
prior = "./prior"
[forward]
kind = "block-sum"
block = 4
[likelihood]
kind = "gaussian"
sigma = 0.5
[measurements]
kind = "sklearn-digits"
"""
SIMULATED = 'kind = "simulated"\nimages = "prior"\nn = 5\nseed = 3'
RECIPE = """
title = "A small prior"
[data]
name = "mnist"
[generator]
kind = "mlp-decoder"
n_latent = 5
[encoder]
kind = "mlp-encoder"
"""


@pytest.fixture
def folder(tmp_path):
    spec = {"kind": "mlp-decoder", "n_latent": 5, "image_shape": [1, 32, 32], "hidden": [16]}
    Prior(build_seeded(spec, 0), 5).save(tmp_path / "mine" / "prior")
    (tmp_path / "mine" / "problem.toml").write_text(PROBLEM)
    return tmp_path / "mine"


def write(folder: Path, old: str, new: str) -> Path:
    assert old in PROBLEM
    (folder / "problem.toml").write_text(PROBLEM.replace(old, new))
    return folder


def forward_table(text: str):
    table = PROBLEM.replace('kind = "block-sum"\nblock = 4', text)
    return parse_spec(table, ProblemSpec, file="p.toml").forward


@pytest.mark.parametrize("which", ["folder", "file", "text"])
def test_a_problem_loads_from_a_folder_or_file(folder, which):
    name = {"folder": folder, "file": folder / "problem.toml", "text": str(folder)}[which]
    problem = load_problem(name)
    assert problem.name == "mine"
    assert problem.measurements.shape == (1797, 1, 8, 8)
    assert problem.measurements.dtype == torch.float32
    assert problem.labels.shape == (1797,)
    assert isinstance(problem.forward, BlockSum)


def test_a_file_of_another_name_names_the_problem(folder):
    (folder / "coarse.toml").write_text(PROBLEM)
    assert load_problem(folder / "coarse.toml").name == "coarse"


def test_paths_are_relative_to_the_file(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert load_problem("./mine").n_problems == 1797


def test_simulated_measurements_have_the_noise_they_say(folder):
    problem = load_problem(write(folder, 'kind = "sklearn-digits"', SIMULATED.replace("n = 5", "n = 200")))
    misfit = problem.likelihood.misfit(problem.forward(problem.truth), problem.measurements)
    assert abs(float(misfit.mean()) - 1) < 0.05


def test_simulated_measurements_depend_on_the_seed_only(folder):
    load_seed = 'kind = "simulated"\nimages = "prior"\nn = 5'
    folder = write(folder, 'kind = "sklearn-digits"', load_seed)
    same, again, other = (load_problem(folder, seed=s).measurements for s in (0, 0, 1))
    assert torch.equal(same, again)
    assert not torch.equal(same, other)


def test_simulated_measurements_of_a_data_set_have_truth_and_labels(folder, monkeypatch):
    rng = np.random.default_rng(0)
    images = datasets.Images(rng.integers(0, 256, (9, 32, 32), np.uint8), np.arange(9, dtype=np.uint8), "")
    monkeypatch.setattr("sciadv.catalogue.measured.load_images", lambda *args, **kwargs: images)
    folder = write(folder, 'kind = "sklearn-digits"', SIMULATED.replace('"prior"', '"mnist"'))
    problem = load_problem(folder)
    picked = torch.as_tensor(images.images[problem.labels.numpy()])[:, None].float() / 255
    assert torch.equal(problem.truth, picked)
    folder = write(folder, 'kind = "sklearn-digits"', 'kind = "simulated"\nimages = "mnist"\nn = 10')
    with pytest.raises(InputError, match="has 9 images, not 10"):
        load_problem(folder)


def test_measurements_from_a_file_bring_truth_and_labels(folder):
    y, truth = np.ones((3, 1, 8, 8)), np.zeros((3, 1, 32, 32), np.float32)
    np.savez(folder / "data.npz", y=y, truth=truth, labels=np.arange(3), other=y)
    problem = load_problem(write(folder, 'kind = "sklearn-digits"', 'kind = "file"\npath = "data.npz"'))
    assert problem.measurements.dtype == torch.float32
    assert problem.truth.shape == (3, 1, 32, 32)
    assert problem.labels.tolist() == [0, 1, 2]
    other = 'kind = "file"\npath = "data.npz"\nkey = "other"'
    assert load_problem(write(folder, 'kind = "sklearn-digits"', other)).n_problems == 3


def test_a_loaded_problem_solves(folder):
    solution = solve(load_problem(write(folder, 'kind = "sklearn-digits"', SIMULATED)))
    assert {status.name for status in solution.status} == {"EXPLAINED"}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('kind = "gaussian"\nn_measurements = 3\nseed = 0', "gaussian"),
        ('kind = "block-sum"\nblock = 2\nreduce = "mean"', "block-sum"),
        ('kind = "blur"\nkernel = [[1.0, 2.0], [3.0, 4.0]]\nboundary = "zero"', "blur"),
        ('kind = "gaussian-blur"\nsigma = 1\nradius = 2', "gaussian-blur"),
        ('kind = "masked-fourier"\nmask = [true, false, true, false]', "masked-fourier"),
        ('kind = "mask"\nmask = "mask.npy"', "mask"),
        ('kind = "matrix"\nmatrix = "matrix.npy"\nout_shape = [1, 2]', "matrix"),
        ('kind = "matrix"\nmatrix = "sparse.npz"', "matrix"),
        ('kind = "parallel-beam"\nn_angles = 3', "parallel-beam"),
        ('kind = "crosshole"\nsources = [[0.01, 0.1]]\nreceivers = [[0.3, 0.1], [0.3, 0.2]]', "crosshole"),
        ('kind = "facies-slowness"\nvelocity_facies = 0.05', "facies-slowness"),
    ],
)
def test_every_kind_of_forward_is_built(text, kind, tmp_path):
    np.save(tmp_path / "mask.npy", np.eye(4)[None] > 0)
    np.save(tmp_path / "matrix.npy", np.ones((2, 16)))
    sparse.save_npz(tmp_path / "sparse.npz", sparse.eye(16, format="csr"))
    forward = build_forward(forward_table(text), (1, 4, 4), folder=tmp_path)
    assert forward.in_shape == (1, 4, 4)
    assert type(forward).__name__ in {forward_kind(kind).__name__, "Blur"}
    assert forward(torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))).shape == (
        2,
        *forward.out_shape,
    )


def test_a_chain_applies_its_first_part_first(tmp_path):
    parts = (
        '[{kind = "facies-slowness"}, {kind = "crosshole", sources = [[0, 0.1]], receivers = [[0.4, 0.1]]}]'
    )
    forward = build_forward(forward_table(f'kind = "chain"\nparts = {parts}'), (1, 4, 4), folder=tmp_path)
    assert forward(torch.zeros(1, 1, 4, 4)).item() == pytest.approx(0.4 / 0.08)


def test_a_magnitude_is_that_of_the_parts_before_it(tmp_path):
    pad, fourier = '{kind = "zero-pad", height = 8, width = 8}', '{kind = "masked-fourier", mask = "all.npy"}'
    parts = f'[{pad}, {fourier}, {{kind = "magnitude"}}]'
    np.save(tmp_path / "all.npy", np.ones((8, 8), bool))
    forward = build_forward(forward_table(f'kind = "chain"\nparts = {parts}'), (1, 4, 4), folder=tmp_path)
    image = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    seen = torch.fft.fftshift(torch.fft.fft2(image, s=(8, 8), norm="ortho").abs(), dim=(-2, -1))
    torch.testing.assert_close(forward(image), seen.flatten(2))  # a shift has no magnitude


def test_a_forward_of_another_package_is_found(monkeypatch, tmp_path):
    point = EntryPoint("coarse", "sciadv.forward.imaging.block:BlockSum", "sciadv.forward")
    monkeypatch.setattr(
        "sciadv.registry.registry.entry_points", lambda *, group: [point] * (group == point.group)
    )
    forward = build_forward(forward_table('kind = "coarse"\nblock = 2'), (1, 4, 4), folder=tmp_path)
    assert forward.out_shape == (1, 2, 2)
    with pytest.raises(InputError, match=r"blok is not a key of a coarse forward.*block"):
        build_forward(forward_table('kind = "coarse"\nblok = 2'), (1, 4, 4), folder=tmp_path)


def test_likelihoods_are_built(tmp_path):
    def built(text):
        spec = parse_spec(PROBLEM.replace('kind = "gaussian"\nsigma = 0.5', text), ProblemSpec, file="p.toml")
        return build_likelihood(spec.likelihood, folder=tmp_path)

    assert isinstance(built('kind = "poisson"\nbackground = 1'), Poisson)
    assert isinstance(built('kind = "tolerance"\nwidth = 2'), Tolerance)
    assert not built('kind = "gaussian"').has_noise_level
    np.save(tmp_path / "sigma.npy", np.ones((1, 8, 8)))
    for_each = built('kind = "gaussian"\nsigma = "sigma.npy"')
    assert isinstance(for_each, Gaussian)
    assert for_each.sigma.shape == (1, 8, 8)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("./prior", "digits-33", "no prior is named 'digits-33'"),
        ("./prior", "./priors", "does not exist"),
        ("block = 4", "block = 5", "problem.toml: "),
        ("sigma = 0.5", "sigma = -0.5", "sigma must be a finite number > 0"),
        ("sigma = 0.5", 'sigma = "no.npy"', "no.npy does not exist"),
        ("block = 4", "block = 2", "measurements have shape (1797, 1, 8, 8), but the operator gives"),
        (
            'kind = "block-sum"\nblock = 4',
            'kind = "matrix"\nmatrix = [[1, 2], [3]]',
            "is not a rectangular array",
        ),
        ('kind = "sklearn-digits"', 'kind = "file"\npath = "y.npz"', "y.npz does not exist"),
        (
            'kind = "sklearn-digits"',
            'kind = "simulated"\nimages = "emnist"\nn = 3',
            "no data set is named 'emnist'",
        ),
    ],
)
def test_what_does_not_fit_gets_a_sentence(folder, old, new, sentence):
    with pytest.raises((InputError, UnknownNameError)) as caught:
        load_problem(write(folder, old, new))
    assert sentence in str(caught.value)


def test_an_unknown_problem_lists_those_there_are():
    with pytest.raises(UnknownNameError, match="did you mean 'digits-superresolution'"):
        load_problem("digits-superres")


def test_a_folder_without_its_file_gets_a_sentence(tmp_path):
    with pytest.raises(InputError, match=r"has no problem\.toml"):
        load_problem(tmp_path)


def test_a_solver_that_is_not_there_is_found_on_reading(folder):
    with pytest.raises(UnknownNameError, match="did you mean 'csgm'"):
        problem_spec(
            write(folder, 'kind = "sklearn-digits"', 'kind = "sklearn-digits"\n[solver]\nkind = "csg"')
        )


def test_a_recipe_knows_its_text(tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    recipe = load_recipe(tmp_path)
    assert (recipe.name, recipe.text) == (tmp_path.name, RECIPE)
    assert len(recipe.sha256) == 64
    for old, new, sentence in (
        ('"mnist"', '"mnits"', "data set"),
        ('"mnist"', '"mnist"\nprepare = "box"', "box-32"),
    ):
        (tmp_path / "recipe.toml").write_text(RECIPE.replace(old, new))
        with pytest.raises(UnknownNameError, match=sentence):
            load_recipe(tmp_path)


@pytest.mark.parametrize("catalogue", ["problems", "priors"])
def test_every_entry_of_the_catalogue_has_a_title(catalogue):
    found = titles(catalogue)
    assert list(found) == entry_names(catalogue)
    assert all(title and "(broken)" not in title for title in found.values())


def test_arrays_are_read_by_name(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(3))
    np.savez(tmp_path / "one.npz", data=np.arange(3))
    np.save(tmp_path / "swapped.npy", np.arange(3, dtype=">f4"))
    np.savez(tmp_path / "two.npz", a=np.arange(3), y=np.arange(4))
    assert read_array(tmp_path / "a.npy").tolist() == [0, 1, 2]
    assert read_array(tmp_path / "one.npz").tolist() == [0, 1, 2]
    assert torch.as_tensor(read_array(tmp_path / "swapped.npy")).tolist() == [0, 1, 2]
    assert read_array(tmp_path / "two.npz").tolist() == [0, 1, 2, 3]
    assert read_array(tmp_path / "two.npz", key="a").tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="holds the arrays data, but none is named 'x'"):
        read_array(tmp_path / "one.npz", key="x")


def test_unreadable_arrays_get_a_sentence(tmp_path):
    np.savez(tmp_path / "two.npz", a=np.arange(3), b=np.arange(4))
    np.save(tmp_path / "objects.npy", np.array([{}, None]), allow_pickle=True)
    np.savez(tmp_path / "objects.npz", y=np.array([{}, None]))
    np.save(tmp_path / "words.npy", np.array(["a", "b"]))
    whole = (tmp_path / "two.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY\x01\x00")
    (tmp_path / "text.npy").write_text("1 2 3")
    (tmp_path / "empty.npz").write_bytes(b"")
    sentences = {
        "two.npz": "holds the arrays a, b, but none is named 'y'",
        "objects.npy": "holds Python objects, which are not loaded",
        "objects.npz": "holds Python objects, which are not loaded",
        "words.npy": "but numbers are needed",
        "cut.npz": "cannot be read as a .npz file",
        "cut.npy": "cannot be read as a .npy file",
        "text.npy": "",
        "empty.npz": "cannot be read as a .npz file",
        "no.npy": "does not exist",
        "data.csv": "is not a .npy or .npz file",
    }
    for name, sentence in sentences.items():
        with pytest.raises(InputError) as caught:
            read_array(tmp_path / name)
        assert name in str(caught.value)
        assert sentence in str(caught.value)
