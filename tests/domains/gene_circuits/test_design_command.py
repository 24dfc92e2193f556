"""``sciadv design`` on gene circuits: problems of one's own, and bad requests answered in words."""

import json

import pytest
from typer.testing import CliRunner

import sciadv
from sciadv.candidate_set import CandidateSet
from sciadv.cli import app
from sciadv.domains.gene_circuits.circuit_choice import ChoiceSettings
from sciadv.domains.gene_circuits.circuit_pool import PoolSettings
from sciadv.domains.gene_circuits.circuit_search import CircuitSearch
from sciadv.domains.gene_circuits.circuit_set import RobustnessSettings
from sciadv.errors import InputError, UnknownNameError
from sciadv.files.folders import find_entry
from sciadv.verbs.design import design_names

NAME = "gene-oscillator"
SWITCHES = [('behaviour = "oscillation"', 'behaviour = "bistability"'), ("n_anywhere = 18", "n_anywhere = 0")]
ONES = ('kind = "file"\npath = "target.npy"', 'kind = "file"\npath = "ones.npy"')


@pytest.fixture
def mine(tmp_path):
    """Give a function that writes a problem of one's own: the shipped one with some text replaced."""
    import numpy as np

    text = (find_entry("problems", NAME) / "problem.toml").read_text()

    def write(*changes, n_sets=6):
        changed = text
        for old, new in (*changes, ONES):
            assert old in changed, old
            changed = changed.replace(old, new)
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "problem.toml").write_text(changed)
        np.save(tmp_path / "mine" / "ones.npy", np.ones((1, n_sets), np.float32))
        return tmp_path / "mine"

    return write


@pytest.fixture
def few_draws(monkeypatch):
    quick = CircuitSearch(
        pool=PoolSettings(n_draws=60, draws_per_design=0, n_rounds=1, n_near=40, near_per_design=0),
        choice=ChoiceSettings(n_tested=4, tested_per_design=1, n_sets=3, n_near=1, n_kept=1),
        robustness=RobustnessSettings(n_sets=1),
    )
    monkeypatch.setattr("sciadv.domains.gene_circuits.circuit_search.CircuitSearch", lambda: quick)


def run(*arguments):
    return CliRunner().invoke(app, ["design", *map(str, arguments)])


def test_both_shipped_problems_can_be_designed():
    assert {NAME, "gene-bistable-switch"} <= set(design_names())


@pytest.mark.slow
def test_a_problem_of_ones_own_is_designed_by_the_command(mine, few_draws, tmp_path):
    out = tmp_path / "out"
    result = run(mine(*SWITCHES), "-n", 2, "-o", out, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "of 2 circuits show bistability" in result.stdout
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["behaviour"], summary["n_different_topologies"]) == ("bistability", 2)
    assert {path.name for path in out.iterdir()} == {
        *("designs.csv", "summary.json", "figure.png", "report.html"),
        *("circuit-001.ant", "circuit-002.ant"),
    }


@pytest.mark.slow
def test_same_seed_same_circuits_another_seed_others(mine, few_draws):
    folder = mine(*SWITCHES)
    first, again, other = (sciadv.design(folder, n=1, seed=seed) for seed in (1, 1, 2))
    assert isinstance(first, CandidateSet)
    assert first.x.equal(again.x)
    assert not first.x.equal(other.x)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gene-oscilator"], "no problem that can be designed is named 'gene-oscilator' (did you mean"),
        (["pbmc-correction"], "no problem that can be designed is named 'pbmc-correction'"),
        (["./nowhere/problem.toml"], "nowhere"),
        ([NAME, "--target", "perod=5"], "no number that is measured of oscillation is named 'perod'"),
        ([NAME, "--target", "period=5..2"], "no number lies between 5 and 2"),
        ([NAME, "--target", "period"], "expected --target PROPERTY=VALUE"),
        ([NAME, "-n", "0"], "n must be a whole number, at least 1, but it is 0"),
        ([NAME, "-n", "two"], "'-n'"),
        ([NAME, "--seed", "-1"], "greater than or equal to 0"),
        ([NAME, "--device", "abacus"], "device 'abacus' is not on this"),
    ],
)
def test_bad_requests_end_in_one_sentence_and_exit_code_2(arguments, words, tmp_path):
    result = run(*arguments, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "n_sets", "words"),
    [
        ([('behaviour = "oscillation"', 'behaviour = "dancing"')], 24, "behaviour"),
        ([("spread = 0.35", "spread = 3.5")], 24, "spread"),
        ([("n_sets = 6", "n_sets = 0")], 18, "n_sets"),
        ([("n_anywhere = 18", "n_anywhere = -1")], 24, "n_anywhere"),
        ([("spread = 0.35", "sprad = 0.35")], 24, "sprad"),
        ([('prior = "gene-circuits"', 'prior = "gene-circuit"')], 24, "no prior is named 'gene-circuit'"),
        ([('prior = "gene-circuits"', 'prior = "mnist-vae"')], 24, "prior one of circuits"),
        ([("width = 1.0", "width = 0.0")], 24, "width"),
        ([], 7, "measurements"),
    ],
)
def test_bad_problem_files_are_refused_in_words(changes, n_sets, words, mine):
    with pytest.raises((InputError, UnknownNameError), match=words):
        sciadv.design(mine(*changes, n_sets=n_sets), n=1)
