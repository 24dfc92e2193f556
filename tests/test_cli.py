import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from sciadv import Prior
from sciadv.cli import app, main
from sciadv.cli import demo_command as demo_module
from sciadv.cli import solve_command as solve_module
from sciadv.cli.edge import check_output_folder
from sciadv.errors import InputError
from sciadv.nets import build_seeded
from sciadv.report.solution_page import RESULTS
from sciadv.trainings.training_report import GameReport, GameStatus

PROBLEM = """
title = "A small problem"
prior = "./prior"
[forward]
kind = "block-sum"
block = 4
[likelihood]
kind = "gaussian"
sigma = 0.5
[measurements]
kind = "simulated"
images = "prior"
n = 5
seed = 3
[solver]
kind = "levenberg-marquardt"
restarts = 2
"""
RECIPE = """
title = "A small prior"
[data]
name = "mnist"
[generator]
kind = "mlp-decoder"
n_latent = 5
[encoder]
kind = "mlp-encoder"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine"
    spec = {"kind": "mlp-decoder", "n_latent": 5, "image_shape": [1, 16, 16], "hidden": [16]}
    Prior(build_seeded(spec, 0), 5).save(mine / "prior")
    (mine / "problem.toml").write_text(PROBLEM)
    return mine


def run(*arguments: object, code: int = 0) -> SimpleNamespace:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return SimpleNamespace(out=result.stdout, err=result.stderr)


def solve_mine(folder: Path, *more: object, code: int = 0) -> SimpleNamespace:
    return run("solve", folder, "-o", folder / "out", "--device", "cpu", *more, code=code)


def summary(folder: Path) -> dict[str, object]:
    return json.loads((folder / "out" / "summary.json").read_text())


@contextlib.contextmanager
def python(code: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_help_imports_nothing_slow(tmp_path):
    code = (
        "import sys\n"
        "from sciadv.cli import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "heavy = {'torch', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "print('heavy', heavy)"
    )
    with python(code, tmp_path) as process:
        out, err = process.communicate(timeout=60)
    assert "solve" in out, err
    assert out.split("heavy ")[-1].strip() == "set()"


def test_solve_writes_everything_and_says_how_well(folder):
    said = solve_mine(folder)
    assert sorted(p.name for p in (folder / "out").iterdir()) == sorted(RESULTS)
    assert "5 measurements by levenberg-marquardt" in said.out
    assert "explained to the noise level" in said.out
    assert said.err == ""
    facts = summary(folder)
    assert facts["settings"]["restarts"] == 2
    assert facts["interrupted"] is False
    with np.load(folder / "out" / "solution.npz") as arrays:
        assert arrays["x"].shape == (5, 1, 16, 16)


def test_the_command_it_reports_does_the_same_again(folder):
    y = np.random.default_rng(0).uniform(4, 12, (6, 1, 4, 4))
    np.savez(folder / "data.npz", other=y + 1, y=y)
    options = (
        "--measurements",
        folder / "data.npz",
        "--solver",
        "adam",
        "--restarts",
        2,
        "--first",
        3,
        "--seed",
        4,
    )
    solve_mine(folder, *options)
    command = summary(folder)["command"]
    first = np.load(folder / "out" / "solution.npz")["x"]
    said = run(*command.split()[1:])
    assert "overwritten" in said.out
    np.testing.assert_array_equal(first, np.load(folder / "out" / "solution.npz")["x"])
    assert len(first) == 3
    assert len(summary(folder)["measurements_sha256"]) == 64


def test_solve_in_shards_writes_parts_and_goes_on(folder):
    solve_mine(folder, "--shards", 2, "--block", 3)
    names = ["job.json", "part-00000.npz", "part-00001.npz", "summary.json"]
    assert sorted(path.name for path in (folder / "out").iterdir()) == names
    assert summary(folder)["n_measurements"] == 5
    (folder / "out" / "part-00001.npz").unlink()
    said = solve_mine(folder, "--shards", 1, "--block", 3)
    assert "  5 of 5 measurements" in said.out
    said = solve_mine(folder, "--shards", 1, "--block", 2, code=2)
    assert "another job: block differ" in said.err


def test_another_solver_does_not_get_the_problems_restarts(folder):
    solve_mine(folder, "--solver", "lasso")
    assert summary(folder)["method"] == "lasso"


BAD = {
    "unknown problem": (["solve", "digits-superres", "-o", "out"], "did you mean 'digits-superresolution'"),
    "no such path": (["solve", "./nowhere", "-o", "out"], "nowhere does not exist"),
    "unknown solver": (["--solver", "csg"], "no solver is named 'csg' (did you mean 'csgm'?)"),
    "restarts of a direct solver": (["--solver", "lasso", "--restarts", "2"], "leave restarts out"),
    "unknown device": (["--device", "tpu:9"], "is not on this machine"),
    "no measurements file": (["--measurements", "no.npy"], "no.npy does not exist"),
    "measurements of another format": (["--measurements", "y.csv"], "is not a .npy or .npz file"),
    "truncated npz": (["--measurements", "cut.npz"], "cannot be read as a .npz file"),
    "several arrays": (["--measurements", "two.npz"], "holds the arrays a, b, but none is named 'y'"),
    "objects": (["--measurements", "objects.npy"], "holds Python objects, which are not loaded"),
    "wrong shape": (
        ["--measurements", "shape.npy"],
        "measurements have shape (2, 1, 8, 8), but the operator gives",
    ),
    "one without a batch": (["--measurements", "single.npy"], "add the batch: y[None]"),
    "NaN": (["--measurements", "nan.npy"], "hold 1 NaN or Inf of 32, the first at index (1, 0, 2, 3)"),
    "empty": (["--measurements", "empty.npy"], "measurements are empty"),
    "complex": (["--measurements", "complex.npy"], "measurements are complex"),
}


@pytest.fixture
def bad_files(folder):
    y = np.ones((2, 1, 4, 4))
    np.savez("two.npz", a=y, b=y)
    Path("cut.npz").write_bytes(Path("two.npz").read_bytes()[:100])
    np.save("objects.npy", np.array([None, {}]), allow_pickle=True)
    np.save("shape.npy", np.ones((2, 1, 8, 8)))
    np.save("single.npy", y[0])
    np.save("empty.npy", y[:0])
    np.save("complex.npy", y * 1j)
    y[1, 0, 2, 3] = np.nan
    np.save("nan.npy", y)
    return folder


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_a_sentence_and_writes_nothing(case, bad_files):
    arguments, sentence = BAD[case]
    before = sorted(Path().rglob("*"))
    full = arguments if arguments[0] == "solve" else ["solve", "./mine", "-o", "out", *arguments]
    said = run(*full, code=2)
    assert sentence in said.err
    assert said.err.startswith("sciadv: ")
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    assert sorted(Path().rglob("*")) == before


def test_a_typo_in_the_file_names_the_key(folder):
    (folder / "problem.toml").write_text(PROBLEM.replace("block = 4", "blok = 4"))
    said = solve_mine(folder, code=2)
    assert (
        "problem.toml: forward.blok is not a key of a block-sum forward (did you mean 'block'?)" in said.err
    )
    assert not (folder / "out").exists()


def test_broken_weights_get_a_sentence(folder):
    weights = folder / "prior" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    assert "is not the file its card describes" in solve_mine(folder, code=2).err
    weights.unlink()
    assert "has no weights.safetensors" in solve_mine(folder, code=2).err


def test_an_output_folder_that_is_a_file_is_refused_first(folder):
    (folder / "out").write_text("mine")
    assert "is a file; give another by -o" in solve_mine(folder, code=2).err
    assert (folder / "out").read_text() == "mine"
    with pytest.raises(InputError, match="is a file"):
        check_output_folder(folder / "out" / "deeper")


def test_other_files_in_the_output_folder_are_left_alone(folder):
    (folder / "out").mkdir()
    (folder / "out" / "notes.txt").write_text("mine")
    assert "overwritten" not in solve_mine(folder).out
    assert (folder / "out" / "notes.txt").read_text() == "mine"


def test_ctrl_c_keeps_the_solution_so_far(folder, monkeypatch):
    @contextlib.contextmanager
    def interrupting(problem):
        def monitor(progress):
            if progress.iteration == 3:
                os.kill(os.getpid(), signal.SIGINT)

        yield monitor

    monkeypatch.setattr(solve_module, "_progress", interrupting)
    before = signal.getsignal(signal.SIGINT)
    said = solve_mine(folder, "--solver", "csgm", code=130)
    assert signal.getsignal(signal.SIGINT) is before
    assert "interrupted; the best found until then is in" in said.err
    assert summary(folder)["interrupted"] is True
    assert "Interrupted by the user" in (folder / "out" / "report.html").read_text()
    with np.load(folder / "out" / "solution.npz") as arrays:
        assert arrays["x"].shape == (5, 1, 16, 16)
        assert np.isfinite(arrays["misfit"]).all()


def test_ctrl_c_while_comparing_keeps_the_solution(folder, monkeypatch):
    def compare(problem, *, seed, settings):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("sciadv.solvers.diagnosis.verdicts.compare_with_images", compare)
    said = solve_mine(folder, code=130)
    assert "not compared with the prior's reference images" in said.err
    assert "out_of_distribution" not in summary(folder)["diagnosis"]
    with np.load(folder / "out" / "solution.npz") as arrays:
        assert np.isfinite(arrays["x"]).all()


def test_ctrl_c_from_outside_stops_a_real_process(folder):
    code = (
        "import contextlib, sciadv.cli, sciadv.cli.solve_command as module\n"
        "@contextlib.contextmanager\n"
        "def telling(problem):\n"
        "    yield lambda progress: print('iteration', flush=True)\n"
        "module._progress = telling\n"
        "options = ['--solver', 'csgm', '--restarts', '200', '--device', 'cpu']\n"
        "sciadv.cli.app(['solve', './mine', '-o', 'out', *options])"
    )
    with python(code, folder.parent) as process:
        assert process.stdout.readline() == "iteration\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted; the best found until then is in out" in err
    assert "Traceback" not in err
    assert json.loads((folder.parent / "out" / "summary.json").read_text())["interrupted"] is True


def test_ctrl_c_before_the_search_writes_nothing(folder, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("sciadv.catalogue.load_problem", interrupted)
    assert "nothing was written" in solve_mine(folder, code=130).err
    assert not (folder / "out").exists()


def test_the_demo_shows_each_use_with_its_figure_on_one_page(folder, monkeypatch):
    monkeypatch.setattr(demo_module, "N_DIGITS", 3)
    monkeypatch.setattr(demo_module, "N_DESIGNS", 4)
    assert [use.split(":")[0] for use in demo_module.USES] == [
        "1 of 4. Reconstruct",
        "2 of 4. Design",
        "3 of 4. Circuits",
        "4 of 4. Correct",
    ]
    quick = dict(list(demo_module.USES.items())[:2])  # the other two run in the examples' tests
    monkeypatch.setattr(demo_module, "USES", quick)
    run("demo")
    assert (Path("sciadv-demo") / "reconstruct" / "solution.npz").is_file()
    page = (Path("sciadv-demo") / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    for name in re.findall(r'<h2[^>]*><a href="([^"]+)"', page):
        assert (Path("sciadv-demo") / name).is_file()
    assert "4 of 4 designs" in page


@pytest.fixture
def bench(monkeypatch):
    """Stand in for the benches, which are tested by themselves."""
    asked = []

    def run_bench(name, *, quick, peers, seed, out, report):
        asked.append((name, quick, peers, seed, out))
        report("measuring [ours]")
        bars = [SimpleNamespace(holds=True), SimpleNamespace(holds=seed == 0)]
        payload = {"rows": [{"row": "ours", "mse": float("nan")}], "bars": [], "seed": seed}
        return SimpleNamespace(
            bars=bars,
            markdown="| row | mse |\n|---|---|\n| ours | 1 |\n",
            payload=lambda: payload,
            is_complete=True,
        )

    module = ModuleType("benchmarks")
    entry = SimpleNamespace(title="A small bench", problem="mine", peers=("deepinv",), thresholds=())
    vars(module).update(BENCHES={"small": entry}, run_bench=run_bench)
    monkeypatch.setitem(sys.modules, "benchmarks", module)
    return asked


def test_bench_prints_table_and_bars_and_writes_json(bench, folder):
    said = run("bench", "small", "--quick", "--peers", "a, b", "--json", "bench.json", "-o", "out")
    assert bench == [("small", True, ["a", "b"], 0, Path("out"))]
    assert "ours" in said.out
    assert "2 bars held, 0 missed" in said.out
    assert "measuring [ours]" in said.err
    assert json.loads(Path("bench.json").read_text())["rows"] == [{"row": "ours", "mse": None}]


def test_bench_check_fails_on_a_missed_bar_only(bench):
    run("bench", "small", "--check")
    run("bench", "small", "--seed", "1")
    assert "1 bars held, 1 missed" in run("bench", "small", "--seed", "1", "--check", code=1).out
    assert [asked[2] for asked in bench] == [None, None, None]


def test_an_interrupted_bench_says_so_and_writes_no_rows(bench, folder, monkeypatch):
    benches = sys.modules["benchmarks"]
    measured = benches.run_bench

    def interrupted(*arguments, **settings):
        return SimpleNamespace(**{**vars(measured(*arguments, **settings)), "is_complete": False})

    monkeypatch.setattr(benches, "run_bench", interrupted)
    assert "interrupted; measured parts are kept" in run("bench", "small", "--json", "b.json", code=130).err
    assert not Path("b.json").exists()


def test_ctrl_c_before_a_command_begins_is_a_sentence(monkeypatch, capsys):
    def interrupted(**arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("sciadv.cli.app", interrupted)
    with pytest.raises(SystemExit) as ended:
        main(["list"])
    assert ended.value.code == 130
    assert "interrupted before the command had begun" in capsys.readouterr().err


def test_bench_without_a_name_lists_them(bench):
    assert run("bench").out.split(maxsplit=1) == ["small", "A small bench\n"]


def test_bench_refuses_what_it_cannot_write_before_it_measures(bench, folder):
    assert "cannot be written" in run("bench", "small", "--json", "no/bench.json", code=2).err
    Path("file").write_text("")
    assert "is a file" in run("bench", "small", "-o", "file", code=2).err
    assert bench == []


def test_list_shows_every_kind(bench):
    said = run("list").out
    for words in (
        "digits-superresolution",
        "levenberg-marquardt",
        "block-sum",
        "small",
        "problems",
        "solvers",
    ):
        assert words in said
    assert "`" not in said


def test_show_finds_each_kind_of_entry(bench, folder):
    assert "y = A x" in run("show", "gaussian").out
    assert "A small bench" in run("show", "small").out
    assert 'kind = "block-sum"' in run("show", "digits-superresolution").out
    (folder / "README.md").write_text("# What it is\n\nA *test*.")
    assert "What it is" in run("show", "./mine").out
    assert "did you mean 'gaussian'" in run("show", "gausian", code=2).err


@pytest.fixture
def training(monkeypatch, folder):
    """Stand in for a training, which takes minutes."""
    asked = []

    def train_recipe(recipe, out, *, resume, device, every, monitor, is_interrupted):
        asked.append((recipe.name, out, resume, device))
        monitor(SimpleNamespace(step=1, n_steps=2, losses={"elbo": 1.0}, seconds=0.1, batch=4, quality={}))
        status = GameStatus.INTERRUPTED if len(asked) > 1 else GameStatus.FINISHED
        return GameReport(status, "it ended", 2, 0.1, {}, ("it turns",))

    module = ModuleType("sciadv.recipes")
    vars(module).update(train_recipe=train_recipe)
    monkeypatch.setitem(sys.modules, "sciadv.recipes", module)
    (folder / "recipe.toml").write_text(RECIPE)
    return asked


def test_train_goes_to_runs_and_says_how_to_go_on(training, folder):
    assert "wrote .runs/mine" in run("train", "./mine", "--device", "cpu").out
    said = run("train", "./mine", "--device", "cpu", "--resume", "-o", "there", code=130)
    assert training == [("mine", Path(".runs/mine"), False, "cpu"), ("mine", Path("there"), True, "cpu")]
    assert "sciadv train ./mine --resume --device cpu -o there" in said.err


def test_train_refuses_a_recipe_with_a_typo(training, folder):
    (folder / "recipe.toml").write_text(RECIPE.replace("n_latent", "n_latents"))
    said = run("train", "./mine", code=2)
    assert "generator.n_latents is not a key of a mlp-decoder generator" in said.err
    assert training == []
