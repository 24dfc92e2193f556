"""The table of the priors' files, and what a release has beside its wheel.

``python -m tools.prior_files`` writes ``priors/files.toml``: bytes and sha256 of each file, and the release's
address. ``--check`` says whether it is stale, ``--address ADDRESS`` writes the address, ``--gather FOLDER``
copies the files under their names in a release, and ``--wheel FILE`` says how large a wheel is and fails over
8 MB.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PRIORS = ROOT / "priors"
TABLE = PRIORS / "files.toml"
#: Largest wheel [bytes].
_MAX_BYTES = 8_000_000
_TOP = """# The files of each prior: bytes and sha256. A wheel has a few; `sciadv fetch` finds the others at
# the address, which a release fills in; SCIADV_RELEASE names another. Written by `make prior-files`.
"""


def main(arguments: list[str] | None = None) -> int:
    """Write the table, or do what is asked; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="whether the table is stale; write nothing")
    parser.add_argument("--address", default="", help="where the release's files will lie")
    parser.add_argument("--gather", type=Path, help="folder to copy the release's files to")
    parser.add_argument("--wheel", type=Path, help="a wheel whose size is to be checked")
    asked = parser.parse_args(arguments)
    if asked.check:
        return _say_stale()
    if asked.wheel is not None:
        return _say_size(asked.wheel)
    if asked.gather is not None:
        gather(asked.gather)
        return 0
    TABLE.write_text(table_text(asked.address), encoding="utf-8")
    return 0


def released_files() -> list[Path]:
    """Return the files of all priors that a release has, sorted."""
    wanted = ("card.md", "recipe.toml", "samples.png", "*.safetensors")
    files = {path for name in wanted for path in PRIORS.glob(f"*/{name}")}
    return sorted(path for path in files if path.name != "checkpoint.safetensors")


def table_text(address: str = "") -> str:
    """Return the table as it should be."""
    lines = [_TOP + f'address = "{address}"']
    for path in released_files():
        if f"[files.{path.parent.name}]" not in lines:
            lines += ["", f"[files.{path.parent.name}]"]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f'"{path.name}" = {{ bytes = {path.stat().st_size}, sha256 = "{digest}" }}')
    return "\n".join(lines) + "\n"


def gather(folder: Path) -> None:
    """Copy the files to one folder, as ``PRIOR.FILE``."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in released_files():
        shutil.copyfile(path, folder / f"{path.parent.name}.{path.name}")


def _say_stale() -> int:
    is_stale = TABLE.read_text(encoding="utf-8") != table_text()
    if is_stale:
        sys.stderr.write(
            "priors/files.toml does not state the files that are there; run `make prior-files`\n"
        )
    return int(is_stale)


def _say_size(wheel: Path) -> int:
    n_bytes = wheel.stat().st_size
    sys.stdout.write(f"{wheel.name}: {n_bytes / 1e6:.2f} MB, and {_MAX_BYTES / 1e6:.0f} MB at most\n")
    return int(n_bytes > _MAX_BYTES)


if __name__ == "__main__":
    sys.exit(main())
