"""The gate of writing: a fault at any system call leaves the old files whole and nothing behind."""

import errno
import io
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from sciadv.errors import InputError, OutputError
from sciadv.files.publishing import lock_folder, publish
from sciadv.files.writing import recorded, refuse_inputs, write_file

CALLS = ["write", "fsync", "replace", "open", "link"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fail(
    monkeypatch: pytest.MonkeyPatch, call: str, at: int, error: BaseException, *, always: bool
) -> list[int]:
    """Let the call number `at` of a system call fail, and all later ones if `always`."""
    real, seen = getattr(os, call), []

    def failing(*args: object, **kwargs: object) -> object:
        seen.append(1)
        if len(seen) == at or (always and len(seen) > at):
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(os, call, failing)
    return seen


def put_two(folder: Path, text: str) -> None:
    publish(folder, lambda new: [write_file(new / name, text) for name in ("a.txt", "b.txt")])


@pytest.mark.parametrize("content", [b"abc", "abc", lambda file: file.write(b"abc")], ids=type)
def test_content_of_any_kind_is_written(tmp_path, content):
    assert write_file(tmp_path / "a", content).read_bytes() == b"abc"
    assert names(tmp_path) == ["a"]


def test_numpy_writes_through_the_gate(tmp_path):
    write_file(tmp_path / "a.npz", lambda file: np.savez_compressed(file, x=np.arange(9)))
    with np.load(tmp_path / "a.npz") as arrays:
        np.testing.assert_array_equal(arrays["x"], np.arange(9))


def test_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "a", "x")
        put_two(tmp_path / "set", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "set" / "a.txt").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("always", [False, True])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES], ids=errno.errorcode.get)
@pytest.mark.parametrize("call", CALLS)
def test_a_fault_at_any_call_keeps_the_old_file(tmp_path, monkeypatch, call, code, always):
    for at in range(1, 20):
        write_file(tmp_path / "a", "old")
        with monkeypatch.context() as patched:
            seen = fail(patched, call, at, OSError(code, os.strerror(code)), always=always)
            with suppress(OutputError):
                write_file(tmp_path / "a", "new")
        assert (tmp_path / "a").read_text() in {"old", "new"}
        assert names(tmp_path) == ["a"]
        if len(seen) < at:
            break


@pytest.mark.parametrize("always", [False, True])
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space"), KeyboardInterrupt()], ids=["full", "ctrl-c"]
)
@pytest.mark.parametrize("call", CALLS)
def test_a_set_is_all_new_or_all_old(tmp_path, monkeypatch, call, error, always):
    if always and isinstance(error, KeyboardInterrupt):
        pytest.skip("Ctrl-C comes once")
    for at in range(1, 40):
        put_two(tmp_path, "old")
        with monkeypatch.context() as patched:
            seen = fail(patched, call, at, error, always=always)
            with suppress(OutputError, KeyboardInterrupt):
                put_two(tmp_path, "new")
        texts = {(tmp_path / name).read_text() for name in ("a.txt", "b.txt")}
        assert len(texts) == 1, (call, at)
        assert names(tmp_path) == ["a.txt", "b.txt"], (call, at)
        if len(seen) < at:
            break


def test_a_set_in_a_new_folder_leaves_nothing_when_it_fails(tmp_path, monkeypatch):
    fail(monkeypatch, "write", 2, OSError(errno.ENOSPC, "No space"), always=True)
    with pytest.raises(OutputError, match="No space"):
        put_two(tmp_path / "new" / "folder", "x")
    assert names(tmp_path) == []


def test_other_files_of_a_folder_stay(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    put_two(tmp_path, "x")
    assert names(tmp_path) == ["a.txt", "b.txt", "mine.txt"]


def test_a_set_that_a_killed_process_published_in_part_is_finished(tmp_path):
    put_two(tmp_path, "old")
    code = (
        "import os, sys; from pathlib import Path; from sciadv.files.publishing import publish\n"
        "from sciadv.files.writing import write_file\n"
        "real, seen = os.replace, []\n"
        "def replace(a, b):\n"
        "    real(a, b); seen.append(1)\n"
        "    if len(seen) == 3: os._exit(9)\n"  # two files are written, the first is in place
        "os.replace = replace\n"
        "publish(Path(sys.argv[1]), lambda new: [write_file(new / n, 'new') for n in ('a.txt', 'b.txt')])\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 9
    assert len(names(tmp_path)) == 3
    with lock_folder(tmp_path):
        assert names(tmp_path) == ["a.txt", "b.txt"]
    assert {(tmp_path / name).read_text() for name in names(tmp_path)} == {"new"}


def test_a_second_run_in_a_folder_is_refused(tmp_path):
    code = (
        "import sys; from pathlib import Path; from sciadv.files.publishing import lock_folder\n"
        "with lock_folder(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    with pytest.raises(InputError, match="another run is writing"), lock_folder(tmp_path):
        pass
    other.kill()
    other.communicate()
    with lock_folder(tmp_path), lock_folder(tmp_path):  # its lock ended with it; ours may be taken again
        put_two(tmp_path, "x")


def test_threads_that_publish_to_one_folder_do_not_mix(tmp_path):
    threads = [threading.Thread(target=put_two, args=(tmp_path, str(i))) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({(tmp_path / name).read_text() for name in names(tmp_path)}) == 1
    assert names(tmp_path) == ["a.txt", "b.txt"]


def test_a_lock_removes_the_folder_that_it_made_and_nobody_used(tmp_path):
    with lock_folder(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert names(tmp_path) == []


def test_links_are_followed_and_loops_refused(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "a")
    write_file(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a").read_text() == "x"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OutputError, match="loop"):
        write_file(tmp_path / "loop", "x")


def test_folders_and_pipes_that_nobody_reads_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe", tmp_path / "no" / "a", tmp_path / ("x" * 300)):
        with pytest.raises(OutputError, match="cannot be written"):
            write_file(place, "x")


def test_a_pipe_that_is_read_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_file(tmp_path / "pipe", "x")
        assert os.read(reader, 9) == b"x"
    finally:
        os.close(reader)
    assert names(tmp_path) == ["pipe"]
    assert (tmp_path / "pipe").is_fifo()


def test_what_is_written_is_recorded(tmp_path):
    with recorded() as written:
        write_file(tmp_path / "a", "x")
        put_two(tmp_path / "set", "x")
    assert written == [tmp_path / "a", tmp_path / "set" / "a.txt", tmp_path / "set" / "b.txt"]


def test_an_output_that_is_an_input_is_refused(tmp_path):
    source = write_file(tmp_path / "in.npy", "x")
    (tmp_path / "link.npy").symlink_to(source)
    (tmp_path / "hard.npy").hardlink_to(source)
    for output in (source, tmp_path / "link.npy", tmp_path / "hard.npy"):
        with pytest.raises(InputError, match="is the input"):
            refuse_inputs([tmp_path / "new", output], [source])
    refuse_inputs([tmp_path / "new"], [source])


def test_ctrl_c_in_a_writer_is_not_hidden_by_a_full_disk(tmp_path, monkeypatch):
    def content(file: io.BufferedWriter) -> None:
        file.write(b"x")
        raise KeyboardInterrupt

    fail(monkeypatch, "write", 1, OSError(errno.ENOSPC, "No space"), always=True)
    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "a", content)
    assert names(tmp_path) == []
