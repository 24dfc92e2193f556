"""Flows and diffusion models: exact densities, exact inverses, known denoisers, priors like any other."""

import pytest
import torch

from sciadv.errors import InputError
from sciadv.nets import build_seeded
from sciadv.prior import Prior

SPECS = {
    "coupling-generator": {"n_latent": 6, "sample_shape": [1, 2, 3], "hidden": 8},
    "diffusion-generator": {"n_latent": 6, "sample_shape": [1, 2, 3], "hidden": 8, "n_steps": 4},
}


def moved(flow, size=0.3):
    """The flow with random weights, also in the layers that begin at zero."""
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in flow.parameters():
            weight.add_(size * torch.randn(weight.shape, generator=draw))
    return flow.double()


def test_a_new_flow_is_the_identity_and_a_moved_one_is_inverted_to_rounding():
    flow = build_seeded({"kind": "coupling-generator", **SPECS["coupling-generator"]}, 0)
    z = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(flow(z).flatten(1), z)
    z = z.double()
    back, _ = moved(flow).inverse(flow(z))
    assert (flow(z).flatten(1) - z).abs().max() > 0.1
    assert (back - z).abs().max() < 1e-12


def test_the_flows_determinant_is_that_of_its_jacobian():
    flow = moved(build_seeded({"kind": "coupling-generator", **SPECS["coupling-generator"]}, 0))
    flow.scale.fill_(0.5)
    z = torch.randn(1, 6, generator=torch.Generator().manual_seed(0)).double()
    jacobian = torch.autograd.functional.jacobian(lambda row: flow(row).flatten(), z)[:, 0]
    assert flow.inverse(flow(z))[1].item() == pytest.approx(
        torch.linalg.slogdet(jacobian)[1].item(), abs=1e-12
    )


def test_the_flows_density_integrates_to_one():
    flow = moved(build_seeded({"kind": "coupling-generator", "n_latent": 2, "hidden": 8}, 0), size=0.15)
    side = torch.linspace(-30, 30, 601).double()
    density = flow.log_density(torch.cartesian_prod(side, side)).exp()
    assert density.sum().item() * 0.1**2 == pytest.approx(1, abs=1e-4)


def test_every_place_acts_on_every_other_after_enough_couplings():
    flow = moved(build_seeded({"kind": "coupling-generator", "n_latent": 6, "hidden": 8}, 0))
    z = torch.randn(1, 6, generator=torch.Generator().manual_seed(0)).double()
    jacobian = torch.autograd.functional.jacobian(lambda row: flow(row).flatten(), z)[:, 0]
    assert bool((jacobian != 0).all())


def test_the_denoiser_of_an_untrained_network_at_zero_is_that_of_gaussian_data():
    model = build_seeded({"kind": "diffusion-generator", "n_latent": 2, "sigma_data": 0.5}, 0)
    for weight in model.net[-1].parameters():
        torch.nn.init.zeros_(weight)
    x, sigma = torch.tensor([[1.0, -2.0]]), torch.tensor([[2.0]])
    assert torch.allclose(model.denoise(x, sigma), x * 0.25 / 4.25)  # Wiener's factor
    z = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
    model.n_steps = 40
    assert model(z).std().item() == pytest.approx(0.5, rel=0.05)


def test_no_latent_is_led_beyond_the_bound_by_a_network_without_one():
    model = build_seeded({"kind": "diffusion-generator", "n_latent": 2, "sigma_data": 0.5}, 0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(30)  # each step now multiplies what it is given
    x = model(torch.randn(500, 2, generator=torch.Generator().manual_seed(0)))
    assert x.abs().max().item() == pytest.approx(5.0)


def test_every_noise_of_the_path_is_trained(monkeypatch):
    model, seen = build_seeded({"kind": "diffusion-generator", "n_latent": 2, "sigma_data": 0.5}, 0), []
    network = model._network

    def noted(x, sigma):
        seen.append(sigma)
        return network(x, sigma)

    monkeypatch.setattr(model, "_network", noted)
    model.denoising_loss(torch.zeros(5000, 2), generator=torch.Generator().manual_seed(0))
    edges = torch.linspace(0.02, 20, 2).log()
    counts = torch.histc(seen[0].log(), 8, *edges.tolist())
    assert counts.min() > 0.015 * 5000  # an eighth of the path, in logarithms, by a fifth of the samples
    assert seen[0].median().item() == pytest.approx(2 * 0.5 * 0.301, rel=0.15)  # exp(-1.2), the source's


def test_a_trained_diffusion_model_has_the_mean_of_its_data():
    model = build_seeded({"kind": "diffusion-generator", "n_latent": 2, "hidden": 32}, 0)
    draw = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(300):
        x = torch.tensor([1.0, -1.0]) + torch.randn(64, 2, generator=draw) * 0.3
        optimizer.zero_grad()
        model.denoising_loss(x, generator=draw).backward()
        optimizer.step()
    samples = model(torch.randn(1000, 2, generator=draw))
    assert torch.allclose(samples.mean(0), torch.tensor([1.0, -1.0]), atol=0.15)
    assert samples.std(0).mean().item() == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize("kind", SPECS)
def test_a_prior_of_latents_as_long_as_the_sample_is_saved_and_loaded(kind, tmp_path):
    prior = Prior(build_seeded({"kind": kind, **SPECS[kind]}, 0), 6, name="toy")
    assert prior.out_shape == (1, 2, 3)
    prior.save(tmp_path / "toy")
    z = prior.sample_latent(3, seed=0).requires_grad_()
    x = Prior.load(tmp_path / "toy")(z)
    assert torch.equal(x, prior(z))
    assert torch.autograd.grad(x.sum(), z)[0].abs().min() > 0


@pytest.mark.parametrize("kind", SPECS)
def test_a_shape_of_another_number_of_values_is_named(kind):
    with pytest.raises(InputError, match=r"give n_latent=6"):
        build_seeded({"kind": kind, **SPECS[kind], "n_latent": 5}, 0)


def test_a_flow_of_one_number_is_refused():
    with pytest.raises(InputError, match="n_latent >= 2"):
        build_seeded({"kind": "coupling-generator", "n_latent": 1}, 0)
