import pytest
import torch

from sciadv.errors import InputError
from sciadv.nets import build_net, net_spec
from sciadv.nets.spatial.decoder import SpatialDecoder
from sciadv.nets.spatial.torus_decoder import TorusDecoder
from sciadv.prior import Prior

SIDES = {"image_shape": (1, 32, 32), "channels": 2, "maps": 2, "halvings": 2}


@pytest.fixture
def net():
    torch.manual_seed(0)
    return TorusDecoder(inner=SpatialDecoder(**SIDES), maps=[1])


def test_cells_are_of_zeros_and_ones_and_follow_a_shift_of_their_latents_by_a_place(net):
    z = torch.randn(2, 8, 8)
    x = net(z.flatten(1))
    assert set(x.unique().tolist()) <= {0.0, 1.0}
    moved = net(z.roll((3, 1), (1, 2)).flatten(1))
    assert float((moved != x.roll((12, 4), (2, 3))).double().mean()) < 1e-3


def test_the_shift_sets_the_share_and_derivatives_are_those_of_a_sigmoid(net):
    z = torch.randn(1, net.n_latent, requires_grad=True)
    net.shift.fill_(50.0)
    assert float(net(z).detach().mean()) == 1.0
    net.shift.zero_()
    (slope,) = torch.autograd.grad(net(z).sum(), z)
    (soft,) = torch.autograd.grad(torch.sigmoid(net.logits(z)).sum(), z)
    torch.testing.assert_close(slope, soft)


def test_latents_have_the_spectrum_that_was_learned(net):
    down, right = torch.fft.fftfreq(8)[:, None], torch.fft.rfftfreq(8)[None]
    net.amplitude.copy_((0.5 + down.abs() + right)[None])
    z = torch.randn(4000, net.n_latent, generator=torch.Generator().manual_seed(1))
    power = torch.fft.rfft2(net.latents(z)[:, 1]).abs().square().mean(0) / 64
    assert float((power / net.amplitude[0].square() - 1).abs().max()) < 0.15


def test_a_saved_prior_of_cells_is_read_again(net, tmp_path):
    prior = Prior(net, net.n_latent, name="cells")
    prior.save(tmp_path / "cells", header={"title": "cells"}, text="")
    again = Prior.load(tmp_path / "cells")
    assert again.n_latent == net.n_latent
    torch.testing.assert_close(again.sample(2, seed=0), prior.sample(2, seed=0))
    assert net_spec(build_net(net_spec(net)))["maps"] == [1]


def test_what_cannot_close_is_refused_in_words():
    with pytest.raises(InputError, match="multiples of 4"):
        TorusDecoder(inner=SpatialDecoder(**SIDES | {"image_shape": (1, 30, 32)}), maps=[0])
    with pytest.raises(InputError, match="some of 0 to 1"):
        TorusDecoder(inner=SpatialDecoder(**SIDES), maps=[2])
    with pytest.raises(InputError, match="leave it out"):
        TorusDecoder(inner=SpatialDecoder(**SIDES), maps=[0], n_latent=3)
