import pytest
import torch

from sciadv.data.media import overlapping_discs
from sciadv.nets.spatial.decoder import SpatialDecoder
from sciadv.nets.spatial.encoder import SpatialEncoder
from sciadv.prior import Prior
from sciadv.trainings.loop import run
from sciadv.trainings.protocol import load_training, save_training
from sciadv.trainings.structures.cell_training import CellTraining

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


def test_a_training_goes_on_where_it_was_left(training_of, tmp_path):
    whole, first, second = training_of(), training_of(), training_of()
    run(whole)
    first.step()
    save_training(first, tmp_path / "checkpoint.safetensors")
    load_training(second, tmp_path / "checkpoint.safetensors")
    run(second)
    assert all(torch.equal(second.sums[name], total) for name, total in whole.sums.items())
