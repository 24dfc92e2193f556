"""What a ``problem.toml`` and a ``recipe.toml`` may say, and the sentences for what they may not.

A file names registered parts by ``kind`` and gives their settings; it never names code. Building the parts is
left to `sciadv.catalogue`.
"""

from sciadv.schema.problem import (
    Bar,
    BenchTable,
    ChainForward,
    ConstraintTable,
    DigitsMeasurements,
    FileMeasurements,
    ForwardSpec,
    PluginForward,
    ProblemSpec,
    SimulatedMeasurements,
    SolverTable,
    TargetMeasurements,
)
from sciadv.schema.recipe import Recipe, RecipeSpec
from sciadv.schema.sentences import parse_spec, read_spec, read_text
from sciadv.schema.tables import Table

__all__ = [
    "Bar",
    "BenchTable",
    "ChainForward",
    "ConstraintTable",
    "DigitsMeasurements",
    "FileMeasurements",
    "ForwardSpec",
    "PluginForward",
    "ProblemSpec",
    "Recipe",
    "RecipeSpec",
    "SimulatedMeasurements",
    "SolverTable",
    "Table",
    "TargetMeasurements",
    "parse_spec",
    "read_spec",
    "read_text",
]
