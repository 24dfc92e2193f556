"""A new part is one new file and no other edit, in the package or in another one."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from sciadv.errors import InputError, UnknownNameError
from sciadv.forward import FORWARDS
from sciadv.forward.imaging.blur import GaussianBlur
from sciadv.games.objectives import OBJECTIVES
from sciadv.games.penalties import PENALTIES
from sciadv.games.updates import UPDATES
from sciadv.likelihood import LIKELIHOODS
from sciadv.nets import NETS
from sciadv.registry.registry import Registry
from sciadv.schema import RECIPES
from sciadv.solvers import SOLVERS

ROOT = Path(__file__).parents[1]
#: For each kind of part the file of a new one, by where it would stand in the package.
NEW_FILES = {
    "sciadv/forward/imaging/dimming.py": """
from sciadv.forward.base import LinearForward
from sciadv.types import Positive

class Dimming(LinearForward):
    "Divide an image by a number."
    kind = "dimming"
    def __init__(self, in_shape, *, factor: Positive = 2.0, dtype=None, device="cpu"):
        super().__init__(in_shape, in_shape, device=device)
        self.factor = factor
    def forward(self, x):
        return x / self.factor
    def adjoint(self, y):
        return y / self.factor
""",
    "sciadv/likelihood/scaled.py": """
from sciadv.likelihood.gaussian import Gaussian
from sciadv.types import Positive

class Scaled(Gaussian):
    "Gaussian noise of a level and a factor."
    kind = "scaled"
    def __init__(self, level: Positive, *, factor: Positive = 1.0):
        super().__init__(level * factor)
""",
    "sciadv/nets/affine.py": """
from torch import nn
from sciadv.nets.sizes import keeps_settings
from sciadv.types import Count

class AffineDecoder(nn.Module):
    "One layer."
    kind = "affine-decoder"
    @keeps_settings
    def __init__(self, *, n_latent: Count, image_shape=(1, 4, 4), width: Count = 3):
        super().__init__()
        n = image_shape[0] * image_shape[1] * image_shape[2]
        self.body = nn.Sequential(nn.Linear(n_latent, n), nn.Unflatten(1, tuple(image_shape)))
    def forward(self, z):
        return self.body(z)
""",
    "sciadv/games/objectives/sum_of_outputs.py": """
from dataclasses import dataclass
from typing import ClassVar
from sciadv.games.objectives.objective import Objective

@dataclass(frozen=True)
class SumOfOutputs(Objective):
    "Outputs themselves."
    kind: ClassVar[str] = "sum-of-outputs"
    divergence: ClassVar[str] = "none"
    factor: float = 1.0
    def discriminator_loss(self, real_logits, fake_logits):
        return self.factor * (fake_logits.mean() - real_logits.mean())
    def generator_loss(self, fake_logits, real_logits):
        return -self.factor * fake_logits.mean()
""",
    "sciadv/games/penalties/small_outputs.py": """
from dataclasses import dataclass
from typing import ClassVar

@dataclass(frozen=True)
class SmallOutputs:
    "Mean square of the outputs."
    kind: ClassVar[str] = "small-outputs"
    lam: float = 0.1
    every: int = 1
    def __call__(self, discriminator, real, fake, *, generator=None):
        return self.lam * discriminator(real).square().mean()
""",
    "sciadv/games/updates/in_turn.py": """
from dataclasses import dataclass
from typing import ClassVar
from sciadv.games.updates import Alternating
from sciadv.games.updates.update import Update

@dataclass(frozen=True)
class InTurn(Update):
    "Another update, so many times."
    kind: ClassVar[str] = "in-turn"
    inner: Update = Alternating()
    times: int = 1
    def init(self, game):
        return self.inner.init(game)
    def step(self, game, optimizers, state):
        for _ in range(self.times):
            state = self.inner.step(game, optimizers, state)
        return state
""",
    "sciadv/solvers/latent/guess.py": """
from dataclasses import dataclass, replace
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt

@dataclass(frozen=True)
class Guess:
    "Search with few starts."
    restarts: int = 2
    name: str = "guess"
    def solve(self, problem, *, seed=0, monitor=None):
        return LevenbergMarquardt(restarts=self.restarts).solve(problem, seed=seed, monitor=monitor)
""",
    "sciadv/recipes/nothing_recipe.py": """
from typing import Literal
from sciadv.schema import RecipeSpec, trains
from sciadv.recipes.job import Job

class NothingRecipe(RecipeSpec):
    kind: Literal["nothing"]
    length: int = 3

@trains(NothingRecipe)
def nothing_job(recipe, out, device):
    "Train nothing."
    return Job(training=recipe.spec.length, write=print)
""",
}
NAMES = {
    "sciadv.forward": "dimming",
    "sciadv.likelihood": "scaled",
    "sciadv.nets": "affine-decoder",
    "sciadv.games.objectives": "sum-of-outputs",
    "sciadv.games.penalties": "small-outputs",
    "sciadv.games.updates": "in-turn",
    "sciadv.solvers": "guess",
    "sciadv.recipes": "nothing",
}
OBJECTS = [
    "Dimming",
    "Scaled",
    "AffineDecoder",
    "SumOfOutputs",
    "SmallOutputs",
    "InTurn",
    "Guess",
    "nothing_job",
]
#: Uses all of them from files, and lists them.
SCRIPT = """
import json, sys
from pathlib import Path
import torch
import sciadv
from sciadv.errors import SciadvError
from sciadv.cli import main
from sciadv.nets import build_net, build_seeded, net_spec
from sciadv.recipes import make_job
from sciadv.recipes.game_recipe import build_game
from sciadv.schema import Recipe, parse_recipe

