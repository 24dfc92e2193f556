import pytest
import torch

from sciadv.data.media import overlapping_discs
from sciadv.metrics.media.two_phase import two_point_probability
from sciadv.nets.spatial.decoder import SpatialDecoder
from sciadv.nets.spatial.encoder import SpatialEncoder
from sciadv.prior import Prior
from sciadv.trainings.loop import run
from sciadv.trainings.protocol import load_training, save_training
from sciadv.trainings.structures.cell_training import CellTraining, tilted

SIDES = {"image_shape": (1, 32, 32), "channels": 2, "maps": 2, "halvings": 2}


@pytest.fixture(scope="module")
def training_of():
    torch.manual_seed(0)
    decoder, encoder = SpatialDecoder(**SIDES), SpatialEncoder(**SIDES)
    source = Prior(decoder, decoder.settings["n_latent"], encoder=encoder, name="source")
    discs = torch.from_numpy(overlapping_discs(seed=0, side=128)).unfold(0, 32, 16).unfold(1, 32, 16)
    patches = discs.reshape(-1, 1, 32, 32)
    return lambda: CellTraining(source, patches, batch=10, n_samples=64)


def test_cells_have_the_share_of_the_patches(training_of):
    training = training_of()
    run(training)
    assert training.n_done == training.n_steps == 5
    made = training.prior(name="cells").sample(200, seed=3).mean()
    assert float(made - training.patches.float().mean() / 255) == pytest.approx(0, abs=0.03)
    assert "maps of latents vary" in training.diagnose()[0]


def test_cells_have_the_two_point_probability_of_the_patches_where_the_exponent_can_give_it(training_of):
    training = training_of()
    run(training)
    patches = training.patches[:, 0] > 127
    wanted = float(two_point_probability(patches, 8)[1:].mean())
    made, ends = (
        [
            float(two_point_probability(prior.sample(400, seed=3)[:, 0] > 0.5, 8)[1:].mean())
            for prior in priors
        ]
        for priors in ([training.prior(name="cells")], extreme_priors(training))
    )
    assert min(ends) < max(ends)
    nearest = min(max(wanted, min(ends)), max(ends))
    assert made[0] == pytest.approx(nearest, abs=0.01)


def extreme_priors(training):
    priors = []
    for exponent in training.exponents:
        training.exponents, before = (exponent, exponent), training.exponents
        priors.append(training.prior(name="end"))
        training.exponents = before
    return priors


@pytest.mark.parametrize("width", [6, 7])
def test_a_tilted_spectrum_keeps_its_power_and_its_mean(width):
    shape = (2, 5, width // 2 + 1)
    amplitude = 0.5 + torch.rand(shape, generator=torch.Generator().manual_seed(0))
    flat = tilted(amplitude, 0.0, width)
    torch.testing.assert_close(flat, amplitude)
    moved = tilted(amplitude, 0.5, width)
    white = torch.randn(4000, 2, 5, width, generator=torch.Generator().manual_seed(1))

    def fields(gains):
        return torch.fft.irfft2(torch.fft.rfft2(white) * gains, s=(5, width))

    before, after = (fields(gains) for gains in (amplitude, moved))
    torch.testing.assert_close(after.var((0, 2, 3)), before.var((0, 2, 3)), rtol=0.03, atol=0)
    torch.testing.assert_close(after.mean((2, 3)), before.mean((2, 3)), rtol=1e-4, atol=1e-4)
    assert bool((moved[:, 0, 1] > amplitude[:, 0, 1]).all())
    assert bool((moved[:, 2, -1] < amplitude[:, 2, -1]).all())


def test_a_training_goes_on_where_it_was_left(training_of, tmp_path):
    whole, first, second = training_of(), training_of(), training_of()
    run(whole)
    first.step()
    save_training(first, tmp_path / "checkpoint.safetensors")
    load_training(second, tmp_path / "checkpoint.safetensors")
    run(second)
    assert all(torch.equal(second.sums[name], total) for name, total in whole.sums.items())
