"""Networks of stationary images: crops of the latent map are crops of the image, at any size."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciadv.errors import InputError
from sciadv.nets import build_net, build_seeded, net_spec
from sciadv.nets.spatial.decoder import SpatialDecoder, lost_pixels
from sciadv.nets.spatial.encoder import SpatialEncoder
from sciadv.nets.spatial.latent_map import OfAnySize
from sciadv.nets.spatial.patch_discriminator import PatchDiscriminator
from sciadv.prior import Prior
from sciadv.testing import check_prior


def decoder(sides: tuple[int, ...], *, halvings: int = 2, seed: int = 0) -> SpatialDecoder:
    spec = {
        "kind": "spatial-decoder",
        "image_shape": (1, *sides),
        "maps": 2,
        "channels": 3,
        "halvings": halvings,
    }
    net = build_seeded(spec, seed).double()
    assert isinstance(net, SpatialDecoder)
    return net


@settings(max_examples=25, deadline=None)
@given(
    n_sides=st.integers(1, 3),
    halvings=st.integers(1, 3),
    whole=st.lists(st.integers(2, 4), min_size=3, max_size=3),
    first=st.lists(st.integers(0, 2), min_size=3, max_size=3),
    extra=st.integers(0, 7),
)
def test_a_crop_of_the_latent_map_is_the_crop_of_the_image(
    n_sides: int, halvings: int, whole: list[int], first: list[int], extra: int
) -> None:
    step = 2**halvings
    places = [n + f for n, f in zip(whole, first, strict=True)][:n_sides]
    large = decoder(tuple(step * n + extra % step for n in places), halvings=halvings)
    small = large.at_size((1, *(step * n for n in whole[:n_sides])))
    z = torch.randn(1, *large.map.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    index = tuple(slice(f, f + n) for f, n in zip(first, small.map.places, strict=False))
    piece = z[(slice(None), slice(None), *index)]
    pixels = tuple(slice(step * f, step * (f + n)) for f, n in zip(first, whole[:n_sides], strict=False))
    expected = large(z.flatten(1))[(slice(None), slice(None), *pixels)]
    torch.testing.assert_close(small(piece.flatten(1)), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("halvings", [1, 2, 3])
def test_every_pixel_sees_latents_on_both_sides_and_none_beyond_the_map(halvings: int) -> None:
    net = decoder((2**halvings * 3,), halvings=halvings)
    z = torch.randn(1, net.map.n_latent, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    slopes = torch.func.jacrev(lambda latent: net(latent).flatten())(z)[:, 0].abs()  # type: ignore[no-untyped-call]
    seen = slopes.reshape(slopes.shape[0], 2, -1).sum(1) > 0
    first, last = seen[0].nonzero().flatten(), seen[-1].nonzero().flatten()
    assert len(first) == len(last)  # the border's pixels see as many latents as any
    assert net.map.margin == -(-lost_pixels(halvings) // 2**halvings)


def test_the_encoder_gives_latents_of_the_decoder_at_any_size() -> None:
    encoder = SpatialEncoder(image_shape=(1, 16, 16), maps=2, channels=3, halvings=2)
    for sides in ((16, 16), (13, 30)):
        x = torch.rand(3, 1, *sides)
        wide = encoder.at_size((1, *sides))
        assert wide(x).shape == (3, decoder(sides).map.n_latent)


def test_the_encoder_of_a_large_image_agrees_with_that_of_a_crop_far_from_the_border() -> None:
    encoder = SpatialEncoder(image_shape=(1, 128), maps=2, channels=3, halvings=2)
    x = torch.rand(1, 1, 128, generator=torch.Generator().manual_seed(0))
    whole = encoder(x).reshape(2, -1)
    part = encoder.at_size((1, 96))(x[..., 16:112]).reshape(2, -1)
    middle = part.shape[1] // 2
    torch.testing.assert_close(part[:, middle - 2 : middle + 2], whole[:, middle + 2 : middle + 6])


def test_networks_are_made_again_from_their_settings() -> None:
    for net in (
        decoder((8, 8)),
        SpatialEncoder(image_shape=(1, 8, 8)),
        PatchDiscriminator(image_shape=(1, 64, 64)),
    ):
        again = build_net(net_spec(net))
        assert [p.shape for p in again.parameters()] == [p.shape for p in net.parameters()]


def test_a_discriminator_of_patches_scores_images_of_any_size() -> None:
    net = PatchDiscriminator(image_shape=(1, 64, 64), channels=2)
    with pytest.raises(InputError, match="at least 38 pixels"):
        PatchDiscriminator(image_shape=(1, 37, 60))
    assert net(torch.rand(2, 1, 64, 64)).shape == net(torch.rand(2, 1, 80, 100)).shape == (2,)


def test_another_number_of_latents_than_the_map_has_is_refused() -> None:
    with pytest.raises(InputError, match="latent map of"):
        SpatialDecoder(image_shape=(1, 8, 8), n_latent=7)
    with pytest.raises(InputError, match="one to three sides"):
        SpatialDecoder(image_shape=(1, 2, 2, 2, 2))


def test_a_spatial_prior_keeps_the_promises_of_priors_at_every_size() -> None:
    net = decoder((8, 8)).float()
    encoder = SpatialEncoder(image_shape=(1, 8, 8), maps=2, channels=3, halvings=2)
    prior = Prior(net, net.map.n_latent, encoder, name="toy")
    check_prior(prior)
    wide = prior.at_size((1, 20, 9))
    check_prior(wide)
    assert isinstance(wide.generator, OfAnySize)
    assert wide.encode(wide.sample(2, seed=0)).shape == (2, wide.n_latent)
    assert wide.at_size((1, 8, 8)).sample(1, seed=3).equal(prior.sample(1, seed=3))


def test_a_prior_of_one_size_says_so() -> None:
    prior = Prior(torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Unflatten(1, (1, 4, 4))), 2)
    with pytest.raises(InputError, match="only; for any size"):
        prior.at_size((1, 8, 8))
    net = decoder((8, 8))
    with pytest.raises(InputError, match="as many channels and sides"):
        Prior(net, net.map.n_latent).at_size((1, 8))


def test_a_spatial_prior_is_loaded_at_its_size_and_made_larger(tmp_path) -> None:
    net = decoder((8, 8)).float()
    Prior(net, net.map.n_latent).save(tmp_path / "toy")
    again = Prior.load(tmp_path / "toy")
    assert again.out_shape == (1, 8, 8)
    assert again.at_size((1, 16, 24)).out_shape == (1, 16, 24)
