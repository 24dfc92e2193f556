"""What a ``problem.toml`` and a ``recipe.toml`` may say, and the sentences for what they may not.

A file names registered parts by ``kind`` and gives their settings; it never names code. Building the parts is
left to `sciadv.catalogue`.
"""

from sciadv.files.reading import read_text
from sciadv.schema.circuits_tables import CircuitRecipe
from sciadv.schema.correction_tables import CorrectionSpec
from sciadv.schema.design_tables import DesignRecipe
from sciadv.schema.parts import PartTable
from sciadv.schema.problem_tables import (
    Bar,
    BenchTable,
    ChainForward,
    ConstraintTable,
    DigitsMeasurements,
    FileMeasurements,
    ForwardSpec,
    ProblemSpec,
    SimulatedMeasurements,
    SolverTable,
    TargetMeasurements,
)
from sciadv.schema.recipe_tables import (
    RECIPES,
    GanRecipe,
    ImageRecipe,
    PriorRecipe,
    Recipe,
    RecipeKind,
    parse_recipe,
    trains,
)
from sciadv.schema.sentences import parse_spec
from sciadv.schema.tables import RecipeSpec, Table

__all__ = [
    "RECIPES",
    "Bar",
    "BenchTable",
    "ChainForward",
    "CircuitRecipe",
    "ConstraintTable",
    "CorrectionSpec",
    "DesignRecipe",
    "DigitsMeasurements",
    "FileMeasurements",
    "ForwardSpec",
    "GanRecipe",
    "ImageRecipe",
    "PartTable",
    "PriorRecipe",
    "ProblemSpec",
    "Recipe",
    "RecipeKind",
    "RecipeSpec",
    "SimulatedMeasurements",
    "SolverTable",
    "Table",
    "TargetMeasurements",
    "parse_recipe",
    "parse_spec",
    "read_text",
    "trains",
]