problem = sciadv.load_problem(Path("mine.toml"))
assert problem.forward.factor == 4 and float(problem.likelihood.sigma) == 1.0
solution = sciadv.solve(problem.subset(slice(1)))
assert (problem.solver.name, len(solution.x)) == ("guess", 1)
text = Path("gan.toml").read_text()
spec = parse_recipe(text, file="gan.toml")
nets = spec.nets((1, 8, 8))
assert nets["generator"] == {"kind": "affine-decoder", "image_shape": [1, 8, 8], "n_latent": 3, "width": 5}
generator = build_seeded(nets["generator"], 0)
assert net_spec(build_net(net_spec(generator))) == net_spec(generator)
game = build_game(spec, generator, build_seeded(nets["discriminator"], 1))
game.step(torch.rand(64, 1, 8, 8))
nothing = parse_recipe('kind = "nothing"\\ntitle = "n"\\nlength = 7', file="n.toml")
assert make_job(Recipe("n", "", nothing), Path(), torch.device("cpu")).training == 7
for wrong, file in (("factr = 4", "mine.toml"), ("widht = 5", "gan.toml")):
    right = {"factr = 4": "factor = 4", "widht = 5": "width = 5"}[wrong]
    try:
        broken = Path(file).read_text().replace(right, wrong)
        Path("broken.toml").write_text(broken)
        sciadv.load_problem(Path("broken.toml")) if file == "mine.toml" else parse_recipe(broken, file=file)
    except SciadvError as error:
        assert "did you mean" in str(error), error
    else:
        raise AssertionError(wrong)
sys.argv = ["sciadv", "list"]
main()
"""
PROBLEM = """
title = "Mine"
prior = "digits-32"
[forward]
kind = "dimming"
factor = 4
[likelihood]
kind = "scaled"
level = 0.5
factor = 2
[measurements]
kind = "simulated"
images = "prior"
n = 2
[solver]
kind = "guess"
restarts = 1
"""
GAN = """
kind = "gan"
title = "Mine"
[data]
name = "mnist"
[generator]
kind = "affine-decoder"
n_latent = 3
width = 5
[discriminator]
kind = "conv-discriminator"
[game]
steps = 3
objective = {kind = "sum-of-outputs", factor = 2}
penalties = ["r1", {kind = "small-outputs", lam = 0.5}]
update = {kind = "in-turn", inner = "simultaneous", times = 2}
"""


def run(folder: Path, *paths: Path) -> str:
    (folder / "mine.toml").write_text(PROBLEM)
    (folder / "gan.toml").write_text(GAN)
    (folder / "use.py").write_text(SCRIPT)
    path = ":".join(str(path) for path in paths)
    done = subprocess.run(
        [sys.executable, "use.py"],
        cwd=folder,
        env={"PYTHONPATH": path, "PATH": "", "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_new_part_is_one_new_file(tmp_path: Path):
    copytree(ROOT / "sciadv", tmp_path / "sciadv", ignore=ignore_patterns("__pycache__"))
    for catalogue in ("problems", "priors"):
        (tmp_path / catalogue).symlink_to(ROOT / catalogue)
    for file, text in NEW_FILES.items():
        (tmp_path / file).write_text(text)
    listed = run(tmp_path, tmp_path)
    assert all(name in listed for name in NAMES.values())


@pytest.mark.slow
def test_another_package_adds_parts_by_entry_points(tmp_path: Path):
    site = tmp_path / "site"
    facts = site / "theirs-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    lines = []
    for (group, name), part, (file, text) in zip(NAMES.items(), OBJECTS, NEW_FILES.items(), strict=True):
        module = f"theirs_{Path(file).stem}"
        (site / f"{module}.py").write_text(text)
        lines += [f"[{group}]", f"{name} = {module}:{part}", ""]
    (facts / "entry_points.txt").write_text("\n".join(lines))
    listed = run(tmp_path, ROOT, site)
    assert all(name in listed for name in NAMES.values())


@pytest.mark.parametrize(
    "registry",
    [FORWARDS, LIKELIHOODS, NETS, OBJECTIVES, PENALTIES, UPDATES, SOLVERS, RECIPES],
    ids=lambda registry: registry.what,
)
def test_names_are_sorted_and_lead_to_parts(registry: Registry):
    assert list(registry) == sorted(registry.own)
    assert all(callable(registry.find(name)) for name in registry)
    with pytest.raises(UnknownNameError, match="there are: "):
        registry.find("no such part")


def test_a_function_that_makes_a_part_has_a_name_too():
    assert FORWARDS["gaussian-blur"] is GaussianBlur


def test_two_parts_of_one_name_are_refused():
    clash = Registry("forward operator", "sciadv.forward", names=lambda _: ("same",))
    with pytest.raises(InputError, match="two forward operators have the name 'same'"):
        list(clash)


def test_a_part_of_another_package_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch):
    point = EntryPoint("theirs", "no_such_module:Part", "sciadv.solvers")
    monkeypatch.setattr(
        "sciadv.registry.registry.entry_points", lambda *, group: [point] * (group == point.group)
    )
    assert "theirs" in SOLVERS
    with pytest.raises(InputError, match="the solver 'theirs' of another package cannot be imported"):
        SOLVERS.find("theirs")


def test_a_name_of_our_own_comes_before_that_of_another_package(monkeypatch: pytest.MonkeyPatch):
    point = EntryPoint("blur", "no_such_module:Part", "sciadv.forward")
    monkeypatch.setattr(
        "sciadv.registry.registry.entry_points", lambda *, group: [point] * (group == point.group)
    )
    assert FORWARDS["blur"].__name__ == "Blur"
