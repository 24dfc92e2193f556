import pytest
import torch

import sciadv
from sciadv.catalogue import load_problem
from sciadv.designs.aim import take_aim
from sciadv.designs.crossbred import Crossbreeding, children, has_choices, parents, ranked
from sciadv.errors import InputError

TARGET = {"gain": "60 dB", "unity_gain_frequency": "1 GHz", "phase_margin": "60 deg"}


@pytest.fixture(scope="module")
def aim():
    return take_aim(load_problem("analog-amplifier"), TARGET, tolerance=0.01)


@pytest.fixture(scope="module")
def designs(aim):
    return aim.evaluate(aim.search.prior.sample_latent(600, seed=0))


def test_only_models_with_choices_breed(aim):
    assert has_choices(aim)
    assert not has_choices(
        take_aim(load_problem("optical-coating"), {"figure_of_merit": "minimise"}, tolerance=0.01)
    )


def test_the_nearest_come_first_and_what_has_no_figures_does_not_come(aim, designs):
    rows = ranked(aim, designs, seed=0)
    distance = aim.distance(designs)[rows]
    assert bool((distance[1:] >= distance[:-1]).all())
    assert bool(distance.isfinite().all())


def test_objectives_order_what_does_what_is_asked(designs):
    problem = load_problem("analog-amplifier")
    aim = take_aim(problem, {"total_transconductance": "minimise"}, tolerance=0.01)
    rows = ranked(aim, designs, seed=0)
    hits = rows[aim.distance(designs)[rows] == 0]
    total = designs.value("total_transconductance")[hits]
    assert bool((total[1:] >= total[:-1]).all())


def test_children_come_nearer_over_rounds(aim, designs):
    settings = Crossbreeding(n_children=200, n_parents=40)
    best = [float(aim.distance(designs).min())]
    pool = designs
    for step in range(4):
        z = children(aim, pool, settings, seed=step)
        assert z.shape == (200, 23)
        found = aim.evaluate(z)
        best.append(min(best[-1], float(aim.distance(found).min())))
        pool = type(pool)(
            *(torch.cat([getattr(pool, k), getattr(found, k)]) for k in ("x", "properties", "margins")),
            torch.cat([pool.feasible, found.feasible]),
            torch.cat([pool.regime, found.regime]),
            pool.names,
        )
    assert best[-1] < 0.5 * best[0]


def test_one_combination_of_choices_does_not_crowd_out_the_others(aim, designs):
    rows = parents(aim, designs, Crossbreeding(n_parents=20, n_alike=1), seed=0)
    assert len(set(rows.tolist())) == 20


def test_settings_are_checked():
    with pytest.raises(InputError, match="n_parents"):
        Crossbreeding(n_parents=1)


def test_an_amplifier_is_designed_for_its_figures_and_written_for_spice(tmp_path):
    found = sciadv.design("analog-amplifier", TARGET, 4)
    assert found.n_good == 4
    assert sorted(found.files) == [f"design-00{i}.cir" for i in range(1, 5)]
    found.save(tmp_path / "out")
    assert (tmp_path / "out" / "design-001.cir").read_text().startswith("* amplifier")
