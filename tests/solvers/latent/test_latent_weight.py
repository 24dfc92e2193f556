"""The latent law loosened where the data ask for it, and left alone where they do not."""

from dataclasses import replace

import pytest
import torch

from sciadv import Gaussian, Prior, Problem
from sciadv.forward.base import NonlinearForward
from sciadv.solution import Status
from sciadv.solvers import Auto, LevenbergMarquardt
from sciadv.solvers.latent.latent_weight import can_loosen, loosen


class Bent(NonlinearForward):
    """``x + 0.05 x^2``."""

    def forward(self, x):
        return x + 0.05 * x.square()


def posed(z, *, sigma=0.2, latent_weight=1.0):
    """Return the problem of truths made from latents ``(batch, 2)``, with noise of exactly one sigma."""
    prior = Prior(torch.nn.Linear(2, 40, bias=False), 2)
    generator = torch.Generator().manual_seed(0)
    prior.generator.weight.data.copy_(torch.randn(40, 2, generator=generator) / 30)
    forward = Bent((40,), (40,))
    noise = torch.randn(len(z), 40, generator=generator)
    noise = sigma * noise / noise.square().mean(1, keepdim=True).sqrt()
    with torch.no_grad():
        return Problem(prior, forward, Gaussian(sigma), forward(prior(z)) + noise, latent_weight)


LIKELY, FAR = torch.tensor([[0.5, -0.5]]), torch.tensor([[9.0, 7.0]])


def test_a_truth_far_out_under_the_law_is_explained_by_a_looser_one():
    problem = posed(FAR)
    firm = LevenbergMarquardt().solve(problem)
    assert firm.status == [Status.CONVERGED]
    found = loosen(problem, firm)
    assert found.status == [Status.EXPLAINED]
    assert float(found.objective) > float(firm.objective)  # of the problem's own weight
    assert float((found.z - FAR).abs().max()) < float((firm.z - FAR).abs().max())


def test_auto_loosens_for_those_that_need_it_only():
    both = posed(torch.cat([LIKELY, FAR]))
    found = Auto().solve(both)
    assert found.status == [Status.EXPLAINED] * 2
    assert found.settings["law_loosened_for"] == 1
    plain = LevenbergMarquardt().solve(both)
    assert torch.equal(found.x[0], plain.x[0])


def test_the_size_of_the_batch_changes_no_answer():
    both = posed(torch.cat([FAR, LIKELY, FAR + 1]))
    together = Auto().solve(both)
    for row in range(3):
        alone = Auto().solve(both.subset([row]))
        assert torch.allclose(alone.x[0], together.x[row], atol=1e-4)


def test_data_that_no_weight_explains_keep_the_likeliest_latent():
    problem = posed(FAR)
    generator = torch.Generator().manual_seed(1)
    strange = replace(problem, measurements=3 * torch.randn(1, 40, generator=generator))
    firm = LevenbergMarquardt().solve(strange)
    found = loosen(strange, firm)
    assert torch.equal(found.z, firm.z)
    assert found.status == firm.status


@pytest.mark.parametrize(
    ("weight", "sigma", "can"), [(1.0, 0.2, True), (0.0, 0.2, False), (1.0, None, False)]
)
def test_it_needs_a_law_and_a_noise_level(weight, sigma, can):
    problem = replace(posed(LIKELY, latent_weight=weight), likelihood=Gaussian(sigma))
    assert can_loosen(problem) is can
