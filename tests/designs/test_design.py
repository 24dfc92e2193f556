"""The verb design on the shipped nanotexture problem, against a reference that shares no code with it."""

import json
import math

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import sciadv
from benchmarks.design.nanotexture_reference import Reference
from sciadv.candidate_set import RESULTS, CandidateSet
from sciadv.catalogue import load_problem, load_recipe
from sciadv.cli import app
from sciadv.errors import InputError, UnknownNameError
from sciadv.files.folders import find_entry
from sciadv.forward import Texture
from sciadv.recipes.design_recipe import design_training
from sciadv.testing import check_prior
from sciadv.verbs.design import design_names

NAME = "nanotexture-friction"


@pytest.fixture(scope="module")
def reference():
    return Reference.of(load_problem(NAME))


@pytest.fixture(scope="module")
def designs():
    return sciadv.design(NAME, target={"friction_coefficient": 0.08}, n=12)


@pytest.fixture
def mine(tmp_path):
    """Give a function that writes a problem of one's own: the shipped one with some text replaced."""
    text = (find_entry("problems", NAME) / "problem.toml").read_text()

    def write(*changes):
        changed = text
        for old, new in changes:
            assert old in changed
            changed = changed.replace(old, new)
        (tmp_path / "problem.toml").write_text(changed)
        return tmp_path

    return write


def test_every_design_hits_the_target_and_is_feasible_by_the_reference(designs, reference):
    assert isinstance(designs, CandidateSet)
    assert len(designs) == 12
    for row in designs.x.tolist():
        friction, peak, slope = reference(*row)
        assert abs(friction / 0.08 - 1) < 0.01
        assert peak <= 1.5e8
        assert slope <= 0.2
    assert bool((designs.hit & designs.feasible).all())


def test_values_and_margins_are_those_of_the_reference(designs, reference):
    answers = np.array([reference(*row) for row in designs.x.tolist()])
    np.testing.assert_allclose(designs.values["friction_coefficient"], answers[:, 0], rtol=1e-9)
    np.testing.assert_allclose(designs.values["contact_pressure"], answers[:, 1], rtol=1e-9)
    np.testing.assert_allclose(designs.margins[:, 0], 1 - answers[:, 1] / 1.5e8, rtol=1e-8)


@pytest.mark.parametrize("target", [0.0478, 0.06, 0.11, 0.17, 0.198])
def test_targets_over_the_reachable_range_are_hit(target, reference):
    found = sciadv.design(NAME, target={"friction_coefficient": target}, n=5, seed=3)
    frictions = [reference(*row)[0] for row in found.x.tolist()]
    assert np.abs(np.array(frictions) / target - 1).max() < 0.01
    assert bool(found.feasible.all())


def test_designs_differ_from_each_other(designs):
    assert designs.facts["n_distinct"] == 12
    assert float(torch.pdist(designs.x.log()).mean()) > 0.5  # a factor of 1.6


def test_same_seed_same_designs_another_seed_others():
    first, again = (sciadv.design(NAME, target={"friction_coefficient": 0.1}, n=3, seed=1) for _ in range(2))
    other = sciadv.design(NAME, target={"friction_coefficient": 0.1}, n=3, seed=2)
    assert torch.equal(first.x, again.x)
    assert not torch.equal(first.x, other.x)


def test_target_in_the_adhesive_jump_is_answered_with_the_nearest_side(reference):
    found = sciadv.design(NAME, target={"friction_coefficient": 0.21}, n=4)
    assert found.n_good == 0
    assert "adhesive jump" in found.reason
    assert found.reachable["friction_coefficient"] == pytest.approx(0.202, rel=0.005)
    for row in found.x.tolist():  # the designs are for that value
        assert reference(*row)[0] == pytest.approx(found.reachable["friction_coefficient"], rel=0.01)
    assert found.summary()["status"] == "unreachable"


