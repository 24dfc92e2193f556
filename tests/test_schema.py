import re
from pathlib import Path

import pytest
import torch

from sciadv.catalogue import build_forward
from sciadv.errors import InputError, UnknownNameError
from sciadv.forward import FORWARDS, ParallelBeam, to_dense
from sciadv.recipes.design_recipe import design_training
from sciadv.schema import (
    DesignRecipe,
    GanRecipe,
    PriorRecipe,
    ProblemSpec,
    parse_recipe,
    parse_spec,
    read_text,
)
from sciadv.schema.problem_tables import ForwardSpec
from sciadv.schema.sentences import _choices_in
from sciadv.trainings.autoencoder.prior_schedule import PriorSchedule

PROBLEM = """
title = "Digits"
prior = "digits-32"
latent_weight = 1
[forward]
kind = "block-sum"
block = 4
[likelihood]
kind = "gaussian"
sigma = 0.5
[measurements]
kind = "sklearn-digits"
[solver]
restarts = 3
[[bench.bars]]
name = "accuracy"
metric = "accuracy"
row = "levenberg-marquardt"
op = ">="
bound = 0.9
"""
RECIPE = """
title = "Digits"
[data]
name = "mnist"
prepare = "box-32"
[generator]
kind = "conv-decoder"
n_latent = 20
channels = 32
[encoder]
kind = "conv-encoder"
[discriminator]
kind = "conv-discriminator"
[schedule]
elbo_steps = 10
[classifier]
epochs = 2
"""
FORWARD = 'kind = "block-sum"\nblock = 4'


def parse_problem(old: str = "", new: str = "") -> ProblemSpec:
    assert old in PROBLEM
    return parse_spec(PROBLEM.replace(old, new) if old else PROBLEM, ProblemSpec, file="p/problem.toml")


def prior_recipe(old: str = "", new: str = "") -> PriorRecipe:
    assert old in RECIPE
    return parse_recipe(RECIPE.replace(old, new) if old else RECIPE, file="r/recipe.toml")


def test_a_flow_of_one_latent_is_refused():
    one = RECIPE.replace("n_latent = 20", "n_latent = 1")
    assert parse_recipe(one, file="r/recipe.toml").nets([1, 28, 28])
    with pytest.raises(InputError, match="a flow of latents needs"):
        parse_recipe(one + "\n[latents]\nflow_steps = 9\n", file="r/recipe.toml")


def test_problem_says_what_its_file_says():
    spec = parse_problem()
    assert spec.forward.settings() == {"block": 4}
    assert spec.likelihood.settings() == {"sigma": 0.5}
    assert (spec.solver.kind, spec.solver.restarts) == ("auto", 3)
    assert [(bar.name, bar.op, bar.bound) for bar in spec.bench.bars] == [("accuracy", ">=", 0.9)]


def test_defaults_stay_those_of_the_parts():
    spec = parse_problem(FORWARD, 'kind = "blur"\nkernel = [[1.0]]')
    assert spec.forward.settings() == {"kernel": [[1.0]]}


def test_angles_are_spread_evenly():
    spec = parse_problem(FORWARD, 'kind = "parallel-beam"\nn_angles = 4')
    forward = build_forward(spec.forward, (1, 4, 4), folder=Path())
    spelled = ParallelBeam((1, 4, 4), [0, 45, 90, 135])
    assert torch.equal(to_dense(forward), to_dense(spelled))


def test_specs_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        parse_problem().title = "other"


def test_every_registered_forward_has_a_table():
    kinds = {kind for choice in _choices_in(ForwardSpec) for kind in choice.kinds()} - {"chain"}
    follow = {"magnitude", "transmission"}  # always of the parts of a chain before them
    assert kinds | follow == set(FORWARDS)


