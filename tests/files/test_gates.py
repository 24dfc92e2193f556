"""Every file goes through the gates: no other module reads or writes one by itself."""

import ast
from pathlib import Path

import pytest

import sciadv

ROOT = Path(sciadv.__file__).parent
#: Calls that read or write a file, by the name that is called.
CALLS = {
    "open",
    "read_text",
    "read_bytes",
    "write_text",
    "write_bytes",
    "savefig",
    "imsave",
    "save_file",
    "load_file",
    "safe_open",
    "read_h5ad",
    "write_h5ad",
    "load_npz",
    "save_npz",
    "savez",
    "savez_compressed",
    "loadtxt",
    "savetxt",
    "genfromtxt",
    "fromfile",
    "tofile",
    "memmap",
    "to_csv",
    "read_csv",
    "mkdir",
    "mkstemp",
    "decompress",
}
#: Calls that do so as `module.name` only.
DOTTED = {
    ("np", "load"),
    ("np", "save"),
    ("torch", "load"),
    ("torch", "save"),
    ("json", "load"),
    ("json", "loads"),
    ("json", "dump"),
    ("tomllib", "load"),
    ("tomllib", "loads"),
    ("pickle", "load"),
    ("os", "rename"),
    ("os", "replace"),
    ("shutil", "copy"),
    ("shutil", "move"),
}
#: The gates' own functions, which others call by these names.
GATED = {
    "read_text": "sciadv.files.reading",
    "read_bytes": "sciadv.files.reading",
    "read_csv": "sciadv.files.texts",
    "read_h5ad": "sciadv.files.h5ad",
    "write_h5ad": "sciadv.files.h5ad",
}
#: What may be called elsewhere: the file, the name, and why.
ALLOWED = {
    ("data/datasets.py", "open"): "Pillow decodes JPEGs from memory whose hash is known",
    ("data/media.py", "open"): "Pillow decodes the pages of a TIFF from memory that the gate has read",
    ("recipes/images/exported.py", "open"): "Pillow decodes a PNG from memory that the gate has read",
    ("arguments/memory.py", "read_text"): "a number that Linux gives, not a user's file",
    ("solution/labelled_arrays.py", "to_csv"): "gives a text, which the gate writes",
    ("trainings/log.py", "imsave"): "into the open file that the gate gives",
    ("candidate_set.py", "to_csv"): "a method of that name, which writes by the gate",
    ("files/page.py", "savefig"): "into memory",
}


def called(tree: ast.Module) -> set[tuple[str, str]]:
    """Return what a module calls: pairs of the part before the dot (or nothing) and the name."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found.add(("", node.func.id))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            found.add((owner.id if isinstance(owner, ast.Name) else "?", node.func.attr))
    return found


def gated_names(tree: ast.Module) -> set[str]:
    """Return the names that a module imports from the gates."""
    return {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("sciadv.files")
        for alias in node.names
    }


FILES = [path for path in sorted(ROOT.rglob("*.py")) if path.relative_to(ROOT).parts[0] != "files"]
FILES += sorted((ROOT / "files").glob("page.py"))


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_files_are_read_and_written_by_the_gates_alone(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    gated = gated_names(tree)
    place = path.relative_to(ROOT).as_posix()
    for owner, name in called(tree):
        is_file = (name in CALLS and not (owner == "" and name in gated)) or (owner, name) in DOTTED
        assert not is_file or (place, name) in ALLOWED, f"{place} calls {owner}.{name}: use sciadv.files"


def test_what_is_allowed_is_still_needed():
    for place, name in ALLOWED:
        calls = {name for _, name in called(ast.parse((ROOT / place).read_text(encoding="utf-8")))}
        assert name in calls or name == "to_csv", f"{place} calls {name} no more: take it from the list"
