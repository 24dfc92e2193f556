"""The solution: what was found, how well it agrees with the data, and why the search stopped, in words."""

from __future__ import annotations

from sciadv.solution.solution import Solution
from sciadv.solution.status import SHORT, Status

__all__ = ["SHORT", "Solution", "Status"]
