import pytest

from sciadv.catalogue import load_problem
from sciadv.designs import PropertySearch, at_most
from sciadv.designs.distinct import count_distinct, places
from sciadv.errors import InputError
from sciadv.solvers.least_squares.memetic import MemeticSearch

MIRROR = """
title = "A mirror of few films"
prior = "{prior}"
[forward]
kind = "{kind}"
n_films = 7
materials = ["TiO2", "SiO2"]
bands = [[0.55e-6, 0.75e-6, 21, 1.0]]
[likelihood]
kind = "tolerance"
width = 0.01
is_relative = true
[measurements]
kind = "target"
values = {{ figure_of_merit = [0.02] }}
"""


def mirror(folder, *, prior="none", kind="coating"):
    file = folder / "problem.toml"
    file.write_text(MIRROR.format(prior=prior, kind=kind))
    return load_problem(file)


def test_a_problem_without_a_trained_prior_is_over_the_bounds_of_its_variables(tmp_path):
    problem = mirror(tmp_path)
    x = problem.prior(problem.prior.sample_latent(200, seed=0))
    assert x.shape == (200, 7)
    assert 0.0 <= float(x.min()) < 5e-9
    assert 2.95e-7 < float(x.max()) <= 3e-7


def test_a_forward_without_variables_needs_a_prior(tmp_path):
    file = tmp_path / "problem.toml"
    mirror(tmp_path)
    blur = '[forward]\nkind = "gaussian-blur"\nsigma = 1.0\n[likelihood]\nkind = "gaussian"\nsigma = 0.1\n'
    file.write_text(f'title = "t"\nprior = "none"\n{blur}[measurements]\nkind = "sklearn-digits"\n')
    with pytest.raises(InputError, match="gaussian-blur needs a prior"):
        load_problem(file)


def test_residuals_that_are_to_be_small_are_searched_by_recombination(tmp_path):
    search = PropertySearch(memetic=MemeticSearch(n_minima=20, n_starts=60, n_rounds=3))
    problem = mirror(tmp_path)
    found = search(problem, {"figure_of_merit": "minimise"}, 3, seed=0)
    value = found.values["figure_of_merit"]
    assert found.n_good == int((value <= 1.01 * value.min()).sum()) >= 1
    assert float(value.max()) < 0.03
    assert count_distinct(places(problem.forward, found.x), search.apart) == 3


def test_a_limit_on_what_residuals_measure_is_met(tmp_path):
    search = PropertySearch(memetic=MemeticSearch(n_minima=20, n_starts=60, n_rounds=3))
    found = search(mirror(tmp_path), {"figure_of_merit": at_most(0.03)}, 4, seed=1)
    assert found.n_good == 4
    assert float(found.values["figure_of_merit"].max()) <= 0.03
