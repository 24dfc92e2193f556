"""Values that Python entries refuse or take, one kind a file; ``python -m boundary_cases`` runs them all."""

from boundary_cases import corrections, operators, paths, priors, problems, solves, trainings
from boundary_cases.small_objects import Refused, Taken

_KINDS = (problems, priors, operators, solves, trainings, corrections, paths)

#: What is taken.
TAKEN: Taken = {name: case for kind in _KINDS for name, case in getattr(kind, "TAKEN", {}).items()}
#: What is refused, and words of the sentence.
REFUSED: Refused = {name: case for kind in _KINDS for name, case in kind.REFUSED.items()}
