"""Every case, in one list that each process makes the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from benchmarks.reliability.bad_input.cases import Case
from benchmarks.reliability.bad_input.command_cases import command_cases
from benchmarks.reliability.bad_input.entry_cases import entry_cases
from benchmarks.reliability.bad_input.file_cases import file_cases
from benchmarks.reliability.bad_input.noun_cases import noun_cases
from benchmarks.reliability.bad_input.part_cases import part_cases

#: What makes the cases, by the name of its row.
MODULES = {
    "nouns and solve": noun_cases,
    "files": file_cases,
    "operators and networks": part_cases,
    "other entries": entry_cases,
    "commands": command_cases,
}


def all_cases() -> list[Case]:
    """Return every case; their names differ."""
    seen: Counter[str] = Counter()
    cases = []
    for module, make in MODULES.items():
        for case in make():
            seen[case.name] += 1
            times = seen[case.name]
            name = case.name if times == 1 else f"{case.name} ({times})"
            cases.append(replace(case, name=name, module=module))
    return cases
