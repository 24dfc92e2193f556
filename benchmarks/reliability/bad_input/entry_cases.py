"""Cases of the other Python entries: design, batch correction, games."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import sciadv
from benchmarks.reliability import toy
from benchmarks.reliability.bad_input import hostile
from benchmarks.reliability.bad_input.cases import Case, Entry, named
from sciadv import BatchCorrector, Game


def entry_cases() -> Iterator[Case]:
    """Give every case of this module."""
    yield from design_cases()
    yield from corrector_cases()
    yield from game_cases()


def design_cases() -> Iterator[Case]:
    """Vary the arguments of `design`."""

    def good() -> dict[str, Any]:
        return {"problem": "nanotexture-friction", "target": {"friction_coefficient": 0.08}, "n": 1}

    targets = named(
        ("list", lambda: ["friction_coefficient"]),
        ("number", lambda: 0.08),
        ("text", lambda: "friction_coefficient=0.08"),
        ("unknown", lambda: {"no-such": 0.1}),
        ("key-number", lambda: {3: 0.1}),
        ("key-none", lambda: {None: 0.1}),
        ("nan", lambda: {"friction_coefficient": hostile.NAN}),
        ("inf", lambda: {"friction_coefficient": hostile.INF}),
        ("text-value", lambda: {"friction_coefficient": "0.08"}),
        ("none-value", lambda: {"friction_coefficient": None}),
        ("true", lambda: {"friction_coefficient": True}),
        ("complex", lambda: {"friction_coefficient": 1j}),
        ("list-value", lambda: {"friction_coefficient": [0.08, 0.1]}),
        ("huge-integer", lambda: {"friction_coefficient": 10**400}),
        ("minus", lambda: {"friction_coefficient": -1.0}),
        ("two", lambda: {"friction_coefficient": 0.08, "no-such": 1.0}),
        ("set", lambda: {"friction_coefficient"}),
    )
    counts = [v for v in hostile.COUNT if not v.accepts or v.words == "numpy-integer"]
    yield from Entry("design", sciadv.design, good).vary(
        {
            "problem": [*hostile.PATH, *hostile.NAME],
            "target": targets,
            "n": [*counts, *hostile.TOO_LARGE],
            "seed": [value for value in hostile.SEED if not value.accepts],
            "device": hostile.DEVICE,
            "monitor": [value for value in hostile.THINGS if value.words not in {"none", "type"}],
        }
    )
    circuits = Entry("design of circuits", sciadv.design, lambda: {"problem": "gene-oscillator", "n": 1})
    yield from circuits.vary({"target": targets, "n": [*counts[:3], *hostile.TOO_LARGE]})
    for name in ("digits-superresolution", "pbmc-correction", "mri-undersampled"):
        yield Case(f"design({name})", "design", partial(_designed, name))


def corrector_cases() -> Iterator[Case]:
    """Vary the settings of a corrector, and its cells."""

    def made(**settings: Any) -> object:
        return BatchCorrector(**{"method": "linear", **settings}).correct(**toy.cells())

    yield from Entry("BatchCorrector", made, dict).vary(
        {
            "batch_key": named(("number", lambda: 3), ("none", lambda: None), ("list", lambda: ["batch"])),
            "label_key": named(("number", lambda: 3), ("list", lambda: ["a"])),
            "method": hostile.NAME,
            "settings": [value for value in hostile.THINGS if value.words != "none"],
            "seed": hostile.SEED,
            "device": hostile.DEVICE,
        }
    )
    settings = named(
        ("text", lambda: "a"),
        ("nan", lambda: hostile.NAN),
        ("minus-one", lambda: -1),
        ("list", lambda: ["a"]),
    )
    from sciadv.domains.batch_correction.correction_game import AdversarialSettings

    def with_settings(**changed: Any) -> object:
        corrector = BatchCorrector(method="adversarial", settings=AdversarialSettings(**changed))
        return corrector.correct(**toy.cells())

    yield from Entry("AdversarialSettings", with_settings, dict).vary(
        dict.fromkeys(inspect.signature(AdversarialSettings).parameters, settings)
    )

    def correct(**arguments: Any) -> object:
        return BatchCorrector(method="linear").correct(**arguments)

    n = 60
    data = [
        v
        for v in hostile.arrays((n, 12))
        if not v.accepts and v.words not in {"wider", "too-large-for-single"}
    ]
    data += named(
        ("negative-counts", lambda: -np.ones((n, 12))),
        ("empty-cell", lambda: np.vstack([np.zeros((1, 12)), np.ones((n - 1, 12))])),
        ("two-genes", lambda: np.ones((n, 2))),
        ("half-the-cells", lambda: np.ones((n // 2, 12))),
        ("too-large-for-single", lambda: np.full((n, 12), 1e300)),
    )
    batches = named(
        ("one", lambda: ["a"] * n),
        ("short", lambda: ["a", "b"]),
        ("long", lambda: ["a", "b"] * n),
        ("none", lambda: None),
        ("missing-inside", lambda: [None, "b"] * (n // 2)),
        ("nan-inside", lambda: [hostile.NAN, "b"] * (n // 2)),
        ("all-different", lambda: [str(i) for i in range(n)]),
        ("number", lambda: 3),
        ("text", lambda: "batch"),
        ("endless", lambda: iter(int, 1)),
        ("two-axes", lambda: np.zeros((n, 2))),
        ("dict", dict),
        ("empty", list),
        ("scalar-tensor", lambda: torch.tensor(3)),
    )
    labels = [value for value in batches if value.words not in {"none", "one", "all-different"}]
    yield from Entry("BatchCorrector.correct", correct, toy.cells).vary(
        {"data": data, "batch": batches, "labels": labels}
    )

    def transform(**arguments: Any) -> object:
        return BatchCorrector(method="linear").fit(**toy.cells()).transform(**arguments)

    yield from Entry("BatchCorrector.transform", transform, toy.cells).vary(
        {
            "data": data[:24] + named(("other-genes", lambda: np.ones((n, 5)))),
            "batch": [
                *named(("unknown", lambda: ["z"] * n), ("none", lambda: None)),
                *[value for value in batches if value.words in {"short", "long", "number", "text", "dict"}],
            ],
        }
    )
    yield Case(
        "BatchCorrector.transform before fit",
        "BatchCorrector.transform",
        lambda folder: BatchCorrector().transform(**toy.cells()),
    )
    yield from Entry("BatchCorrector.load", BatchCorrector.load, dict).vary({"folder": hostile.PATH})


def game_cases() -> Iterator[Case]:
    """Vary a game's players, rules and data."""

    def played(**arguments: Any) -> object:
        game = Game(**arguments)
        return game.step(toy.points())

    yield from Entry("Game", played, toy.players).vary(
        {
            "generator": [
                *hostile.THINGS,
                *named(("other-size", lambda: nn.Linear(9, 2)), ("no-weights", nn.Identity)),
            ],
            "discriminator": [
                *hostile.THINGS,
                *named(
                    ("other-size", lambda: nn.Linear(5, 1)),
                    ("many-values", lambda: nn.Linear(2, 7)),
                    ("no-weights", nn.Identity),
                    ("nan", lambda: _nan_weights(nn.Linear(2, 1))),
                ),
            ],
            "objective": hostile.NAME,
            "penalties": [
                *named(
                    ("number", lambda: 3), ("none-inside", lambda: [None]), ("unknown", lambda: ["no-such"])
                ),
                *named(
                    ("setting-unknown", lambda: [{"kind": "r1", "no_such": 1}]), ("dict", lambda: {"r1": 1})
                ),
                *named(("nan", lambda: [{"kind": "r1", "gamma": hostile.NAN}])),
            ],
            "update": hostile.NAME,
            "learning_rate": hostile.POSITIVE,
            "ema": [
                *hostile.POSITIVE[:20],
                *named(("one", lambda: 1.0), ("two", lambda: 2.0), ("minus", lambda: -0.1)),
            ],
            "augment": [v for v in hostile.NAME if v.words != "none"],
            "batch": [*hostile.COUNT, *named(("10^12", lambda: 10**12))],
            "n_latent": [v for v in hostile.SHAPE if v.words not in {"empty", "dict"}],
            "seed": hostile.SEED,
            "device": hostile.DEVICE,
            "options": [value for value in hostile.THINGS if value.words != "none"],
        }
    )

    def fitted(**arguments: Any) -> object:
        return Game(**toy.players()).fit(**arguments).message

    data = [v for v in hostile.arrays((32, 2)) if not v.accepts and v.words not in {"type"}]
    samplers = named(
        ("sampler-none", lambda: lambda n, generator: None),
        ("sampler-short", lambda: lambda n, generator: torch.zeros(n - 1, 2)),
        ("sampler-nan", lambda: lambda n, generator: torch.full((n, 2), hostile.NAN)),
        ("sampler-other", lambda: lambda n, generator: torch.zeros(n, 5)),
        ("sampler-raises", lambda: lambda n, generator: _raise()),
        ("sampler-of-nothing", lambda: lambda: torch.zeros(3, 2)),
    )
    yield from Entry("Game.fit", fitted, lambda: {"images": toy.points(), "steps": 1}).vary(
        {
            "images": [*data, *samplers],
            "steps": [value for value in hostile.COUNT if value.words not in {"10^30"}],
            "every": hostile.COUNT,
            "labels": named(("short", lambda: torch.zeros(3)), ("text", lambda: "a"), ("number", lambda: 3)),
            "checkpoint": [
                v for v in hostile.PATH if v.words not in {"none", "missing", "toml-missing", "unknown-user"}
            ],
            "resume": named(("text", lambda: "no"), ("number", lambda: 3)),
            "monitor": [
                value for value in hostile.THINGS if value.words not in {"none", "type", "list", "dict"}
            ],
            "stop": [value for value in hostile.THINGS if value.words != "none"],
        }
    )
    yield from Entry("Game.load", lambda checkpoint: Game(**toy.players()).load(checkpoint), dict).vary(
        {"checkpoint": hostile.PATH}
    )


def _nan_weights(net: nn.Module) -> nn.Module:
    for parameter in net.parameters():
        nn.init.constant_(parameter, hostile.NAN)
    return net


def _designed(name: str, folder: Path) -> object:
    return sciadv.design(name)


def _raise() -> Any:
    raise RuntimeError("the caller's own function failed")