def test_target_that_the_hardness_forbids_is_answered_with_that_reason(reference):
    found = sciadv.design(NAME, target={"friction_coefficient": 0.035}, n=3)
    assert "peak contact pressure below the hardness" in found.reason
    assert found.reachable["friction_coefficient"] == pytest.approx(0.0473, rel=0.005)
    assert bool(found.feasible.all())
    assert all(reference(*row)[1] <= 1.5e8 for row in found.x.tolist())


def test_another_property_can_be_the_target():
    found = sciadv.design(NAME, target={"contact_fraction": 0.3}, n=3)
    assert found.n_good == 3
    torch.testing.assert_close(
        found.values["contact_fraction"], torch.full((3,), 0.3, dtype=torch.float64), rtol=0.01, atol=0
    )


def test_save_writes_a_table_a_summary_a_figure_and_a_page(designs, tmp_path):
    designs.save(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(RESULTS)
    header, *rows = (tmp_path / "out" / "designs.csv").read_text().splitlines()
    assert header.startswith("amplitude [m],wavelength [m],friction_coefficient,contact_pressure [Pa]")
    assert len(rows) == 12
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["status"], summary["n_hit_and_feasible"]) == ("reached", 12)
    assert (tmp_path / "out" / "report.html").read_text().count("<tr") == 16  # two tables


def test_command_writes_designs_and_says_how_many(tmp_path):
    arguments = [
        "design",
        NAME,
        "--target",
        "friction_coefficient=0.12",
        "-n",
        "4",
        "-o",
        str(tmp_path / "out"),
    ]
    result = CliRunner().invoke(app, [*arguments, "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert "4 of 4 designs have friction_coefficient = 0.12 within 0.5 %" in result.stdout
    assert (tmp_path / "out" / "designs.csv").is_file()


def test_command_answers_an_unreachable_target_in_words_and_exit_code_0(tmp_path):
    arguments = [
        "design",
        NAME,
        "--target",
        "friction_coefficient=0.23",
        "-n",
        "2",
        "-o",
        str(tmp_path / "out"),
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "no design has friction_coefficient = 0.23: the adhesive jump" in result.stdout
    assert "the nearest that can be reached is friction_coefficient" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["nanotexture-fricton"],
            "no problem that can be designed is named 'nanotexture-fricton' (did you mean",
        ),
        (["digits-superresolution"], "no problem that can be designed is named 'digits-superresolution'"),
        ([NAME], "give a target for nanotexture-friction"),
        (
            [NAME, "--target", "fricton=0.1"],
            "there are: contact_fraction, contact_pressure, friction_coefficient",
        ),
        ([NAME, "--target", "friction_coefficient=much"], "must be a finite number, with a unit"),
        ([NAME, "--target", "friction_coefficient"], "expected --target PROPERTY=VALUE"),
        ([NAME, "--target", "friction_coefficient=nan"], "must be a finite number, with a unit"),
        ([NAME, "--target", "friction_coefficient=inf"], "must be a finite number"),
        ([NAME, "--target", "contact_pressure=20 kg"], "is another kind of quantity"),
        ([NAME, "--target", "contact_pressure=20 MPz"], "a unit that is not known"),
        ([NAME, "--target", "contact_pressure=9..2"], "must grow"),
        ([NAME, "--target", "yield>=0.95"], "give a target for a property too"),
        ([NAME, "--target", "friction_coefficient=-0.1"], "friction_coefficient is above 0"),
        ([NAME, "--target", "contact_fraction=1.5"], "at most 1"),
        (
            [NAME, "--target", "friction_coefficient=0.1", "-n", "0"],
            "n must be a whole number, at least 1, but it is 0",
        ),
        (
            [NAME, "--target", "friction_coefficient=0.1", "--device", "abacus"],
            "device 'abacus' is not on this",
        ),
    ],
)
def test_bad_requests_end_in_one_sentence_and_exit_code_2(arguments, words, tmp_path):
    result = CliRunner().invoke(app, ["design", *arguments, "-o", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("nominal_pressure = 20e6", "nominal_pressure = -20e6", "nominal_pressure"),
        ("at_most = 1.5e8", "at_most = -1.5e8", "contact_pressure lies in 0 to inf"),
        ('property = "max_slope"', 'property = "slop"', "no property of a texture is named 'slop'"),
        ("friction_coefficient = [0.05", "friction = [0.05", "the forward predicts friction_coefficient"),
        ('kind = "texture"', 'kind = "txture"', "texture"),
        ("width = 0.005", "width = -1.0", "width must be a finite number > 0"),
        ("work_of_adhesion = 0.05", "work_of_adhesion = nan", "work_of_adhesion"),
        (
            "contact_modulus = 3.5e9",
            "contact_modulus = 3.5",
            "softer than any solid; numbers are in SI units",
        ),
    ],
)
def test_bad_problem_files_are_refused_in_words(old, new, words, mine):
    with pytest.raises((InputError, UnknownNameError), match=words):
        sciadv.design(mine((old, new)), target={"friction_coefficient": 0.1}, n=1)


