"""Networks seeded without the global generator: the weights that it gives, none of its numbers used."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from sciadv.nets import build_net, build_seeded

IMAGE = {"image_shape": [1, 16, 16]}
SPECS = {
    "mlp-decoder": {"n_latent": 3, "hidden": [8], **IMAGE},
    "mlp-encoder": {"n_latent": 3, "hidden": [8], **IMAGE},
    "conv-decoder": {"n_latent": 3, **IMAGE},
    "conv-encoder": {"n_latent": 3, **IMAGE},
    "conv-discriminator": IMAGE,
    "conv-classifier": {"n_classes": 3, **IMAGE},
    "dcgan-generator": {"n_latent": 3, **IMAGE},
    "dcgan-discriminator": IMAGE,
    "residual-generator": {"n_latent": 3, **IMAGE},
    "residual-discriminator": IMAGE,
    "style-generator": {"n_latent": 3, "n_style": 6, **IMAGE},
}


def weights(net: torch.nn.Module) -> torch.Tensor:
    return torch.cat([value.flatten().double() for value in net.state_dict().values()])


@pytest.mark.parametrize("kind", SPECS)
def test_the_weights_are_those_of_the_global_generator_and_it_stays_as_it_was(kind):
    spec = {"kind": kind, **SPECS[kind]}
    with torch.random.fork_rng():
        torch.manual_seed(7)
        expected = weights(build_net(spec))
    before = torch.random.get_rng_state()
    assert torch.equal(weights(build_seeded(spec, 7)), expected)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_threads_build_the_same_network():
    spec = {"kind": "conv-decoder", **SPECS["conv-decoder"]}
    alone = weights(build_seeded(spec, 3))
    with ThreadPoolExecutor(8) as pool:
        built = list(pool.map(lambda _: weights(build_seeded(spec, 3)), range(24)))
    assert all(torch.equal(one, alone) for one in built)
