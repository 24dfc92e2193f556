"""Priors that a wheel does not have are found in folders, fetched by hash, or said to be missing."""

import hashlib
import threading
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler

import pytest
from typer.testing import CliRunner

from sciadv.cli import app
from sciadv.errors import InputError, UnknownNameError, WeightsError
from sciadv.files import folders
from sciadv.files.release import released_priors
from sciadv.files.release.released_priors import PriorFile, absence, fetch_prior, prior_files, whole_prior
from tools.prior_files import TABLE, gather, released_files, table_text

CONTENT = {
    "card.md": b"---\ntitle: tiny\n---\n",
    "weights.safetensors": b"the weights" * 1000,
    "classifier.safetensors": b"the classifier",
    "samples.png": b"a picture",
}
IN_WHEEL = ("card.md",)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Install a catalogue that has the card of one prior alone; return the folder of all."""
    root = tmp_path / "installed"
    (root / "priors" / "tiny").mkdir(parents=True)
    lines = ['address = ""', "[files.tiny]"]
    for name, content in CONTENT.items():
        digest = hashlib.sha256(content).hexdigest()
        lines.append(f'"{name}" = {{ bytes = {len(content)}, sha256 = "{digest}" }}')
    (root / "priors" / "files.toml").write_text("\n".join(lines))
    for name in IN_WHEEL:
        (root / "priors" / "tiny" / name).write_bytes(CONTENT[name])
    for module in (folders, released_priors):
        monkeypatch.setattr(module, "catalogue_root", lambda catalogue: root / catalogue)
    monkeypatch.setenv("SCIADV_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SCIADV_DATA", raising=False)
    monkeypatch.delenv("SCIADV_RELEASE", raising=False)
    return tmp_path


def fill(folder, content=CONTENT):
    folder.mkdir(parents=True)
    for name, part in content.items():
        (folder / name).write_bytes(part)
    return folder


def release(folder, **changed):
    folder.mkdir()
    for name, part in CONTENT.items():
        (folder / f"tiny.{name}").write_bytes(changed.get(name.split(".")[0], part))
    return folder


def test_the_table_states_the_files_that_are_there():
    assert TABLE.read_text() == table_text()
    assert all(prior_files(path.parent.name) for path in released_files())


def test_a_release_has_every_file_of_the_table_under_its_name(tmp_path, monkeypatch):
    files = [path for path in released_files() if path.parent.name == "nanotexture"]
    monkeypatch.setattr("tools.prior_files.released_files", lambda: files)
    gather(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {file.asset for file in prior_files("nanotexture")}


def test_a_prior_that_is_missing_is_named_with_its_size_and_the_command(tiny):
    with pytest.raises(
        WeightsError, match=r"'tiny' is not part .* its 0\.0 MB by `sciadv fetch tiny`, or set SCIADV_DATA"
    ):
        whole_prior("tiny")
    assert "sciadv fetch tiny" in absence(released_priors.catalogue_root("priors") / "tiny")


def test_a_folder_that_sciadv_data_names_has_the_prior(tiny, monkeypatch):
    folder = fill(tiny / "data" / "priors" / "tiny")
    monkeypatch.setenv("SCIADV_DATA", str(tiny / "data"))
    assert whole_prior("tiny") == folder
    (folder / "classifier.safetensors").unlink()
    assert whole_prior("tiny") == folder
    with pytest.raises(WeightsError):
        whole_prior("tiny", also=("classifier.safetensors",))


@pytest.mark.parametrize("name", ["card.md", "weights.safetensors"])
def test_a_folder_with_another_version_of_the_prior_is_left_aside(tiny, monkeypatch, name):
    other = {**CONTENT, name: b"x" * (len(CONTENT[name]) - (name != "card.md"))}
    fill(tiny / "data" / "priors" / "tiny", other)
    monkeypatch.setenv("SCIADV_DATA", str(tiny / "data"))
    with pytest.raises(WeightsError):
        whole_prior("tiny")


def test_a_fetched_prior_is_whole_and_found_without_any_setting(tiny, monkeypatch):
    monkeypatch.setenv("SCIADV_RELEASE", str(release(tiny / "release")))
    folder = fetch_prior("tiny")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT
    monkeypatch.delenv("SCIADV_RELEASE")
    assert whole_prior("tiny") == folder == fetch_prior("tiny") == tiny / "cache" / "priors" / "tiny"
    assert fetch_prior("tiny", out=tiny / "other") == tiny / "other" / "priors" / "tiny"


def test_an_address_is_asked_for_what_is_missing(tiny, monkeypatch):
    handler = partial(Quiet, directory=str(release(tiny / "release")))
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("SCIADV_RELEASE", f"http://127.0.0.1:{server.server_port}/")
        folder = fetch_prior("tiny")
        (tiny / "release" / "tiny.weights.safetensors").write_bytes(b"other")
        (folder / "weights.safetensors").unlink()
        with pytest.raises(InputError, match=r"weights\.safetensors is neither .* fetching http.* failed"):
            fetch_prior("tiny")
        server.shutdown()
    assert not (folder / "weights.safetensors").exists()


def test_a_file_of_the_release_that_differs_is_refused(tiny, monkeypatch):
    monkeypatch.setenv("SCIADV_RELEASE", str(release(tiny / "release", weights=b"others")))
    with pytest.raises(InputError, match="sha256 differs"):
        fetch_prior("tiny")


def test_a_build_without_an_address_says_what_to_set(tiny):
    with pytest.raises(InputError, match=r"SCIADV_RELEASE .* or SCIADV_DATA"):
        fetch_prior("tiny")
    with pytest.raises(UnknownNameError, match="tiny"):
        fetch_prior("tinny")


def test_a_file_has_the_name_of_its_prior_in_a_release():
    file = PriorFile("mnist", "card.md", 1, "")
    assert (file.path, file.asset) == ("priors/mnist/card.md", "mnist.card.md")


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["mnist"], "mnist: ", 0),
        (["compressed-sensing"], "mnist: ", 0),
        (["nanotexture", "nanotexture-friction"], "nanotexture: ", 0),
        (["optical-coating"], "needs no prior", 2),
        (["mnits"], "did you mean 'mnist'", 2),
        ([], "--all", 2),
    ],
)
def test_the_command_takes_priors_and_problems(arguments, words, code):
    found = CliRunner().invoke(app, ["fetch", *arguments])
    assert found.exit_code == code, found.output
    assert (found.output).count(words) == 1
