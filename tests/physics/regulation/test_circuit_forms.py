"""Every form of a circuit's equations, against SciPy on formulas written once more, and closed forms."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from sciadv.domains.gene_circuits.populations.random_circuits import random_circuits
from sciadv.errors import InputError, UnknownNameError
from sciadv.forward import GeneCircuit
from sciadv.physics.dynamics.integration import Span, Tolerances
from sciadv.physics.regulation.circuit_model import CircuitModel, Range, Ranges
from sciadv.physics.regulation.hill import HillEquations
from sciadv.physics.regulation.kinetics import Kinetics, circuits_of, pack, unpack
from sciadv.physics.regulation.steady import Relative, differentiable, jacobians, steady_states
from sciadv.physics.regulation.trajectories import integrated, simulate

LOGICS = ("multiplicative", "and", "or", "additive", "competitive", "two-site")
WIDE = Ranges(
    fold=Range(1.0, 2000.0, is_log=True),
    basal=Range(0.0, 0.2),
    second_site=Range(0.05, 1.0),
    delay=Range(0.5, 4.0, "time"),
)
FORMS = [
    CircuitModel(expression=expression, logic=logic, n_maturation=steps, ranges=ranges)
    for logic in LOGICS
    for expression, steps, ranges in (
        ("protein", 0, replace(WIDE, delay=Range(0.0, 0.0))),
        ("mrna", 0, replace(WIDE, delay=Range(0.0, 0.0))),
        ("mrna", 2, WIDE),
    )
]


def name_of(model: CircuitModel) -> str:
    return f"{model.logic}-{model.expression}-{model.n_maturation}"


def circuits(model: CircuitModel, n: int = 6, n_genes: int = 3, seed: int = 0) -> Kinetics:
    """Random circuits whose further quantities differ from gene to gene."""
    kinetics = unpack(random_circuits(n, n_genes, seed=seed).double(), model)
    generator = torch.Generator().manual_seed(seed + 1)
    more = {}
    for name in ("basal", "second_site", "mrna_degradation", "translation", "delay"):
        limits = getattr(model.ranges, name)
        part = torch.rand(n, n_genes, generator=generator, dtype=torch.float64)
        more[name] = limits.low + part * (limits.high - limits.low)
    more["translation"] = more["translation"] * 1.7
    return replace(kinetics, more=more)


# The formulas once more, in NumPy, one target gene at a time: lists of (sign, u, fold) of its regulators.
Regulators = list[tuple[float, float, float]]


def multiplicative(regulators: Regulators, _: float) -> float:
    parts = [
        (1 + fold * u) / (1 + u) / fold if s > 0 else (1 + u / fold) / (1 + u) for s, u, fold in regulators
    ]
    return float(np.prod(parts))


def conditions(regulators: Regulators) -> list[float]:
    return [u / (1 + u) if s > 0 else 1 / (1 + u) for s, u, _ in regulators]


def leak(regulators: Regulators) -> float:
    return float(np.prod([1 / fold for _, _, fold in regulators]))


def all_of(regulators: Regulators, _: float) -> float:
    return leak(regulators) + (1 - leak(regulators)) * float(np.prod(conditions(regulators)))


def any_of(regulators: Regulators, _: float) -> float:
    if not regulators:
        return 1.0
    missing = float(np.prod([1 - e for e in conditions(regulators)]))
    return leak(regulators) + (1 - leak(regulators)) * (1 - missing)


def additive(regulators: Regulators, _: float) -> float:
    more = [fold - 1 for _, _, fold in regulators]
    met = sum(m * e for m, e in zip(more, conditions(regulators), strict=True))
    return (1 + met) / (1 + sum(more))


def competitive(regulators: Regulators, _: float) -> float:
    states = [(1.0, 1.0), *((u, fold if s > 0 else 1 / fold) for s, u, fold in regulators)]
    mean = sum(w * p for w, p in states) / sum(w for w, _ in states)
    return mean / max([1.0, *(fold for s, _, fold in regulators if s > 0)])


def two_site(regulators: Regulators, second: float) -> float:
    """Every state of two sites, by enumeration."""
    effect = [fold if s > 0 else 1 / fold for s, _, fold in regulators]
    states = [(1.0, 1.0), *((u, p) for (_, u, _), p in zip(regulators, effect, strict=True))]
    for i, (s, u, _) in enumerate(regulators):
        states.append((u * u / (2 * second), effect[i]))
        for j in range(i):
            same = s == regulators[j][0]
            states.append((u * regulators[j][1], (effect[i] + effect[j]) / 2 if same else 1.0))
    mean = sum(w * p for w, p in states) / sum(w for w, _ in states)
    return mean / max([1.0, *(fold for s, _, fold in regulators if s > 0)])


PEERS: dict[str, Callable[[Regulators, float], float]] = {
    "multiplicative": multiplicative,
    "and": all_of,
    "or": any_of,
    "additive": additive,
    "competitive": competitive,
    "two-site": two_site,
}


@dataclass
class Peer:
    """``d state / dt`` of one circuit, states named: protein, immature steps from the last, mRNA."""

    kinetics: Kinetics

    def __call__(self, _: float, state: np.ndarray) -> np.ndarray:
        k = self.kinetics
        n = k.sign.shape[-1]
        value = {name: k.of_genes(name)[0].numpy() for name in ("basal", "second_site", "mrna_degradation")}
        value |= {name: k.of_genes(name)[0].numpy() for name in ("translation", "delay")}
        stages = state.reshape(-1, n)
        rate = np.zeros_like(stages)
        for j in range(n):
            regulators = self.regulators(stages[0], j)
            f = PEERS[k.model.logic](regulators, value["second_site"][j])
            flow = k.production[0, j].item() * (value["basal"][j] + (1 - value["basal"][j]) * f)
            if k.model.expression == "mrna":
                rate[-1, j] = flow - value["mrna_degradation"][j] * stages[-1, j]
                flow = value["translation"][j] * stages[-1, j]
            steps = k.model.n_maturation
            for step in range(steps, 0, -1):
                onward = steps / value["delay"][j] * stages[step, j]
                rate[step, j] = flow - onward
                flow = onward
            rate[0, j] = flow - k.degradation[0, j].item() * stages[0, j]
        return rate.reshape(-1)

    def regulators(self, protein: np.ndarray, j: int) -> Regulators:
        k, found = self.kinetics, []
        for i in range(len(protein)):
            sign = k.sign[0, i, j].item()
            if sign:
                largest = k.production[0, i] / k.degradation[0, i]
                if k.model.expression == "mrna":
                    largest = largest * k.of_genes("translation")[0, i] / k.of_genes("mrna_degradation")[0, i]
                ratio = protein[i] / (k.threshold[0, i, j] * largest).item()
                found.append((sign, ratio ** k.hill[0, i, j].item(), k.fold[0, i, j].item()))
        return found


@pytest.mark.parametrize("model", FORMS, ids=name_of)
def test_rate_is_that_of_the_formula(model):
    kinetics = circuits(model, n_genes=4)
    equations = HillEquations.of(kinetics)
    generator = torch.Generator().manual_seed(3)
    scale = equations.state(kinetics.largest.T)
    state = torch.rand(scale.shape, generator=generator, dtype=torch.float64) * scale + 1e-3
    ours = equations(state)
    for b in range(len(kinetics.sign)):
        theirs = Peer(kinetics.rows(slice(b, b + 1)))(0.0, state[:, b].numpy())
        np.testing.assert_allclose(ours[:, b].numpy(), theirs, rtol=1e-9, atol=1e-9 * np.abs(theirs).max())


@pytest.mark.parametrize("model", FORMS[2::3], ids=name_of)
def test_trajectory_is_that_of_scipy(model):
    kinetics = circuits(model, n=2)
    start = 0.3 * kinetics.largest
    ours = simulate(kinetics, start, t_end=8.0, n_kept=4, rtol=1e-8, atol=1e-10)
    for b in range(2):
        one = kinetics.rows(slice(b, b + 1))
        initial = HillEquations.of(one).state(start[b : b + 1].T)[:, 0].numpy()
        times = np.linspace(2, 8, 4)
        exact = solve_ivp(Peer(one), (0, 8), initial, t_eval=times, rtol=1e-9, atol=1e-9, method="LSODA")
        np.testing.assert_allclose(ours[:, b].numpy(), exact.y[:3].T, rtol=1e-6)


def test_stiff_circuits_are_integrated_implicitly_as_by_lsoda():
    model = CircuitModel.of({"expression": "mrna", "ranges": {"mrna_degradation": [1e3, 1e5]}})
    kinetics = circuits(model, n=3)
    start = 0.4 * kinetics.largest
    span, rule = Span(20.0, n_kept=4), Tolerances(explicit_steps=200)
    found = integrated(kinetics, start, span, rule)
    assert bool(found.is_done.all())
    assert int(found.n_steps.max()) < 2000  # an explicit step is below 3 / rate: 7,000 at the least
    for b in range(3):
        one = kinetics.rows(slice(b, b + 1))
        initial = HillEquations.of(one).state(start[b : b + 1].T)[:, 0].numpy()
        times = span.times().numpy()
        exact = solve_ivp(Peer(one), (0, 20), initial, t_eval=times, rtol=1e-9, atol=1e-14, method="LSODA")
        np.testing.assert_allclose(found.levels[:, b].numpy(), exact.y[:3].T, rtol=1e-5)


@pytest.mark.parametrize("model", FORMS, ids=name_of)
def test_jacobian_is_that_of_the_equations_in_relative_levels(model):
    kinetics = circuits(model, n=3)
    hill, relative = HillEquations.of(kinetics), Relative.of(kinetics)
    scale = hill.state(kinetics.largest.T)
    y = torch.rand(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.05
    state = y.T.repeat(model.n_stages, 1)

    def rate(relative_state: torch.Tensor) -> torch.Tensor:
        return hill(relative_state * scale) / scale

    automatic = torch.autograd.functional.jacobian(rate, state)
    own = torch.stack([automatic[:, b, :, b] for b in range(3)])
    torch.testing.assert_close(jacobians(relative, y), own, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("model", FORMS[::3], ids=name_of)
def test_steady_states_are_those_of_the_equations(model):
    kinetics = circuits(model, n=40, seed=4)
    starts = torch.tensor([[0.9] * 3, [0.05] * 3], dtype=torch.float64)
    y, solved = steady_states(Relative.of(kinetics), starts)
    assert float(solved.double().mean()) > 0.8
    hill = HillEquations.of(kinetics)
    for found, is_found in zip(y, solved, strict=True):
        state = hill.state((found * kinetics.largest).T)
        speed = (hill(state) / hill.state(kinetics.largest.T)).abs().amax(0)
        assert float(speed[is_found].max()) < 1e-8


@pytest.mark.parametrize("model", FORMS[2::3], ids=name_of)
def test_steady_states_and_jacobians_have_the_gradients_of_finite_differences(model):
    x = random_circuits(1, 2, seed=11).double()
    starts = torch.full((1, 2), 0.4, dtype=torch.float64)

    def of_places(places: torch.Tensor) -> torch.Tensor:
        circuit = torch.cat([x[:, :1], places, x[:, -1:]], 1)
        equations = Relative.of(unpack(circuit, model))
        found, _ = steady_states(equations, starts)
        states = differentiable(equations, found)
        return torch.cat([states.flatten(), jacobians(equations, states).flatten()])

    places = (0.5 * x[:, 1:-1]).requires_grad_()
    assert torch.autograd.gradcheck(of_places, places, atol=1e-5)


@pytest.mark.parametrize("logic", LOGICS)
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_one_regulator_is_racipes_factor_in_every_logic(logic, sign):
    signs = torch.zeros(1, 2, 2, dtype=torch.float64)
    signs[0, 0, 1] = sign
    ranges = Ranges(second_site=Range(1e9, 1e9))  # no second regulator binds
    x = circuits_of(signs, places=0.3)
    level = torch.linspace(0.01, 20.0, 9, dtype=torch.float64)
    state = torch.stack([level, level])
    racipe, other = (
        unpack(x.expand(9, -1, -1, -1), CircuitModel(logic=one, ranges=ranges))
        for one in ("multiplicative", logic)
    )
    expected = HillEquations.of(racipe).regulation(state)
    found = HillEquations.of(other).regulation(state)
    if logic == "two-site":  # a site that is not taken twice still has u^2 / (2 r), which is next to nothing
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=0)
    else:
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("logic", LOGICS)
def test_a_gene_without_regulators_is_fully_on(logic):
    kinetics = unpack(circuits_of(torch.zeros(1, 2, 2)), CircuitModel(logic=logic))
    assert HillEquations.of(kinetics).regulation(torch.ones(2, 1)).flatten().tolist() == pytest.approx([1, 1])


@pytest.mark.parametrize("logic", LOGICS)
def test_an_absent_edge_has_a_gradient(logic):
    sign = (-torch.eye(3).roll(1, 1)[None]).requires_grad_()
    base = unpack(circuits_of(sign.detach(), places=0.2), CircuitModel(logic=logic))
    f = HillEquations.of(replace(base, sign=sign)).regulation(torch.full((3, 1), 3.0))
    (gradient,) = torch.autograd.grad(f.sum(), sign)
    assert bool((gradient != 0).all())


def test_truth_tables_of_two_activators():
    signs = torch.zeros(4, 3, 3, dtype=torch.float64)
    signs[:, 0, 2] = signs[:, 1, 2] = 1
    state = torch.tensor([[a, b, 0.0] for a, b in product((0.0, 1e9), repeat=2)], dtype=torch.float64).T
    wide = Ranges(fold=Range(1e6, 1e6))
    for logic, expected in (("and", [0, 0, 0, 1]), ("or", [0, 1, 1, 1]), ("additive", [0, 0.5, 0.5, 1])):
        kinetics = unpack(circuits_of(signs), CircuitModel(logic=logic, ranges=wide))
        assert HillEquations.of(kinetics).regulation(state)[2].tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("logic", LOGICS[:-1])
def test_steady_state_of_a_single_auto_repressor(logic):
    model = CircuitModel(expression="mrna", logic=logic, ranges=Ranges(fold=Range(1.0, 1e4, is_log=True)))
    kinetics = unpack(circuits_of(-torch.ones(1, 1, 1, dtype=torch.float64), places=0.2), model)
    threshold, hill, fold = (float(getattr(kinetics, name)) for name in ("threshold", "hill", "fold"))

    def residual(y: float) -> float:
        return 1 / fold + (1 - 1 / fold) / (1 + (y / threshold) ** hill) - y

    y, solved = steady_states(Relative.of(kinetics), torch.full((1, 1), 0.4, dtype=torch.float64))
    assert bool(solved)
    assert float(y) == pytest.approx(brentq(residual, 1e-9, 1), rel=1e-10)
    level = simulate(kinetics, 0.1 * kinetics.largest, t_end=60.0)
    assert float(level) == pytest.approx(float(y * kinetics.largest), rel=1e-6)


def test_a_chain_of_maturation_delays_by_its_mean_with_a_gamma_distribution():
    steps, delay = 8, 3.0
    model = CircuitModel(n_maturation=steps, ranges=Ranges(delay=Range(delay, delay, "time")))
    kinetics = unpack(circuits_of(torch.zeros(2, 1, 1, dtype=torch.float64)), model)
    dt, initial = 0.01, torch.zeros(2, 1 + steps, dtype=torch.float64)
    initial[0, -1] = 1.0  # one molecule more that has just been made
    kept = simulate(kinetics, initial, t_end=20.0, n_kept=2000, rtol=1e-9, atol=1e-12)
    flow = (kept[:, 0, 1] - kept[:, 1, 1]) * steps / delay
    times = dt * torch.arange(1, 2001, dtype=torch.float64)
    mean = float((flow * times).sum() * dt)
    spread = float((flow * (times - mean).square()).sum() * dt) ** 0.5
    assert mean == pytest.approx(delay, rel=1e-3)
    assert spread / delay == pytest.approx(steps**-0.5, rel=1e-2)


@pytest.mark.parametrize(("shared", "group"), [("regulator", (2,)), ("target", (1,)), ("circuit", (1, 2))])
def test_shared_promoter_parameters_are_the_same_and_stay(shared, group):
    model = CircuitModel(shared=shared)
    x = random_circuits(5, 4, seed=6)
    kinetics = unpack(x, model)
    exists = kinetics.sign != 0
    for value in (kinetics.threshold, kinetics.hill, kinetics.fold):
        low = value.masked_fill(~exists, torch.inf).amin(group)
        high = value.masked_fill(~exists, -torch.inf).amax(group)
        there = exists.any(group) if len(group) == 1 else exists.flatten(1).any(1)
        torch.testing.assert_close(low[there], high[there])
    torch.testing.assert_close(unpack(pack(kinetics), model).fold[exists], kinetics.fold[exists])
    assert not torch.equal(unpack(x).fold, kinetics.fold)


@pytest.mark.parametrize("model", FORMS, ids=name_of)
def test_ten_thousand_circuits_a_second_are_within_reach(model):
    kinetics = unpack(random_circuits(4096, 3, seed=0), model)
    equations = HillEquations.of(kinetics)
    state = equations.state(0.3 * kinetics.largest.T)
    began = time.process_time()
    for _ in range(50):
        equations(state)
    seconds = (time.process_time() - began) * 1000 / 50  # of 1,000 evaluations: 250 classical steps
    assert 4096 / seconds > 3000  # 10,000 on an idle core and more


def test_a_whole_state_comes_back_whole():
    model = CircuitModel(expression="mrna")
    kinetics = unpack(random_circuits(3, 2, seed=1).double(), model)
    levels = 0.2 * kinetics.largest
    whole = HillEquations.of(kinetics).state(levels.T).T
    ends = simulate(kinetics, whole, t_end=5.0)[0]
    assert ends.shape == (3, 4)
    torch.testing.assert_close(ends[:, :2], simulate(kinetics, levels, t_end=5.0)[0])
    with pytest.raises(InputError, match=r"\(batch, genes\) is \(3, 2\), or \(batch, states\), \(3, 4\)"):
        simulate(kinetics, whole[:, :3], t_end=5.0)


def test_a_forward_takes_the_model_from_a_table_as_a_file_has_it():
    table = {"expression": "mrna", "logic": "and", "n_maturation": 1, "ranges": {"delay": [1, 2]}}
    A = GeneCircuit((7, 3, 3), "stability", n_sets=1, model=table)
    assert A.model == CircuitModel.of(table)
    assert A.model.n_stages == 3
    scores = A(circuits_of(-torch.eye(3).roll(1, 1)[None]))
    assert bool(scores.isfinite().all())


def test_units_are_those_of_the_model():
    model = CircuitModel(level_unit="nM", time_unit="min")
    assert model.unit("production") == "nM / min"
    assert model.unit("degradation") == "1 / min"
    assert model.unit("threshold") == "parts of the regulator's largest level"
    assert CircuitModel(expression="mrna", n_maturation=2, ranges=WIDE).stage_names() == [
        "protein",
        "immature 2",
        "immature 1",
        "mrna",
    ]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: CircuitModel(logic="xor"), UnknownNameError, "no promoter logic is named 'xor'"),
        (
            lambda: CircuitModel(expression="rna"),
            UnknownNameError,
            "no expression of a circuit is named 'rna'",
        ),
        (lambda: CircuitModel(shared="all"), UnknownNameError, "share promoter parameters is named 'all'"),
        (lambda: Range(5.0, 1.0), InputError, "5 to 1; reverse it"),
        (lambda: CircuitModel(level_unit=""), InputError, "level_unit must be a word, such as nM or min"),
        (lambda: CircuitModel(time_unit=" "), InputError, "time_unit must be a word"),
        (lambda: Range(0.0, 1.0, is_log=True), InputError, "lies above 0"),
        (lambda: Range(0.0, float("inf")), InputError, "finite ends"),
        (lambda: Ranges(fold=Range(0.1, 10.0)), InputError, "fold must be at least 1"),
        (lambda: Ranges(degradation=Range(0.0, 1.0)), InputError, "degradation must be above 0"),
        (lambda: Ranges(basal=Range(0.0, 1.0)), InputError, "basal must be from 0 to below 1"),
        (lambda: Ranges(delay=Range(-1.0, 1.0)), InputError, "delay must be at least 0"),
        (lambda: CircuitModel(n_maturation=-1), InputError, "n_maturation must be a whole number"),
        (lambda: CircuitModel(n_maturation=3), InputError, "give ranges a delay above 0"),
        (lambda: CircuitModel(ranges=WIDE), InputError, "set n_maturation"),
        (lambda: CircuitModel.of({"colour": 1}), UnknownNameError, "no setting of a circuit's model"),
        (lambda: CircuitModel.of(3), InputError, "model must be CircuitModel"),
        (lambda: CircuitModel.of({"ranges": {"speed": [1, 2]}}), UnknownNameError, "'speed'"),
        (lambda: CircuitModel.of({"ranges": {"fold": [1]}}), InputError, r"fold must be \[low, high\]"),
        (lambda: CircuitModel.of({"ranges": {"fold": {"low": 1, "up": 2}}}), InputError, "range of fold"),
        (lambda: CircuitModel.of({"ranges": {"fold": [9, 2]}}), InputError, "reverse it"),
        (lambda: CircuitModel.of({"ranges": 3}), InputError, "ranges must be"),
        (
            lambda: replace(unpack(circuits_of(torch.zeros(1, 1, 1))), more={"speed": torch.ones(1, 1)}),
            UnknownNameError,
            "no further quantity of a gene is named 'speed'",
        ),
    ],
)
def test_bad_models_are_refused_in_words(call, error, words):
    with pytest.raises(error, match=words):
        call()