def test_a_magnitude_is_of_something():
    chain = (
        'kind = "chain"\nparts = [{kind = "magnitude"}, {kind = "gaussian", n_measurements = 3, seed = 0}]'
    )
    with pytest.raises(InputError, match="cannot be the first"):
        parse_problem(FORWARD, chain)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "block = 4",
            "blok = 4",
            "p/problem.toml: forward.blok is not a key of a block-sum forward (did you mean 'block'?); "
            "it takes: block, kind, reduce",
        ),
        (
            "block = 4",
            "",
            "p/problem.toml: forward.block is missing; a block-sum forward takes: block, kind, reduce",
        ),
        ("title", "titel", "titel is not a key of problem.toml (did you mean 'title'?)"),
        ("restarts", "restart", "solver.restart is not a key of [solver] (did you mean 'restarts'?)"),
        (
            "metric",
            "metrics",
            "bench.bars[0].metrics is not a key of [bench.bars[0]] (did you mean 'metric'?)",
        ),
        (
            "sigma",
            "sigmas",
            "likelihood.sigmas is not a key of a gaussian likelihood (did you mean 'sigma'?)",
        ),
        (
            "block = 4",
            'block = "four"',
            "forward.block: it should be a valid integer; it is 'four' (text)",
        ),
        ("block = 4", "block = 0", "forward.block: it should be greater than or equal to 1; it is 0"),
        ("block = 4", "block = true", "it is True (true or false)"),
        (
            "block = 4",
            'block = 4\nreduce = "summ"',
            "forward.reduce: expected 'sum' or 'mean', got 'summ' (did you mean 'sum'?)",
        ),
        (
            "sigma = 0.5",
            'sigma = "noise"',
            "likelihood.sigma: expected finite numbers or the path of a .npy or .npz file",
        ),
        ('op = ">="', 'op = "=="', "bench.bars[0].op: expected '>=', '<=', '>' or '<', got '=='"),
        (
            "latent_weight = 1",
            "latent_weight = -1",
            "latent_weight: it should be greater than or equal to 0; it is -1",
        ),
        (
            'kind = "block-sum"\n',
            "",
            "forward.kind is missing; there are: acoustic-crosswell, analog-amplifier, beam, block-sum, blur",
        ),
        (f"[forward]\n{FORWARD}", "forward = 3", "forward.kind is missing"),
        ("[solver]\nrestarts = 3", "[solver.kind]\nrestarts = 3", "solver.kind: it should be a valid string"),
        (
            'kind = "sklearn-digits"',
            'kind = "file"',
            "measurements.path is missing; a file source of measurements takes",
        ),
        (FORWARD, 'kind = "parallel-beam"', "forward: give either angles [degrees] or n_angles"),
        (FORWARD, 'kind = "matrix"\nmatrix = [[1, 2], ["a"]]', "forward.matrix: expected finite numbers"),
        (
            FORWARD,
            'kind = "chain"\nparts = [{kind = "facies-slowness"}, {kind = "crosshole", cellsize = 1}]',
            "forward.parts[1].cellsize is not a key of a crosshole forward (did you mean 'cell_size'?)",
        ),
        (
            "latent_weight = 1",
            "latent_weight = inf",
            "latent_weight: it should be a finite number",
        ),
        ("sigma = 0.5", "sigma = true", "likelihood.sigma: expected finite numbers"),
        (
            FORWARD,
            'kind = "matrix"\nmatrix = 3.0',
            "forward.matrix: expected an array of numbers",
        ),
        ("block = 4", "block = 4294967296", "forward.block: it should be less than or equal to 2147483647"),
        ('kind = "block-sum"', 'kind = ["block-sum"]', "is named \"['block-sum']\""),
        ('title = "Digits"', 'title = "two\\nlines"', "title: expected one line of text"),
        ("[likelihood]", "[likelihood", "p/problem.toml is not valid TOML"),
    ],
)
def test_wrong_problem_gets_a_sentence(old, new, sentence):
    with pytest.raises((InputError, UnknownNameError)) as caught:
        parse_problem(old, new)
    assert sentence in str(caught.value)
    assert "pydantic" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "path", "near"),
    [
        ('"block-sum"', '"blok-sum"', "forward.kind in p/problem.toml", "block-sum"),
        ('"gaussian"', '"gausian"', "likelihood.kind in p/problem.toml", "gaussian"),
        ('"sklearn-digits"', '"digits"', "measurements.kind in p/problem.toml", "sklearn-digits"),
        (FORWARD, 'kind = "chain"\nparts = [{kind = "crosshol"}]', "forward.parts[0].kind in p", "crosshole"),
    ],
)
def test_wrong_kind_lists_the_kinds(old, new, path, near):
    with pytest.raises(UnknownNameError) as caught:
        parse_problem(old, new)
    assert path in str(caught.value)
    assert near in caught.value.known


