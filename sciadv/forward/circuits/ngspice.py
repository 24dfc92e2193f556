"""Responses of netlists by ngspice, which shares no code with ours; many circuits by one process."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from sciadv.errors import InputError, MissingPackageError
from sciadv.files.reading import read_bytes
from sciadv.files.writing import write_file
from sciadv.physics.small_signal.netlist import Netlist
from sciadv.physics.small_signal.spice_writer import to_spice

Complex = npt.NDArray[np.complex128]
Array = npt.NDArray[np.float64]


def is_installed() -> bool:
    """Say whether ngspice is on the path."""
    return shutil.which("ngspice") is not None


def responses(
    netlists: Sequence[Netlist | str],
    outputs: Sequence[str],
    *,
    lowest: float,
    highest: float,
    per_decade: int,
    seconds: float = 600.0,
) -> tuple[Array, Complex]:
    """Return frequencies [Hz] ``(n,)`` and the voltages of one node of each circuit ``(circuits, n)``.

    NaN for a circuit that ngspice does not solve.

    Parameters
    ----------
    netlists
        The circuits, or the text of files without analyses; their sources have small-signal amplitudes.
    outputs
        A node of each.
    lowest, highest, per_decade
        Frequencies, evenly in the logarithm [Hz].
    seconds
        How long it may take.

    Raises
    ------
    MissingPackageError
        ngspice is not installed.
    InputError
        It has solved none of the circuits, or takes too long.
    """
    sweep = f"ac dec {per_decade} {lowest:.17g} {highest:.17g}"
    with TemporaryDirectory() as folder:
        commands = []
        for i, one in enumerate(netlists):
            text = one if isinstance(one, str) else to_spice(one)
            write_file(Path(folder) / f"{i}.cir", text)
            commands += [f"source {i}.cir", sweep, f"write {i}.raw v({outputs[i]})", "destroy all", "remcirc"]
        run(commands, Path(folder), seconds=seconds)
        found = [_read_raw(Path(folder) / f"{i}.raw") for i in range(len(netlists))]
    solved = [one for one in found if one is not None]
    if not solved:
        raise InputError("ngspice has solved none of the circuits; are their netlists complete?")
    frequency = solved[0][0]
    nothing = np.full(len(frequency), np.nan, dtype=np.complex128)
    return frequency, np.stack([nothing if one is None else one[1] for one in found])


def run(
    commands: Sequence[str],
    folder: Path,
    *,
    seconds: float = 600.0,
) -> str:
    """Run commands of ngspice in a folder; return what it says.

    Raises
    ------
    MissingPackageError
        ngspice is not installed.
    InputError
        It takes too long.
    """
    if not is_installed():
        raise MissingPackageError("circuits are verified by the program ngspice; apt-get install ngspice")
    script = ["* commands", ".control", "set filetype=binary", *commands, "quit 0", ".endc", ".end", ""]
    write_file(folder / "commands.sp", "\n".join(script))
    try:
        done = subprocess.run(  # a program that the user has installed
            ["ngspice", "-b", "commands.sp"],  # found on the path
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"ngspice has taken longer than {seconds:g} s") from error
    return done.stdout + done.stderr


def _read_raw(path: Path) -> tuple[Array, Complex] | None:
    """Return frequencies and the one voltage of a binary file of ngspice; None where there is none."""
    if not path.is_file():
        return None
    head, _, body = read_bytes(path, advice="run ngspice again").partition(b"Binary:\n")
    n_points = int(head.partition(b"No. Points:")[2].split()[0])
    columns = np.frombuffer(body, dtype=np.complex128, count=2 * n_points).reshape(n_points, 2)
    return columns[:, 0].real.copy(), columns[:, 1].copy()
