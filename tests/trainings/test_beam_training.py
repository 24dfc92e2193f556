import torch

from sciadv.nets.spatial.beam_decoder import BeamDecoder
from sciadv.recipes import train_recipe
from sciadv.schema import Recipe, parse_recipe
from sciadv.trainings.protocol import load_training, save_training
from sciadv.trainings.structures.beam_training import BeamSchedule, BeamTraining

TEXT = """
kind = "beams"
title = "small beams"
[generator]
kind = "beam-decoder"
height = 8
width = 16
channels = 2
[schedule]
designs = 2
criteria_steps = 5
steps = 3
batch = 2
"""


def small():
    torch.manual_seed(0)
    net = BeamDecoder(height=8, width=16, channels=2, n_known=3)
    schedule = BeamSchedule(designs=3, criteria_steps=8, steps=60, batch=3, learning_rate=0.01)
    return BeamTraining(net, schedule=schedule)


def test_designs_keep_their_volume_and_are_learned():
    training = small()
    losses = [training.step() for _ in range(training.n_steps)]
    net = training.generator
    assert losses[-1]["cross-entropy"] < 0.8 * losses[3]["cross-entropy"]
    assert float((net.known.double().mean((1, 2)) / 255 - net.conditions[:, 0]).abs().max()) < 0.03
    assert float((16 * net.conditions[:, 2]).frac().abs().max()) < 1e-5


def test_a_training_goes_on_where_it_was_left(tmp_path):
    whole, first, second = small(), small(), small()
    for _ in range(6):
        whole.step()
    for _ in range(2):
        first.step()
    save_training(first, tmp_path / "checkpoint.safetensors")
    load_training(second, tmp_path / "checkpoint.safetensors")
    for _ in range(4):
        second.step()
    theirs = second.generator.state_dict()
    assert all(torch.equal(theirs[name], value) for name, value in whole.generator.state_dict().items())


def test_a_recipe_writes_generator_designs_and_card(tmp_path):
    recipe = Recipe(name="beams", text=TEXT, spec=parse_recipe(TEXT, file="recipe.toml"), folder=tmp_path)
    train_recipe(recipe, tmp_path / "out")
    card = (tmp_path / "out" / "card.md").read_text()
    assert "2 designs by 5 steps" in card
    assert "designs_cpu_seconds" in card