def test_recipe_fills_in_shapes_and_latents():
    nets = prior_recipe().nets((1, 32, 32))
    assert nets["generator"] == {
        "kind": "conv-decoder",
        "image_shape": [1, 32, 32],
        "n_latent": 20,
        "channels": 32,
    }
    assert nets["encoder"] == {"kind": "conv-encoder", "image_shape": [1, 32, 32], "n_latent": 20}
    assert nets["discriminator"] == {"kind": "conv-discriminator", "image_shape": [1, 32, 32]}


def test_schedule_is_the_trainings_own_with_its_defaults():
    schedule = prior_recipe().schedule
    assert isinstance(schedule, PriorSchedule)
    assert (schedule.elbo_steps, schedule.batch) == (10, PriorSchedule().batch)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "elbo_steps",
            "elbo_step",
            "schedule.elbo_step is not a key of [schedule] (did you mean 'elbo_steps'",
        ),
        ("elbo_steps = 10", "elbo_steps = 1.5", "schedule.elbo_steps: it should be a valid integer"),
        ("[schedule]\nelbo_steps = 10", "", None),
        ("n_latent = 20", "", "generator.n_latent is missing; a conv-decoder generator takes"),
        ("epochs = 2", 'epochs = 2\nprior = "mnist"', "classifier: give either prior"),
        ("title", "titel", "titel is not a key of recipe.toml"),
        ("[schedule]", "[latents]\nflow_step = 9\n[schedule]", "latents.flow_step is not a key of [latents]"),
    ],
)
def test_wrong_recipe_gets_a_sentence(old, new, sentence):
    if sentence is None:
        assert prior_recipe(old, new).schedule == prior_recipe("elbo_steps = 10", "").schedule
        return
    with pytest.raises(InputError) as caught:
        prior_recipe(old, new)
    assert sentence in str(caught.value)


GAN = """
kind = "gan"
title = "Digits"
[data]
name = "mnist"
[generator]
kind = "dcgan-generator"
n_latent = 20
norm = "batch"
[discriminator]
kind = "residual-discriminator"
spectral_norm = true
[game]
steps = 10
objective = "hinge"
penalties = ["r1", {kind = "wgan-gp", lam = 3, every = 2}]
update = {kind = "lookahead", inner = "optimistic"}
clip = {c = 0.1}
[encoder]
kind = "conv-encoder"
"""


def gan(old: str = "", new: str = "") -> GanRecipe:
    assert old in GAN
    return parse_recipe(GAN.replace(old, new) if old else GAN, file="r/recipe.toml")


def test_every_part_of_a_game_can_be_named_with_settings():
    spec = gan()
    assert (spec.objective, spec.penalties[1]["lam"], spec.game.ema) == ("hinge", 3, 0.999)
    nets = spec.nets((1, 32, 32))
    assert nets["discriminator"]["spectral_norm"] is True
    assert nets["encoder"]["n_latent"] == 20


