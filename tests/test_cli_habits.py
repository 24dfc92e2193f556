"""Habits of command lines: a version, completion, defaults, plain text in pipes, options that exist."""

import re
from pathlib import Path

import click
import pytest
import typer
from solution_of_everything import full_solution
from typer.testing import CliRunner

import sciadv
from sciadv.cli import app

PACKAGE = Path(sciadv.__file__).parent
RUNNER = CliRunner()


def run(*arguments):
    return RUNNER.invoke(app, list(map(str, arguments)), prog_name="sciadv", env={"COLUMNS": "80"})


def commands() -> dict[str, click.Command]:
    group = typer.main.get_command(app)
    return dict(group.commands)  # type: ignore[attr-defined]  # a group of commands


def options_of(command) -> set[str]:
    return {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}


def test_the_version_is_said():
    assert run("--version").output == f"sciadv {sciadv.__version__}\n"


def test_completion_can_be_installed():
    assert "--install-completion" in options_of(typer.main.get_command(app))


@pytest.mark.parametrize("name", [name for name in commands() if name not in {"list", "show"}])
def test_every_command_that_writes_has_o_with_a_default(name):
    (out,) = [parameter for parameter in commands()[name].params if "-o" in parameter.opts]
    assert not out.required


def advice() -> dict[str, str]:
    """Return every option that a text of the package names, with the file where it stands."""
    found = {}
    for file in PACKAGE.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        for option in re.findall(r"(?<!var\()(?<![\w-])--[a-z][a-z-]*[a-z]", text):
            found[option] = file.name
    return found


def test_every_option_that_a_message_names_exists():
    known = {name for command in commands().values() for name in options_of(command)}
    others = {"--help", "--version", "--editable"}  # of every command, of the program, of pip
    named = advice()
    assert len(named) > 20
    assert {option: file for option, file in named.items() if option not in known | others} == {}


@pytest.mark.parametrize("name", ["digits-superresolution", "digits-32", "levenberg-marquardt"])
def test_show_is_plain_text_in_a_pipe(name):
    said = run("show", name).output
    assert "\x1b" not in said
    assert "\N{HORIZONTAL ELLIPSIS}" not in said
    assert max(map(len, said.splitlines())) <= 80


def test_no_name_of_the_list_is_cut_at_80_columns():
    said = run("list").output
    assert "\N{HORIZONTAL ELLIPSIS}" not in said
    assert max(map(len, said.splitlines())) <= 80


def test_show_says_what_a_folder_of_results_holds(tmp_path):
    full_solution().save(tmp_path / "answer")
    for path in (tmp_path / "answer", tmp_path / "answer" / "solution.npz"):
        said = run("show", path).output
        assert said.startswith("Solution(made up: ")


def test_a_folder_here_is_understood_without_a_slash(tmp_path, monkeypatch):
    from sciadv.catalogue import problem_spec
    from sciadv.errors import UnknownNameError
    from sciadv.files.folders import catalogue_root

    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    text = (catalogue_root("problems") / "digits-superresolution" / "problem.toml").read_text()
    (tmp_path / "mine" / "problem.toml").write_text(text.replace("title = ", "title = 'Mine' # "))
    assert problem_spec("mine").title == "Mine"
    assert "Mine" in run("show", "mine").output
    with pytest.raises(UnknownNameError):
        problem_spec("nowhere")


def test_the_default_folder_is_named_after_the_problem(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from sciadv.cli.edge import default_folder

    names = {"blur": "blur-answer", "./mine": "mine-answer", "mine/problem.toml": "mine-answer"}
    names |= {"a/other.toml": "other-answer", ".": f"{tmp_path.name}-answer"}
    assert {given: str(default_folder(given, "answer")) for given in names} == names


@pytest.mark.parametrize(
    "ends", [("max_slope>=0.04", "max_slope<=0.06"), ("max_slope<0.06", "max_slope > 0.04")]
)
def test_both_ends_of_a_range_may_be_given_apart(tmp_path, ends):
    options = [word for end in ends for word in ("--target", end)]
    result = run(
        "design", "nanotexture-friction", *options, "-n", 2, "-o", tmp_path / "out", "--device", "cpu"
    )
    assert "2 of 2 designs have max_slope from 0.04 to 0.06 and keep" in result.output


def test_a_target_that_is_given_twice_is_refused(tmp_path):
    options = ("--target", "max_slope=0.04", "--target", "max_slope=0.05")
    result = run("design", "nanotexture-friction", *options, "-o", tmp_path / "out")
    assert result.exit_code != 0
    assert "given twice, as 0.04 and as 0.05" in " ".join(result.output.split())
