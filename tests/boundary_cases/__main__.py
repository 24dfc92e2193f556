"""Run every case without a type checker.

Prints, as JSON, what each gave: "" where it was taken, else the error's class and sentence.
"""

import json
import sys
from collections.abc import Callable

from boundary_cases import REFUSED, TAKEN
from sciadv.errors import SciadvError


def outcome(case: Callable[[], object]) -> str:
    """Return what a case gives: nothing, or its error."""
    try:
        case()
    except SciadvError as error:
        return f"sentence: {error}"
    except Exception as error:  # noqa: BLE001  # whatever escapes is what is looked for
        return f"{type(error).__name__}: {error}"
    return ""


if __name__ == "__main__":
    found = {name: outcome(case) for name, case in TAKEN.items()}
    found |= {name: outcome(case) for name, (case, _) in REFUSED.items()}
    sys.stdout.write(json.dumps(found))
