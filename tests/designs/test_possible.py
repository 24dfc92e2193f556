"""Targets beyond what theory leaves are refused at once, with the bound and where it comes from."""

import time

import pytest
import torch

import sciadv
from sciadv import Variable
from sciadv.catalogue import load_problem
from sciadv.errors import InputError, UnknownNameError
from sciadv.forward import Coating, HarmonicTexture, Microstructure, Texture
from sciadv.forward.design.quantity import box_of
from sciadv.physics.continuum.two_phases import means_of_phases, shares_between


class Engine:
    """A Carnot engine between a hot and a cold reservoir, with losses."""

    variables = (Variable("hot", "K", 400, 800), Variable("cold", "K", 280, 350), Variable("loss"))
    properties = {"efficiency": "", "heat": "K"}  # noqa: RUF012  # as a user writes it
    calls = 0

    def predict(self, hot, cold, loss):
        type(self).calls += len(hot)
        return {"efficiency": (1 - cold / hot) * (1 - 0.5 * loss), "heat": hot - cold}

    def possible(self, asked):
        most = min(asked.get("heat", (0, 520))[1], 520)
        return {"efficiency": (0, most / 800, "Carnot 1824"), "heat": (50, 520, "the reservoirs")}


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (
            {"efficiency": 0.7},
            "no design can have efficiency = 0.7: efficiency is .* at most 0.65, by Carnot 1824",
        ),
        ({"efficiency": ">= 0.66"}, "by Carnot 1824"),
        ({"heat": "40 K"}, "heat is at least 50 and at most 520 K, by the reservoirs"),
        (
            {"heat": "100..200 K", "efficiency": "0.3..0.4"},
            "no design with heat from 100 to 200 K can have efficiency .* at most 0.25",
        ),
    ],
)
def test_a_script_says_what_is_possible_and_no_design_is_evaluated_beyond(target, words):
    Engine.calls = 0
    with pytest.raises(InputError, match=words):
        sciadv.design(Engine(), target, 3)
    assert Engine.calls < 10  # the checks of the script alone


def test_what_is_possible_is_designed_as_before():
    assert sciadv.design(Engine(), {"efficiency": 0.6, "heat": ">= 300 K"}, 4).n_good == 4


@pytest.mark.parametrize(
    ("bounds", "error", "words"),
    [
        ({"efficiency": (0, 1)}, InputError, "lowest value, the highest one and a text"),
        ({"efficiency": (1, 0, "upside down")}, InputError, "lowest value, the highest one"),
        ({"efficiency": 3}, InputError, "possible of Engine fails: TypeError"),
        ({"eficiency": (0, 1, "theory")}, UnknownNameError, "did you mean 'efficiency'"),
    ],
)
def test_bounds_that_are_none_are_refused_in_words(bounds, error, words):
    engine = Engine()
    engine.possible = lambda asked: bounds
    with pytest.raises(error, match=words):
        sciadv.design(engine, {"efficiency": 0.3}, 2)


def test_mixtures_are_between_their_means_and_shares_are_their_inverse():
    generator = torch.Generator().manual_seed(0)
    for first, second, share in (0.1 + torch.rand(50, 3, generator=generator).double()).tolist():
        part = min(share, 1.0)
        harmonic, arithmetic = means_of_phases(first, second, part)
        assert harmonic <= arithmetic * (1 + 1e-12)
        least, most = shares_between(first, second, harmonic, harmonic)
        assert min(abs(least - part), abs(most - part)) < 1e-9
        least, most = shares_between(first, second, arithmetic, arithmetic)
        assert min(abs(least - part), abs(most - part)) < 1e-9
    assert shares_between(2.0, 2.0, 1.0, 3.0) == (0.0, 1.0)
    assert shares_between(2.0, 2.0, 3.0, 4.0) == (1.0, 0.0)


