"""The run-time check of shapes reaches every module that states some."""

from pathlib import Path

import sciadv


def test_every_module_that_states_shapes_is_checked_in_the_tests(pytestconfig) -> None:
    *packages, _ = pytestconfig.getoption("--jaxtyping-packages").split(",")
    root = Path(sciadv.__file__).parent
    modules = [
        "sciadv." + ".".join(path.relative_to(root).with_suffix("").parts)
        for path in root.rglob("*.py")
        if "from jaxtyping import" in path.read_text(encoding="utf-8")
    ]
    assert len(modules) > 40
    assert [name for name in modules if not f"{name}.".startswith(tuple(f"{one}." for one in packages))] == []