def test_target_that_is_no_number_is_refused():
    for value in (True, math.nan, math.inf):
        with pytest.raises(InputError, match="must be a finite number"):
            sciadv.design(NAME, target={"friction_coefficient": value})


def test_problem_of_ones_own_is_designed_with_its_own_limit(mine):
    harder = mine(("at_most = 1.5e8", "at_most = 1.2e8"))
    found = sciadv.design(harder, target={"friction_coefficient": 0.08}, n=3)
    assert found.n_good == 3
    assert float(found.values["contact_pressure"].max()) <= 1.2e8


def test_constraints_that_nothing_keeps_are_said_to_be_so(mine):
    impossible = mine(("at_most = 1.5e8", "at_most = 1.0e7"))  # below the nominal pressure itself
    with pytest.raises(InputError, match="no design within the bounds keeps every constraint"):
        sciadv.design(impossible, target={"friction_coefficient": 0.08}, n=2)


def test_what_can_be_designed_is_listed():
    assert NAME in design_names()


def test_shipped_generator_is_a_prior_and_reaches_its_card():
    check_prior(sciadv.Prior.load("nanotexture"))
    prior = load_problem(NAME).prior
    assert float(prior.card["within_5_percent"]) >= 0.8
    training = design_training(load_recipe("nanotexture").spec)
    training.averaged.load_state_dict(prior.generator.state_dict())
    measured = training.measure()
    assert measured["within_5_percent"] == pytest.approx(float(prior.card["within_5_percent"]), abs=0.01)
    assert measured["feasible"] == pytest.approx(float(prior.card["feasible"]), abs=0.01)


def test_generator_of_another_material_is_no_hindrance(mine):
    other = mine(
        ("contact_modulus = 3.5e9", "contact_modulus = 1.2e9"),
        ("shear_strength = 5e6", "shear_strength = 9e6"),
    )
    found = sciadv.design(other, target={"friction_coefficient": 0.25}, n=3)
    assert found.n_good == 3
    assert not found.reason


def test_files_are_of_as_many_designs_as_are_not_too_large(monkeypatch, tmp_path):
    def files(self, x):
        return {f"texture-{i:03d}.bin": b"x" * 3_000_000 for i in range(1, len(x) + 1)}

    monkeypatch.setattr(Texture, "files", files, raising=False)
    found = sciadv.design("nanotexture-friction", {"friction_coefficient": 0.08}, 5)
    assert list(found.files) == ["texture-001.bin", "texture-002.bin", "texture-003.bin"]
    page = (found.save(tmp_path / "out") / "report.html").read_text()
    assert "The files are of the first 3 designs" in page
    assert (tmp_path / "out" / "texture-003.bin").stat().st_size == 3_000_000
    assert page.count("too large for this page; it lies beside it") == 2