def test_the_kinds_of_games_differ_in_objective_and_penalties():
    without = 'objective = "hinge"\npenalties = ["r1", {kind = "wgan-gp", lam = 3, every = 2}]\n'
    plain, safe = (
        gan(without, ""),
        parse_recipe(GAN.replace(without, "").replace('"gan"', '"safe"'), file="r"),
    )
    assert (plain.objective, [p["kind"] for p in plain.penalties]) == ("relativistic", ["r1", "r2"])
    assert (safe.objective, [p["kind"] for p in safe.penalties]) == ("non-saturating", ["r1"])


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"gan"', '"gen"', "no recipe (kind in r/recipe.toml) is named 'gen' (did you mean 'gan'?)"),
        ('"hinge"', '"hing"', "no objective is named 'hing' (did you mean 'hinge'?)"),
        ("lam = 3", "lamb = 3", "game.penalties[1]: lamb is not a setting of wgan-gp (did you mean 'lam'?)"),
        ("lam = 3", "lam = nan", "lam of wgan-gp: it should be a finite number; it is nan"),
        ("lam = 3", 'lam = "3"', "game.penalties[1]: lam of wgan-gp: it should be a valid number; it is '3'"),
        ("lam = 3", "lam = -3", "game.penalties[1]: the strength"),
        ('"optimistic"', '"optimist"', "no update is named 'optimist'"),
        ("c = 0.1", "d = 0.1", "game.clip: d is not a setting of WeightClipping; it takes: c"),
        ("steps = 10", "step = 10", "game.step is not a key of [game] (did you mean 'steps'?)"),
        ('norm = "batch"', 'norm = "layer"', "generator.norm: expected 'batch', 'virtual' or 'none'"),
        ('"residual-discriminator"', '"residual"', "no discriminator (discriminator.kind in r/recipe.toml)"),
    ],
)
def test_a_wrong_game_gets_a_sentence(old, new, sentence):
    with pytest.raises((InputError, UnknownNameError)) as caught:
        gan(old, new)
    assert sentence in str(caught.value)


def test_missing_and_undecodable_files_get_a_sentence(tmp_path):
    with pytest.raises(InputError, match=r"no\.toml does not exist"):
        read_text(tmp_path / "no.toml")
    (tmp_path / "latin.toml").write_bytes(b'title = "\xe9"')
    with pytest.raises(InputError, match="not UTF-8"):
        read_text(tmp_path / "latin.toml")


@pytest.mark.parametrize("text", ["[" + ".".join("a" * 100_000) + "]", "a" + ".a" * 100_000 + " = 1"])
def test_a_key_of_very_many_parts_is_refused_at_once(text):
    with pytest.raises(InputError, match="a key has more than 64 parts"):
        parse_spec(text, ProblemSpec, file="p.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('kind = "parallel-beam"\nn_angles = 1000000000', "the rays of 1000000000 angles would take"),
        ('kind = "zero-pad"\nheight = 1000000000\nwidth = 1000000000', "would take about"),
    ],
)
def test_an_operator_larger_than_the_memory_is_refused_before_it_is_built(text, words):
    spec = parse_problem(FORWARD, text)
    with pytest.raises(InputError, match=words):
        build_forward(spec.forward, (1, 4, 4), folder=Path())


ROOT = Path(__file__).resolve().parent.parent
RECIPES_OF_OURS = sorted([*ROOT.glob("priors/*/recipe.toml"), *ROOT.glob("examples/games/recipes/*.toml")])


@pytest.mark.parametrize("file", RECIPES_OF_OURS, ids=lambda file: f"{file.parent.name}-{file.stem}")
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", '"1"', "true", "-1", "1.5e400"])
def test_every_number_of_a_recipe_is_a_finite_number_within_its_bounds(file, value):
    text = file.read_text(encoding="utf-8")
    numbers = list(
        re.finditer(r"(?<=[\[ =,])-?\d[\d_.e-]*(?=[\],\s}])", re.sub(r'"[^"\n]*"|#.*', _blank, text))
    )
    assert numbers
    for number in numbers:
        changed = text[: number.start()] + value + text[number.end() :]
        with pytest.raises(InputError):
            _made(parse_recipe(changed, file=file.name))


def _made(spec) -> None:
    """Make what a recipe of designs names: its bounds and the settings of its forward are checked there."""
    if isinstance(spec, DesignRecipe):
        design_training(spec)


def _blank(found: re.Match[str]) -> str:
    return "x" * len(found.group())


@pytest.mark.parametrize("sigma", ["nan", "inf", "[0.1, nan]", "[inf]", "[]", '["0.1"]', "[true]"])
def test_arrays_in_a_file_are_finite_numbers(sigma):
    with pytest.raises(InputError, match=r"likelihood\.sigma"):
        parse_problem("sigma = 0.5", f"sigma = {sigma}")
