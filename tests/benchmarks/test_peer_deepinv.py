import importlib
import sys
from importlib.util import find_spec

import pytest
import torch

from benchmarks.scans import peer_deepinv
from sciadv import Prior
from sciadv.forward import GaussianSensing

HAS_TORCHVISION = find_spec("torchvision") is not None


@pytest.mark.skipif(HAS_TORCHVISION, reason="torchvision is installed: there is no stand-in to test")
def test_the_stand_in_is_there_inside_the_block_only() -> None:
    with peer_deepinv.torchvision_stand_in():
        transforms = importlib.import_module("torchvision.transforms")
        assert isinstance(transforms.Compose, type)
        assert transforms.InterpolationMode.BICUBIC.name == "BICUBIC"
    assert not any(name.split(".")[0] == "torchvision" for name in sys.modules)
    assert find_spec("torchvision") is None


@pytest.mark.skipif(find_spec("deepinv") is None, reason="deepinv is not installed")
@pytest.mark.filterwarnings("ignore")
def test_the_peer_reconstructs_with_our_generator_and_operator() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(2, 36), torch.nn.Sigmoid(), torch.nn.Unflatten(1, (1, 6, 6)))
    prior, forward = Prior(net, 2), GaussianSensing((1, 6, 6), 30, seed=0)
    x = prior.sample(2, seed=0)
    state = torch.random.get_rng_state()
    found = peer_deepinv.solve(prior, forward, forward(x), factor=30**-0.5)
    assert (found - x).square().mean() < 1e-2
    assert torch.equal(state, torch.random.get_rng_state())
