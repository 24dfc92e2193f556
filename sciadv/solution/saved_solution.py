"""A solution as a ``.npz`` file: arrays for anyone to read, and a record from which it is made again."""

from __future__ import annotations

from dataclasses import fields as fields_of
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from sciadv.diagnosis import CheckSettings, Diagnosis, DiagnosisSettings, Findings, SimulatedAmounts
from sciadv.errors import InputError
from sciadv.files.arrays import MAX_UNPACKED_BYTES, array_names, read_arrays
from sciadv.files.formats.packed_objects import packed, unpacked
from sciadv.files.page import to_json
from sciadv.files.reading import parsing
from sciadv.files.texts import parse_json
from sciadv.files.writing import write_file
from sciadv.posterior import Posterior
from sciadv.solution.solution_rows import SolutionRows
from sciadv.solution.status import Status
from sciadv.types import Rows

#: What `Solution.save` writes.
ARRAYS_FILE, SUMMARY_FILE = "solution.npz", "summary.json"
#: The arrays of the record, the bytes of a JSON text, and of the time that the search took [s].
RECORD, SECONDS = "record", "seconds"
_ADVICE = "Give the folder or the solution.npz that Solution.save or `sciadv solve` wrote"
#: What a record may name; the solution itself is called so whatever class holds it.
_PARTS = (CheckSettings, Diagnosis, DiagnosisSettings, Findings, Posterior, SimulatedAmounts, Status)


def all_arrays(solution: SolutionRows) -> dict[str, npt.NDArray[Any]]:
    """Return what ``solution.npz`` holds, by name.

    Every tensor of the solution under the name of its field (those of its posterior and diagnosis behind
    ``posterior_`` and ``diagnosis_``); beside them the posterior's mean and standard deviation, a mask
    ``is_...`` of each flag that was raised, the status as a word and as a number; and the record.
    """
    arrays, text = packed(replace(solution, seconds=0.0))  # so that one search twice gives one record
    arrays[SECONDS] = np.array(solution.seconds)
    if solution.posterior is not None:
        arrays["posterior_mean"] = solution.posterior.mean.cpu().numpy()
        arrays["posterior_standard_deviation"] = solution.posterior.standard_deviation.cpu().numpy()
    if solution.diagnosis is not None:
        raised = solution.diagnosis.flags.items()
        arrays |= {f"is_{name}": mask.cpu().numpy() for name, (mask, _) in raised}
    arrays["status"] = np.array([s.name.lower() for s in solution.status])
    arrays["status_code"] = np.array([list(Status).index(s) for s in solution.status], dtype=np.uint8)
    arrays[RECORD] = np.frombuffer(text.encode(), dtype=np.uint8)
    return arrays


def write_solution(solution: SolutionRows, folder: Path) -> None:
    """Write both files to a folder."""
    write_arrays(solution, folder / ARRAYS_FILE)
    write_file(folder / SUMMARY_FILE, to_json(solution.summary()))


def write_arrays(solution: SolutionRows, path: Path) -> Path:
    """Write one ``.npz`` file; what would unpack to more than a reader accepts is not compressed.

    Raises
    ------
    InputError
        The path does not end in ``.npz``.
    """
    if path.suffix != ".npz":
        raise InputError(f"{path} has to end in .npz, the format that is written")
    arrays: dict[str, Any] = all_arrays(solution)
    is_large = sum(array.nbytes for array in arrays.values()) > MAX_UNPACKED_BYTES
    write = np.savez if is_large else np.savez_compressed
    return write_file(path, lambda file: write(file, **arrays))


def read_fields(path: Path) -> dict[str, Any]:
    """Return the fields of a solution that was written.

    Raises
    ------
    InputError
        There is no such file, it is broken or no solution, or an older version of sciadv wrote it.
    """
    file = _file(path)
    names = array_names(file)
    if RECORD not in names:
        older = "an older version of sciadv wrote it: solve again" if "status_code" in names else _ADVICE
        raise InputError(f"{file} does not hold a whole solution; {older}")
    text = read_arrays(file, [RECORD])[RECORD].tobytes()
    structure = parse_json(text, file=f"the record of {file}", advice=_ADVICE)
    arrays = read_arrays(file, [name for name in names if not name.startswith(("is_", "status"))])
    with parsing(file, "a solution", _ADVICE):
        fields: dict[str, Any] = unpacked(arrays, {"table": [*structure["fields"].items()]}, _PARTS)
        fields["seconds"] = float(arrays[SECONDS])
        _check_rows(file, fields)
    return fields


def _file(path: Path) -> Path:
    """Return the ``.npz`` file that a path means.

    Raises
    ------
    InputError
        The folder holds none, or several.
    """
    if not path.is_dir():
        return path
    if (path / ARRAYS_FILE).is_file():
        return path / ARRAYS_FILE
    parts = sorted(path.glob("part-*.npz"))
    if parts:
        raise InputError(
            f"{path} holds the {len(parts)} blocks of a job; load them one by one, such as {parts[0]}, or "
            f"read an array of all by `SolvedMany.read`"
        )
    raise InputError(f"{path} holds no {ARRAYS_FILE}. {_ADVICE}")


def _check_rows(file: Path, fields: dict[str, Any]) -> None:
    """Check that everything has one row for each status."""
    answers = SolutionRows(**fields)
    if any(type(one) is not Status for one in answers.status):
        raise InputError(f"{file} cannot be read as a solution: its status is no list of them. {_ADVICE}")
    n = len(answers)
    for name, part in _tensors(answers):
        if part.ndim == 0 or len(part) != n:
            raise InputError(
                f"{file} cannot be read as a solution: {name} has shape {tuple(part.shape)} for {n} "
                f"measurements. {_ADVICE}"
            )


def _tensors(part: Rows) -> list[tuple[str, Tensor]]:
    """List the tensors of a part and of the parts in it, by name.

    Raises
    ------
    TypeError
        A field that is always a tensor is none.
    """
    found: list[tuple[str, Tensor]] = []
    for field in fields_of(part):
        if field.type == "Tensor" and type(getattr(part, field.name)) is not Tensor:
            raise TypeError(f"{field.name} is no tensor")
    for name, value in part.by_rows().items():
        found += [(name, value)] if isinstance(value, Tensor) else _tensors(value)
    return found
