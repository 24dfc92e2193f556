"""A flow between N(0, I) and a generator's latents: exact inverses and densities, a prior like any other."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sciadv.errors import GeneratorError, InputError
from sciadv.nets import build_net, build_seeded, net_spec
from sciadv.nets.wrapping.latent_flow import FlowEncoder, FlowGenerator, LatentFlow
from sciadv.prior import Prior

N = 5


def moved(seed: int = 0) -> LatentFlow:
    """A flow with random weights, mean and factor, in double precision."""
    flow = build_seeded({"kind": "latent-flow", "n_latent": N, "hidden": 8}, seed)
    assert isinstance(flow, LatentFlow)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in flow.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=draw))
    flow.mean.copy_(torch.randn(N, generator=draw))
    flow.factor.copy_(torch.eye(N) + 0.5 * torch.randn(N, N, generator=draw).tril(-1))
    return flow.double()


def test_a_new_flow_is_the_identity() -> None:
    u = torch.randn(4, N, generator=torch.Generator().manual_seed(0))
    assert torch.equal(LatentFlow(n_latent=N)(u), u)


@given(st.integers(0, 1000))
def test_a_flow_is_inverted_to_rounding(seed: int) -> None:
    flow = moved(seed)
    u = torch.randn(3, N, generator=torch.Generator().manual_seed(seed + 1)).double()
    assert (flow.inverse(flow(u))[0] - u).abs().max() < 1e-9


def test_the_density_is_that_of_the_change_of_variables() -> None:
    flow = moved()
    u = torch.randn(1, N, generator=torch.Generator().manual_seed(2)).double()
    jacobian = torch.autograd.functional.jacobian(lambda row: flow(row).flatten(), u)[:, 0]
    normal = torch.distributions.MultivariateNormal(torch.zeros(N).double(), torch.eye(N).double())
    expected = normal.log_prob(u) - torch.linalg.slogdet(jacobian)[1]
    torch.testing.assert_close(flow.log_density(flow(u)), expected)


def test_a_prior_behind_a_flow_is_saved_and_searched_like_any_other(tmp_path) -> None:
    shape = {"n_latent": N, "image_shape": [1, 8, 8]}
    nets = [
        build_seeded({"kind": f"mlp-{kind}", "hidden": [9], **shape}, 0) for kind in ("decoder", "encoder")
    ]
    flow = moved().float()
    prior = Prior(
        FlowGenerator(inner=nets[0], flow=flow), N, FlowEncoder(inner=nets[1], flow=flow), name="flowed"
    )
    prior.save(tmp_path / "flowed")
    back = Prior.load(tmp_path / "flowed")
    u = torch.randn(3, N, generator=torch.Generator().manual_seed(3))
    assert back.n_latent == N
    assert torch.equal(back(u), nets[0](flow(u)))
    assert torch.equal(back.encode(back(u)), prior.encode(prior(u)))
    torch.testing.assert_close(torch.sigmoid(back.generator.logits(u)), back(u))


def test_a_sampler_moves_draws_alone_and_goes_where_the_prior_goes(tmp_path) -> None:
    net = build_seeded({"kind": "mlp-decoder", "n_latent": N, "image_shape": [1, 8, 8]}, 0)
    flow = moved().float()
    prior, plain = Prior(net, N, sampler=flow, name="sampled"), Prior(net, N)
    u = plain.sample_latent(5, seed=4)
    expected = net(flow(u))
    prior.save(tmp_path / "sampled")
    for one in (prior, prior.replica(), prior.to("cpu"), Prior.load(tmp_path / "sampled")):
        assert torch.equal(one.sample(5, seed=4), expected)
        assert torch.equal(one.sample_latent(5, seed=4), u)
        assert torch.equal(one(u), net(u))
    assert Prior.load(tmp_path / "sampled", dtype=torch.float64).sample(2, seed=0).dtype == torch.float64
    with pytest.raises(InputError, match=r"the sampler of prior 'custom' must be a torch.nn.Module or None"):
        Prior(net, N, sampler="flow")  # type: ignore[arg-type]


def test_a_sampler_that_gives_no_latents_is_refused(tmp_path) -> None:
    net = build_seeded({"kind": "mlp-decoder", "n_latent": N, "image_shape": [1, 8, 8]}, 0)
    with pytest.raises(InputError, match=r"the sampler of prior 'custom' gives .*, but \(batch, n_latent\)"):
        Prior(net, N, sampler=torch.nn.Linear(N, N + 1)).sample(2, seed=0)
    with pytest.raises(GeneratorError, match="the sampler of prior 'custom' fails on a batch of 2"):
        Prior(net, N, sampler=torch.nn.Linear(N + 1, N)).sample(2, seed=0)
    broken = torch.nn.Linear(N, N)
    broken.bias.data[0] = float("nan")
    with pytest.raises(InputError, match="the sampler of prior 'custom' gives NaN or Inf for 2 of 2"):
        Prior(net, N, sampler=broken).sample(2, seed=0)
    own = torch.nn.Linear(N, N)
    Prior(net, N, sampler=own).save(tmp_path / "own")
    with pytest.raises(InputError, match=r"give the network: Prior.load\(folder, sampler=net\)"):
        Prior.load(tmp_path / "own")
    again = Prior.load(tmp_path / "own", sampler=torch.nn.Linear(N, N))
    assert torch.equal(again.sample(2, seed=0), Prior(net, N, sampler=own).sample(2, seed=0))


def test_the_settings_of_a_flowed_generator_make_it_again() -> None:
    inner = build_seeded({"kind": "mlp-decoder", "n_latent": N, "image_shape": [1, 8, 8]}, 0)
    spec = net_spec(FlowGenerator(inner=inner, flow=LatentFlow(n_latent=N, n_couplings=2)))
    assert net_spec(build_net(spec)) == spec


def test_one_number_cannot_be_coupled() -> None:
    with pytest.raises(ValueError, match="needs n_latent >= 2"):
        LatentFlow(n_latent=1)
