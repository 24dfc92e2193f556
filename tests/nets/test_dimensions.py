"""Networks of signals, images and volumes of any size and any number of channels."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sciadv.errors import InputError
from sciadv.nets import RangedGenerator, build_net, build_seeded, net_spec

SHAPES = st.tuples(st.integers(1, 5), st.one_of(*(st.tuples(*(st.integers(8, 13),) * n) for n in (1, 2, 3))))


@pytest.mark.parametrize("kind", ["conv", "dcgan", "residual", "mlp"])
@given(SHAPES)
def test_a_generator_gives_images_of_any_shape(kind: str, shape) -> None:
    channels, sides = shape
    name = {"conv": "conv-decoder", "mlp": "mlp-decoder"}.get(kind, f"{kind}-generator")
    sizes = {"hidden": [8]} if kind == "mlp" else {"channels": 2}
    net = build_seeded({"kind": name, "n_latent": 3, "image_shape": [channels, *sides], **sizes}, 0)
    assert tuple(net(torch.zeros(2, 3)).shape) == (2, channels, *sides)


@pytest.mark.parametrize(
    "kind", ["conv-encoder", "conv-discriminator", "dcgan-discriminator", "residual-discriminator"]
)
@given(SHAPES)
def test_an_encoder_or_discriminator_takes_them(kind: str, shape) -> None:
    channels, sides = shape
    net = build_seeded({"kind": kind, "image_shape": [channels, *sides], "channels": 2}, 0)
    assert len(net(torch.zeros(2, channels, *sides))) == 2


def test_shapes_without_sides_and_too_many_halvings_are_refused() -> None:
    with pytest.raises(InputError, match="one to three sides"):
        build_net({"kind": "conv-decoder", "n_latent": 3, "image_shape": [3]})
    with pytest.raises(InputError, match="cannot be halved 4 times"):
        build_net({"kind": "conv-encoder", "image_shape": [1, 8, 8], "halvings": 4})


def test_a_network_within_a_network_is_built_again_from_its_settings() -> None:
    inner = build_seeded({"kind": "conv-decoder", "n_latent": 3, "image_shape": [2, 9], "channels": 2}, 0)
    net = RangedGenerator(inner=inner, low=[0.0, -1.0], high=[2.0, 1.0])
    again = build_net(net_spec(net))
    again.load_state_dict(net.state_dict())
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again(z), net(z))
    with pytest.raises(InputError, match="below high"):
        RangedGenerator(inner=inner, low=[0.0, 1.0], high=[2.0, 1.0])