def test_random_cells_are_within_what_is_said_to_be_possible():
    model = Microstructure((1, 16, 16), conductivities=(7.7, 0.6), moduli=(95.6e9, 5e9), dtype=torch.float64)
    names = [one.name for one in model.PROPERTIES]
    generator = torch.Generator().manual_seed(0)
    grey = torch.rand(6, 1, 16, 16, generator=generator, dtype=torch.float64)
    x = torch.cat([grey, (grey > 0.4).double(), torch.ones_like(grey[:1]), torch.zeros_like(grey[:1])])
    found = model.with_properties(names)(x)
    for values in found.tolist():
        known = dict(zip(names, values, strict=True))
        for given in names:
            possible = model.possible({given: (known[given] * (1 - 1e-9), known[given] * (1 + 1e-9))})
            for name, value in known.items():
                low, high, _ = possible[name]
                assert low * (1 - 1e-6) - 1e-9 <= value <= high * (1 + 1e-6) + 1e-9


CELLS = load_problem("microstructure")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (
            {"conductivity": 8.0},
            "conductivity is at least 0.6 and at most 7.7, by Wiener's means of the phases",
        ),
        ({"conductivity_yy": 0.5}, "at least 0.6"),
        ({"youngs_modulus": ">= 96 GPa"}, r"at most 9.56e\+10 Pa, by the means of Voigt and Reuss"),
        ({"shear_modulus": "40 GPa"}, r"at most 3.677e\+10 Pa"),
        (
            {"conductivity": 6.8, "volume_fraction": 0.3},
            "no design with conductivity = 6.8 can have volume_frac",
        ),
        ({"volume_fraction": 0.3, "conductivity": 6.8}, "with volume_fraction = 0.3 can .* at most 5.5"),
        ({"youngs_modulus": "90 GPa", "conductivity": 3.0}, "no design with youngs_modulus"),
    ],
)
def test_cells_beyond_the_bounds_of_mixtures_are_refused_within_two_seconds(target, words):
    started = time.process_time()
    with pytest.raises(InputError, match=words):
        sciadv.design(CELLS, target, 4)
    assert time.process_time() - started < 2


def test_a_stack_cannot_be_thicker_than_all_its_films():
    coating = Coating(n_films=3, bands=[(5e-7, 6e-7, 3, 1.0)], materials=("SiC", "MgF2"), extrapolate=True)
    low, high, source = coating.possible({})["total_thickness"]
    assert (low, high) == pytest.approx((0, 9e-7))
    assert source == "3 films of 0 to 3e-07 m"


CONTACT = {"contact_modulus": 3.5e9, "nominal_pressure": 20e6, "shear_strength": 5e6, "dtype": torch.float64}


@pytest.mark.parametrize(
    ("model", "adhesion"),
    [
        (Texture((2,), pressure_coefficient=0.02, **CONTACT), 0.0),
        (Texture((2,), work_of_adhesion=0.05, loss_factor=0.1, **CONTACT), 0.05),
        (HarmonicTexture(n_harmonics=1, points=16, **CONTACT), 0.0),
        (HarmonicTexture(n_harmonics=1, points=32, work_of_adhesion=0.01, **CONTACT), 0.01),
    ],
)
def test_random_textures_are_within_what_is_said_to_be_possible(model, adhesion):
    unit = torch.rand(
        64, len(model.variables), generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    x = box_of(model).from_unit(unit)
    possible = model.possible({})
    assert ("friction_coefficient" in possible) == (getattr(model, "loss_factor", 0) == 0)
    for name, (low, high, _) in possible.items():
        values = model.with_properties((name,))(x)
        assert float(values.min()) >= low * (1 - 1e-6)
        assert float(values.max()) <= high * (1 + 1e-6)


def test_a_peak_below_the_mean_pressure_is_refused():
    words = "contact_pressure is at least 2e\\+07 Pa, by the nominal pressure, 2e\\+07 Pa, which is the mean"
    with pytest.raises(InputError, match=words):
        sciadv.design("nanotexture-friction", {"contact_pressure": "3.5 Pa"}, 2)
