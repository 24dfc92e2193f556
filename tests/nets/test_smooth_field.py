import pytest
import torch

from sciadv.errors import InputError
from sciadv.nets import SmoothField, build_net, net_spec


def test_field_of_the_sigmoid_has_unit_variance_and_a_spread():
    net = SmoothField(32, 32, n_waves=4, sharpness=1.0, spread=0.5)
    z = torch.randn(4000, net.n_latent, generator=torch.Generator().manual_seed(0))
    field = torch.logit(net(z).double())
    assert float(field.var()) == pytest.approx(1.25, abs=0.05)
    assert float(field.mean((1, 2, 3)).std()) == pytest.approx(0.5, abs=0.03)


def test_periodic_images_continue_at_their_edges():
    net = SmoothField(64, 48, n_waves=3, sharpness=1.0)
    z = torch.randn(20, net.n_latent, generator=torch.Generator().manual_seed(0))
    x = net(z)
    inside = (x[:, :, 1:] - x[:, :, :-1]).abs().max()
    assert float((x[:, :, 0] - x[:, :, -1]).abs().max()) <= float(inside) * 1.01


def test_images_of_half_waves_are_flat_at_their_edges():
    net = SmoothField(64, 64, n_waves=3, is_periodic=False, sharpness=1.0)
    z = torch.randn(20, net.n_latent, generator=torch.Generator().manual_seed(0))
    x = net(z)
    inside = (x[:, :, 1:] - x[:, :, :-1]).abs().mean()
    assert float((x[:, :, 1] - x[:, :, 0]).abs().mean()) < 0.2 * float(inside)
    assert float((x[:, :, 0] - x[:, :, -1]).abs().mean()) > 5 * float(inside)


def test_it_is_built_again_from_its_settings():
    net = SmoothField(16, 20, n_waves=2, is_periodic=False)
    again = build_net(net_spec(net))
    z = torch.randn(2, net.n_latent)
    torch.testing.assert_close(again(z), net(z))


def test_more_waves_than_pixels_are_refused():
    with pytest.raises(InputError, match="n_waves"):
        SmoothField(8, 8, n_waves=5)
