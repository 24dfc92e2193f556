"""Texts of problem and recipe files that are wrong: as TOML, in a key, in a value."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.reliability.toy import PROBLEM_TOML

RECIPE = """\
kind = "gan"
title = "A tiny game"
seed = 0

[data]
name = "mnist"
prepare = "none"

[generator]
kind = "dcgan-generator"
n_latent = 8
channels = 8

[discriminator]
kind = "dcgan-discriminator"
channels = 8

[game]
steps = 2
batch = 8
objective = "hinge"
penalties = ["r1"]
update = "alternating"
learning_rate = 1e-3
final_rate = 0.1
ema = 0.9
accumulate = 1
precision = "float32"
"""
#: Values that no key of the files takes, as TOML.
_VALUES = {
    "nan": "nan",
    "inf": "inf",
    "minus": "-1",
    "true": "true",
    "date": "1979-05-27",
    "list": "[]",
    "nested": "[[1], [2, 3]]",
    "table": "{ a = 1 }",
    "huge": "1" + "0" * 30,
    "text": '"no-such"',
    "empty-text": '""',
    "nul-text": '"a\\u0000b"',
}
#: Keys that take a value of `_VALUES`, by the part of the value's name.
_TAKEN = {
    ("title", "text"),
    ("penalties", "list"),
    ("title", "nul-text"),
    ("latent_weight", "huge"),
    ("learning_rate", "huge"),
    ("sigma", "huge"),
}


def broken_texts() -> Iterator[tuple[str, str | bytes]]:
    """Give texts that are no TOML, or are more than a reader should take."""
    yield "open-text", 'title = "never closed'
    yield "no-value", "title ="
    yield "twice", 'title = "a"\ntitle = "b"\n'
    yield "json", '{"title": "a"}'
    yield "byte-order-mark", b"\xef\xbb\xbf" + PROBLEM_TOML.encode().replace(b"title", b"titel")
    yield "utf-16", PROBLEM_TOML.encode("utf-16")
    yield "latin-1", 'title = "\xe9"'.encode("latin-1")
    yield "nul", b"title = 'a\x00b'"
    yield "deep-array", "a = " + "[" * 100_000 + "]" * 100_000
    yield "deep-table", "a = " + "{a = " * 50_000 + "1" + "}" * 50_000
    yield "deep-key", "[" + ".".join("a" * 100_000) + "]"
    yield "long-integer", "seed = " + "9" * 100_000
    yield "long-float", "seed = 1e" + "9" * 1_000
    yield "long-hexadecimal", "seed = 0x" + "f" * 100_000
    yield "long-line", "title = '" + "a" * 40_000_000 + "'"
    yield "many-keys", "".join(f"a{i} = 1\n" for i in range(300_000))
    yield "only-comments", "# nothing\n" * 10
    yield "kind-number", "kind = 3\n"
    yield "kind-list", 'kind = ["prior"]\n'
    yield "bad-date", "a = 2020-13-45"
    yield "bad-escape", 'a = "\\q"'
    yield "control", 'a = "\x01"'


def problem_changes() -> Iterator[tuple[str, str]]:
    """Give problem files with a wrong value in a key, a missing key, or an unknown one."""
    yield from _changes(PROBLEM_TOML)
    tables = {
        "likelihood-unknown": ('kind = "gaussian"', 'kind = "no-such"'),
        "poisson-negative-data": ('kind = "gaussian"\nsigma = 0.05', 'kind = "poisson"'),
        "sigma-longer": ("sigma = 0.05", "sigma = [0.1, 0.2, 0.3]"),
        "sigma-zero": ("sigma = 0.05", "sigma = 0.0"),
        "sigma-path-missing": ("sigma = 0.05", 'sigma = "sigma.npy"'),
        "path-parent": ('"y.npy"', '"../../../y.npy"'),
        "path-folder": ('"y.npy"', '"prior"'),
        "path-toml": ('"y.npy"', '"problem.toml"'),
        "prior-unknown": ('"./prior"', '"no-such-prior"'),
        "prior-device": ('"./prior"', '"/dev/zero"'),
        "prior-other-shape": ('"./prior"', '"mnist"'),
        "forward-other": ('kind = "matrix"\nmatrix = "matrix.npy"', 'kind = "block-sum"\nblock = 3'),
        "forward-block-huge": (
            'kind = "matrix"\nmatrix = "matrix.npy"',
            'kind = "block-sum"\nblock = 1000000',
        ),
        "gaussian-huge": (
            'kind = "matrix"\nmatrix = "matrix.npy"',
            'kind = "gaussian"\nn_measurements = 1000000000\nseed = 0',
        ),
        "gaussian-seed-huge": (
            'kind = "matrix"\nmatrix = "matrix.npy"',
            'kind = "gaussian"\nn_measurements = 8\nseed = 99999999999999999999',
        ),
        "blur-empty": ('kind = "matrix"\nmatrix = "matrix.npy"', 'kind = "blur"\nkernel = [[]]'),
        "blur-ragged": ('kind = "matrix"\nmatrix = "matrix.npy"', 'kind = "blur"\nkernel = [[1], [1, 2]]'),
        "blur-nan": ('kind = "matrix"\nmatrix = "matrix.npy"', 'kind = "blur"\nkernel = [[nan]]'),
        "blur-wide": ('kind = "matrix"\nmatrix = "matrix.npy"', 'kind = "gaussian-blur"\nsigma = 1e30'),
        "mask-twos": ('kind = "matrix"\nmatrix = "matrix.npy"', 'kind = "mask"\nmask = [[2, 2], [2, 2]]'),
        "beam-huge": (
            'kind = "matrix"\nmatrix = "matrix.npy"',
            'kind = "parallel-beam"\nn_angles = 1000000000',
        ),
        "pad-huge": (
            'kind = "matrix"\nmatrix = "matrix.npy"',
            'kind = "zero-pad"\nheight = 1000000000\nwidth = 1000000000',
        ),
        "pad-small": ('kind = "matrix"\nmatrix = "matrix.npy"', 'kind = "zero-pad"\nheight = 1\nwidth = 1'),
        "simulated-huge": (
            'kind = "file"\npath = "y.npy"',
            'kind = "simulated"\nimages = "prior"\nn = 1000000000000',
        ),
        "simulated-unknown": (
            'kind = "file"\npath = "y.npy"',
            'kind = "simulated"\nimages = "no-such"\nn = 2',
        ),
        "target": ('kind = "file"\npath = "y.npy"', 'kind = "target"\nvalues = { a = [1.0] }'),
        "digits": ('kind = "file"\npath = "y.npy"', 'kind = "sklearn-digits"'),
        "chain-empty": ('kind = "matrix"\nmatrix = "matrix.npy"', 'kind = "chain"\nparts = []'),
        "chain-magnitude": (
            'kind = "matrix"\nmatrix = "matrix.npy"',
            'kind = "chain"\nparts = [{ kind = "magnitude" }]',
        ),
        "constraint": ("[solver]", '[[constraints]]\nname = "a"\nproperty = "b"\nat_most = 1.0\n\n[solver]'),
        "truth-missing": ('path = "y.npy"', 'path = "y.npy"\ntruth = "x"'),
    }
    for words, (old, new) in tables.items():
        assert old in PROBLEM_TOML
        yield words, PROBLEM_TOML.replace(old, new)


def recipe_changes() -> Iterator[tuple[str, str]]:
    """Give recipes with a wrong value in a key, a missing key, or an unknown one."""
    yield from _changes(RECIPE)
    tables = {
        "objective-unknown": ('objective = "hinge"', 'objective = "no-such"'),
        "objective-setting": ('objective = "hinge"', 'objective = { kind = "hinge", no_such = 1 }'),
        "penalty-negative": ('penalties = ["r1"]', 'penalties = [{ kind = "r1", gamma = -1.0 }]'),
        "penalty-nan": ('penalties = ["r1"]', 'penalties = [{ kind = "r1", gamma = nan }]'),
        "penalty-text": ('penalties = ["r1"]', 'penalties = [{ kind = "r1", gamma = "a" }]'),
        "penalty-every-0": ('penalties = ["r1"]', 'penalties = [{ kind = "r1", every = 0 }]'),
        "update-text": ('update = "alternating"', 'update = { kind = "lookahead", k = "a" }'),
        "update-inner": ('update = "alternating"', 'update = { kind = "lookahead", inner = "no-such" }'),
        "rates-three": ("learning_rate = 1e-3", "learning_rate = [1e-3, 1e-3, 1e-3]"),
        "rate-zero": ("learning_rate = 1e-3", "learning_rate = 0.0"),
        "replay-nan": ("accumulate = 1", "replay = { capacity = nan }"),
        "noise-text": ("accumulate = 1", 'noise = { sigma = "a" }'),
        "clip-list": ("accumulate = 1", "clip = { bound = [1] }"),
        "top-k-zero": ("accumulate = 1", "top_k = { share = 0.0 }"),
        "optimizer-unknown": ("accumulate = 1", 'optimizer = "no-such"'),
        "optimizer-setting": ("accumulate = 1", 'optimizer = { kind = "adam", no_such = 1 }'),
        "augment-unknown": ("accumulate = 1", 'augment = "no-such"'),
        "classes-of-one": ("n_latent = 8", "n_latent = 8\nn_classes = 10"),
    }
    for words, (old, new) in tables.items():
        assert old in RECIPE
        yield words, RECIPE.replace(old, new)


def _changes(good: str) -> Iterator[tuple[str, str]]:
    """Give a good file with each key in turn without a value, of a wrong one, or under another name."""
    lines = good.splitlines()
    for number, line in enumerate(lines):
        key, separator, _ = line.partition(" = ")
        if not separator:
            continue
        before, after = "\n".join(lines[:number]), "\n".join(lines[number + 1 :])
        section = next((text for text in reversed(lines[:number]) if text.startswith("[")), "")
        for words, value in _VALUES.items():
            if (key, words) not in _TAKEN:
                yield f"{section}{key}={words}", f"{before}\n{key} = {value}\n{after}"
        yield f"{section}{key} misspelt", f"{before}\n{key}x{line[len(key) :]}\n{after}"
