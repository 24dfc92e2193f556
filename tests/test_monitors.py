"""Progress reaches TensorBoard, Weights & Biases and MLflow; searches say their stages to the logger."""

import logging
import re
import sys
from types import ModuleType, SimpleNamespace

import pytest
from small_priors import SMALL, make_prior, measured, projections

from sciadv import solve
from sciadv.errors import InputError
from sciadv.monitors import to_bar, to_mlflow, to_tensorboard, to_wandb
from sciadv.solvers import LevenbergMarquardt
from sciadv.trainings.protocol import TrainingProgress

NUMBERS = {"n_iterations", "n_alive", "n_rows", "best_misfit", "seconds"}


def search(monitor=None):
    prior = make_prior(SMALL)
    problem = measured(prior, projections(prior, 20), prior.sample(2, seed=0))
    return solve(problem, LevenbergMarquardt(restarts=2), monitor=monitor, diagnose=None)


def fake(monkeypatch, name, **held):
    module = ModuleType(name)
    vars(module).update(held)
    monkeypatch.setitem(sys.modules, name, module)


def test_a_bar_shows_the_step_and_its_numbers(capsys):
    search(to_bar())
    shown = capsys.readouterr().err
    assert "best_misfit=" in shown
    steps = [int(step) for step in re.findall(r"(\d+)/\d+ \[", shown)]
    assert steps == sorted(steps)
    assert steps[-1] > 0


def test_each_stage_has_a_bar_of_its_own(capsys):
    monitor = to_bar()
    for step, total in ((1, 2), (2, 2), (1, 3), (2, 3), (3, 3)):
        monitor(TrainingProgress(step, total, {"loss": 0.5}, 1.0))
    shown = capsys.readouterr().err
    assert "2/2 [" in shown
    assert "3/3 [" in shown
    assert "loss=0.5" in shown


def test_tensorboard_gets_every_number_of_every_step(monkeypatch, tmp_path):
    written = []

    class SummaryWriter:
        def __init__(self, folder):
            assert folder == str(tmp_path)

        def add_scalar(self, name, number, step):
            written.append((name, number, step))

        def flush(self):
            written.append("flush")

    fake(monkeypatch, "torch.utils.tensorboard", SummaryWriter=SummaryWriter)
    found = search(to_tensorboard(tmp_path, prefix="mine"))
    steps = [entry for entry in written if entry[0] == "mine/best_misfit"]
    assert [step for _, _, step in steps] == list(range(1, len(found.history) + 1))
    assert {entry[0].split("/")[1] for entry in written if entry != "flush"} == NUMBERS
    assert written[-1] == "flush"


@pytest.mark.parametrize("has_run", [True, False])
def test_wandb_gets_them_in_the_current_or_a_new_run(monkeypatch, has_run):
    logged, begun = [], []
    run = SimpleNamespace(log=logged.append)
    fake(
        monkeypatch,
        "wandb",
        run=run if has_run else None,
        init=lambda project: begun.append(project) or run,
    )
    to_wandb(project="p")(TrainingProgress(7, 10, {"generator": 0.5}, 1.0, quality={"frechet": 3.0}))
    assert logged[0]["sciadv/generator"] == 0.5
    assert logged[0]["sciadv/frechet"] == 3.0
    assert logged[0]["sciadv/step"] == 7
    assert begun == ([] if has_run else ["p"])


def test_mlflow_gets_them_with_their_step(monkeypatch):
    logged = []
    fake(monkeypatch, "mlflow", log_metrics=lambda numbers, step: logged.append((numbers, step)))
    found = search(to_mlflow())
    assert [step for _, step in logged] == list(range(1, len(found.history) + 1))
    assert {name.removeprefix("sciadv.") for name in logged[0][0]} == NUMBERS


@pytest.mark.parametrize(("make", "module"), [(to_wandb, "wandb"), (to_mlflow, "mlflow")])
def test_a_missing_package_is_named(monkeypatch, make, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=f"pip install {module}"):
        make()


def test_a_search_says_its_stages_to_the_logger_and_nothing_else(caplog, capfd):
    with caplog.at_level(logging.INFO, logger="sciadv"):
        found = search()
    said = [record.getMessage() for record in caplog.records if record.name.startswith("sciadv.")]
    assert said[0] == "solving 2 measurements of custom by levenberg-marquardt, seed 0"
    assert f"levenberg-marquardt: {len(found.history)} iterations" in said[1]
    assert said[-1] == repr(found)
    assert capfd.readouterr() == ("", "")


def test_the_logger_is_quiet_by_default():
    handlers = logging.getLogger("sciadv").handlers
    assert any(isinstance(handler, logging.NullHandler) for handler in handlers)
