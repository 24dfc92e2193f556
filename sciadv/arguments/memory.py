"""What a computation would take, compared with the memory that is there, before it starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from sciadv.errors import InputError

#: Files in which Linux says how much memory a group of processes may take, version 2 first.
_GROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def total_bytes(device: torch.device | str = "cpu") -> int:
    """Return the memory of a device in bytes: a GPU's, else the machine's or this process group's limit.

    Examples
    --------
    >>> total_bytes() > 10**8
    True
    """
    device = torch.device(device)
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return min(_machine_bytes(), *(_number_in(file) for file in _GROUP_LIMITS))


def _machine_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # a system that does not say
        return sys.maxsize


def _number_in(file: Path) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):  # there is none, or it says "max"
        return sys.maxsize


def check_memory(n_bytes: float, what: str, advice: str, *, device: torch.device | str = "cpu") -> None:
    """Check that so many bytes can be held at all.

    Parameters
    ----------
    n_bytes
        Estimate of what is held at once.
    what
        What takes it, for the message.
    advice
        What to lower.
    device
        Where it is held.

    Raises
    ------
    InputError
        The device has less memory; the message says what would be taken and what to lower.
    """
    there = total_bytes(device)
    if n_bytes > there:
        raise InputError(
            f"{what} would take about {_readable(n_bytes)} of memory, but {torch.device(device)} has "
            f"{_readable(there)}; {advice}"
        )


def _readable(n_bytes: float) -> str:
    """Return a size with its unit.

    Examples
    --------
    >>> _readable(3.2e9)
    '3.2 GB'
    """
    return f"{n_bytes / 1e9:.2g} GB" if n_bytes < 1e13 else f"{n_bytes / 1e12:.3g} TB"
