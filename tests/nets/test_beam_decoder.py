import pytest
import torch

from sciadv.errors import InputError
from sciadv.nets import build_net, net_spec
from sciadv.nets.spatial.beam_decoder import BeamDecoder


def test_the_volume_is_exact_for_every_condition():
    torch.manual_seed(0)
    net = BeamDecoder(height=10, width=20, channels=2).double()
    conditions = torch.tensor([[0.2, 2.0, 0.1], [0.39, 3.5, 0.7]], dtype=torch.float64)
    z = net.latent(conditions)
    torch.testing.assert_close(net.condition(z), conditions)
    torch.testing.assert_close(net(z).mean((1, 2, 3)), conditions[:, 0], rtol=0, atol=1e-9)


def test_the_nearest_known_design_is_that_of_the_nearest_conditions():
    net = BeamDecoder(height=4, width=8, channels=2, n_known=2)
    net.conditions.copy_(torch.tensor([[0.2, 2.0, 0.0], [0.3, 2.0, 1.0]]))
    net.known[1] = 255
    assert float(net.nearest(torch.tensor([[0.25, 3.0, 0.9]])).mean()) == 1.0
    assert net_spec(build_net(net_spec(net)))["n_known"] == 2
    with pytest.raises(InputError, match="n_known > 0"):
        BeamDecoder(height=4, width=8).nearest(torch.zeros(1, 3))


def test_ranges_that_do_not_grow_are_refused():
    with pytest.raises(InputError, match="ranges that grow"):
        BeamDecoder(lower=(0.2, 1.0, 0.0), upper=(0.2, 2.0, 1.0))
