"""Generators that are not ours in a prior's folder: by factory, by weights alone, never by surprise."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import sciadv
from sciadv import Factory, Prior
from sciadv.errors import InputError, WeightsError

MODULE = """
import torch
CALLS = []
def make(width):
    CALLS.append(width)
    return torch.nn.Sequential(
        torch.nn.Unflatten(1, (4, 1, 1)), torch.nn.ConvTranspose2d(4, width, 8), torch.nn.Conv2d(width, 1, 1)
    )
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch):
    (tmp_path / "my_nets.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_nets", raising=False)
    import my_nets

    return my_nets


def test_a_prior_is_loaded_by_its_factory_where_that_is_allowed_only(own, tmp_path: Path) -> None:
    prior = Prior(own.make(3), 4, factory=Factory("my_nets:make", {"width": 3}))
    prior.save(tmp_path / "mine")
    n_calls = len(own.CALLS)
    with pytest.raises(InputError, match="allow_factory=True"):
        Prior.load(tmp_path / "mine")
    assert len(own.CALLS) == n_calls
    again = Prior.load(tmp_path / "mine", allow_factory=True)
    assert torch.equal(again.sample(3, seed=0), prior.sample(3, seed=0))
    assert again.factory == prior.factory


def test_weights_alone_need_the_network(own, tmp_path: Path) -> None:
    prior = Prior(own.make(3), (4,))
    prior.save(tmp_path / "mine")
    with pytest.raises(InputError, match=r"weights of a Sequential.*generator=net"):
        Prior.load(tmp_path / "mine", allow_factory=True)
    fresh = own.make(3)
    before = fresh[1].weight.clone()
    again = Prior.load(tmp_path / "mine", generator=fresh)
    assert torch.equal(again.sample(3, seed=0), prior.sample(3, seed=0))
    assert torch.equal(fresh[1].weight, before)  # a copy got the weights
    with pytest.raises(WeightsError, match="do not fit the generator given"):
        Prior.load(tmp_path / "mine", generator=own.make(5))


def test_a_problem_can_name_such_a_prior(own, tmp_path: Path) -> None:
    prior = Prior(own.make(3), 4, factory=Factory("my_nets:make", {"width": 3}))
    prior.save(tmp_path / "mine")
    (tmp_path / "problem.toml").write_text(
        'title = "a"\nprior = "./mine"\n[forward]\nkind = "block-sum"\nblock = 2\n[likelihood]\n'
        'kind = "gaussian"\nsigma = 0.1\n[measurements]\nkind = "simulated"\nimages = "prior"\nn = 2\n'
    )
    with pytest.raises(InputError, match="allow-factory"):
        sciadv.load_problem(tmp_path / "problem.toml")
    assert sciadv.load_problem(tmp_path / "problem.toml", allow_factory=True).n_problems == 2
    assert sciadv.load_problem(tmp_path / "problem.toml", prior=prior).prior is prior


def test_a_factory_of_another_network_or_of_no_function_is_refused(own, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="makes another network"):
        Prior(own.make(3), 4, factory=Factory("my_nets:make", {"width": 5})).save(tmp_path / "mine")
    with pytest.raises(InputError, match="fails"):
        Factory("my_nets:nothing").make()
    with pytest.raises(InputError, match="named as in"):
        Factory("os; import x")


def test_a_shape_of_latents_is_kept(tmp_path: Path) -> None:
    net = nn.Sequential(nn.ConvTranspose2d(4, 1, 8), nn.Sigmoid())
    Prior(net, (4, 1, 1)).save(tmp_path / "mine")
    again = Prior.load(tmp_path / "mine", generator=net)
    assert again.latent_shape == (4, 1, 1)
    assert again.out_shape == (1, 8, 8)
