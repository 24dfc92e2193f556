"""From names and files to objects: problems, recipes, operators, likelihoods, measurements, arrays."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sciadv.arguments.values import as_seed
from sciadv.catalogue.measured import load_data, prior_folder
from sciadv.constraint import Constraint
from sciadv.data.datasets import LICENCES, PREPARATIONS
from sciadv.errors import InputError, SciadvError, UnknownNameError
from sciadv.files.arrays import Array, read_matrix
from sciadv.files.folders import Catalogue, catalogue_root, entry_names, entry_path, find_entry
from sciadv.files.reading import read_text
from sciadv.files.texts import parse_toml
from sciadv.forward import FORWARDS, Forward, PropertyModel, compose, inner_argument
from sciadv.forward.base import output_dtype
from sciadv.forward.design.quantity import box_of
from sciadv.likelihood import LIKELIHOODS, Likelihood
from sciadv.prior import Prior, read_card
from sciadv.problem import Problem, SolverSettings
from sciadv.registry.settings import none_arguments
from sciadv.schema import (
    ChainForward,
    ConstraintTable,
    CorrectionSpec,
    ImageRecipe,
    PartTable,
    ProblemSpec,
    Recipe,
    parse_recipe,
    parse_spec,
)
from sciadv.solvers import solver_names
from sciadv.types import Shape, as_device

PROBLEM_FILE = "problem.toml"
#: In a problem's file: no trained prior but what the forward says of its candidates.
UNTRAINED = "none"
RECIPE_FILE = "recipe.toml"


def load_problem(
    name: str | Path,
    *,
    device: str = "cpu",
    seed: int = 0,
    prior: Prior | None = None,
    allow_factory: bool = False,
) -> Problem:
    """Load a problem from the catalogue by name, or from a folder or a ``.toml`` file of your own.

    Parameters
    ----------
    name
        A name that ``sciadv list`` shows, or a path. Paths in the file are relative to the file.
    device
        "auto", "cpu", "cuda", …
    seed
        Seed of simulated measurements whose file gives none.
    prior
        Taken instead of the one that the file names, such as one whose generator only your code can make.
    allow_factory
        Whether a function of yours that the prior's file names may be called: see `Prior.load`.

    Raises
    ------
    UnknownNameError
        There is no such problem, prior, kind or data set.
    InputError
        The file or something it names is missing or does not fit; the message says what.
    WeightsError
        The prior's weights are broken.
    """
    target = as_device(device)
    seed = as_seed(seed)
    file = spec_file("problems", name)
    spec = problem_spec(name)
    if prior is None and spec.prior != UNTRAINED:
        prior = load_prior(spec.prior, folder=file.parent, allow_factory=allow_factory)
    try:
        in_shape = None if prior is None else prior.out_shape
        forward, likelihood, constraints = build_parts(spec, in_shape, folder=file.parent)
        prior = untrained_prior(forward) if prior is None else prior
        data = load_data(spec, (prior, forward, likelihood), folder=file.parent, seed=seed)
        problem = Problem(
            prior=prior,
            forward=forward,
            likelihood=likelihood,
            measurements=data.measurements,
            latent_weight=float(spec.latent_weight),
            name=_entry_name(file),
            truth=data.truth,
            labels=data.labels,
            constraints=constraints,
            solver=SolverSettings(spec.solver.kind, spec.solver.restarts),
        )
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    return problem if target == torch.device("cpu") else problem.to(target)


def untrained_prior(forward: Forward) -> Prior:
    """Return the prior of what a forward says of its candidates.

    All designs between the bounds of its variables alike, or those of its ``generator()``.

    Raises
    ------
    InputError
        The forward says nothing of its candidates.
    """
    if isinstance(forward, PropertyModel) and forward.variables:
        box = box_of(forward).to(forward.device, forward.dtype)
        return Prior(box, len(forward.variables), name="box")
    make = getattr(forward, "generator", None)
    if make is None:
        raise InputError(f"{forward} says nothing of its candidates; name a prior")
    net = make()
    return Prior(net, net.n_latent, name=net.kind)


def build_parts(
    spec: ProblemSpec, in_shape: Shape | None, *, folder: Path
) -> tuple[Forward, Likelihood, tuple[Constraint, ...]]:
    """Build what evaluates candidates of `in_shape`, the forward's own if None.

    Raises
    ------
    InputError
        A setting does not fit, or a constraint is on a forward that has no properties.
    UnknownNameError
        The forward has no property of a constraint's name.
    """
    forward = build_forward(spec.forward, in_shape, folder=folder)
    constraints = tuple(_build_constraint(limit, forward) for limit in spec.constraints)
    return forward, build_likelihood(spec.likelihood, folder=folder), constraints


def _build_constraint(limit: ConstraintTable, forward: Forward) -> Constraint:
    """Build a constraint on another property of the problem's own forward."""
    if not isinstance(forward, PropertyModel):
        raise InputError(
            f"constraint {limit.name!r} is on the property {limit.property!r}, but {forward} predicts no "
            f"properties by name"
        )
    on = forward.with_properties((limit.property,))
    quantity = next(one for one in forward.PROPERTIES if one.name == limit.property)
    if not quantity.low < limit.at_most < quantity.high:
        raise InputError(
            f"constraint {limit.name!r}: {limit.property} lies in {quantity.low:g} to {quantity.high:g} "
            f"{quantity.unit}, so that at_most = {limit.at_most:g} says nothing or forbids all"
        )
    return Constraint(limit.name, on, float(limit.at_most), quantity.unit, on=limit.property)


def entry_spec(name: str | Path) -> ProblemSpec | CorrectionSpec:
    """Read the file of an entry of the catalogue of problems: one to be solved, or a batch correction."""
    file = spec_file("problems", name)
    text = read_text(file)
    is_correction = parse_toml(text, file=str(file)).get("kind") == "correction"
    if is_correction:
        return parse_spec(text, CorrectionSpec, file=str(file))
    return parse_spec(text, ProblemSpec, file=str(file))


def _solvable(spec: ProblemSpec | CorrectionSpec, name: str | Path) -> ProblemSpec:
    if isinstance(spec, CorrectionSpec):
        raise InputError(
            f"{name} is a batch correction, which has no forward operator to solve for: correct your cells "
            f"by `sciadv correct`, and see the bench by `sciadv bench omics`"
        )
    return spec


def problem_spec(name: str | Path) -> ProblemSpec:
    """Read the file of a problem to be solved without building anything: its title, solver and bars."""
    spec = _solvable(entry_spec(name), name)
    if spec.solver.kind not in solver_names():
        raise UnknownNameError("solver", spec.solver.kind, solver_names())
    return spec


def load_recipe(name: str | Path) -> Recipe:
    """Read a prior's recipe from the catalogue by name, or from a folder or a ``.toml`` file of your own.

    Raises
    ------
    UnknownNameError
        There is no such prior, network, data set or preparation.
    InputError
        The file is missing, or a key or value is not one that it may have.
    """
    file = spec_file("priors", name)
    text = read_text(file)
    spec = parse_recipe(text, file=str(file))
    if isinstance(spec, ImageRecipe):
        if spec.data.name is not None and spec.data.name not in LICENCES:
            raise UnknownNameError("data set", spec.data.name, LICENCES)
        if spec.data.prepare not in PREPARATIONS:
            raise UnknownNameError("preparation", spec.data.prepare, PREPARATIONS)
    return Recipe(_entry_name(file), text, spec, file.parent)


def spec_file(catalogue: Catalogue, name: str | Path) -> Path:
    """Return the TOML file of a catalogue's entry by its name, or of the user's own by its path.

    Raises
    ------
    UnknownNameError
        The catalogue has no such entry.
    InputError
        There is no such file.
    """
    file_name = PROBLEM_FILE if catalogue == "problems" else RECIPE_FILE
    given = entry_path(name)
    if given.suffix == ".toml" and given.is_file():
        return given
    file = find_entry(catalogue, name) / file_name
    if not file.is_file():
        raise InputError(f"{file.parent} has no {file_name}")
    return file


def _entry_name(file: Path) -> str:
    return file.resolve().parent.name if file.name in (PROBLEM_FILE, RECIPE_FILE) else file.stem


def titles(catalogue: Catalogue) -> dict[str, str]:
    """Return the one-line title of each entry of a catalogue; of a broken one, what is wrong with it."""
    title = _problem_title if catalogue == "problems" else _prior_title
    return {name: title(name) for name in entry_names(catalogue)}


def _problem_title(name: str) -> str:
    try:
        spec = entry_spec(name)
        return (problem_spec(name) if isinstance(spec, ProblemSpec) else spec).title
    except SciadvError as error:
        return f"(broken) {error}"


def _prior_title(name: str) -> str:
    folder = catalogue_root("priors") / name
    try:
        has_recipe = (folder / RECIPE_FILE).is_file()
        return load_recipe(name).spec.title if has_recipe else read_card(folder).get("title", "")
    except SciadvError as error:
        return f"(broken) {error}"


def load_prior(name: str, *, folder: Path, allow_factory: bool = False) -> Prior:
    """Load a prior by its catalogue name, or by a path relative to `folder`."""
    return Prior.load(prior_folder(name, folder=folder), allow_factory=allow_factory)


def build_forward(spec: PartTable | ChainForward, in_shape: Shape | None, *, folder: Path) -> Forward:
    """Build the operator of a ``[forward]`` table, for candidates of `in_shape`, or of its own if None.

    Raises
    ------
    InputError
        A setting does not fit, or an array file is missing or broken.
    """
    if isinstance(spec, ChainForward):
        first, *others = spec.parts
        inner = build_forward(first, in_shape, folder=folder)
        for part in others:
            inner = _after(inner, part, folder=folder)
        return inner
    if in_shape is not None:
        return _build_operator(spec, {"in_shape": in_shape}, folder=folder)
    takes = inspect.signature(FORWARDS[spec.kind]).parameters
    if "in_shape" in takes and takes["in_shape"].default is inspect.Parameter.empty:
        raise InputError(f"a {spec.kind} needs a prior that says what its candidates are, not {UNTRAINED!r}")
    return _build_operator(spec, {}, folder=folder)


def _after(inner: Forward, spec: PartTable, *, folder: Path) -> Forward:
    """Build the operator that follows another one in a chain, or acts on it."""
    on = inner_argument(type(spec).part)
    if on is not None:
        return _build_operator(spec, {on: inner}, folder=folder)
    given = {"in_shape": inner.out_shape, "dtype": output_dtype(inner)}
    return compose(_build_operator(spec, given, folder=folder), inner)


def _build_operator(spec: PartTable, given: dict[str, object], *, folder: Path) -> Forward:
    part = FORWARDS[spec.kind]
    takes = inspect.signature(part).parameters
    fitting = {key: value for key, value in given.items() if key in takes}
    return part(**fitting, **_arguments(spec, folder))


def build_likelihood(spec: PartTable, *, folder: Path) -> Likelihood:
    """Build the likelihood that a ``[likelihood]`` table describes.

    Raises
    ------
    InputError
        A setting is out of its range, or an array file is missing or broken.
    """
    settings = _arguments(spec, folder)
    for key, value in settings.items():
        if isinstance(value, np.ndarray):
            settings[key] = torch.as_tensor(value, dtype=torch.float32)
        elif isinstance(value, int) and not isinstance(value, bool):
            settings[key] = float(value)
    return LIKELIHOODS[spec.kind](**settings)


def _arguments(spec: PartTable, folder: Path) -> dict[str, Any]:
    """Return a part's arguments with its arrays read: from the table itself, or from the files it names."""
    settings = dict.fromkeys(none_arguments(type(spec).part)) | spec.settings()
    for key, value in settings.items():
        if not spec.is_array(key):
            continue
        if isinstance(value, list):
            settings[key] = _as_array(value, key)
        elif isinstance(value, str) and value.endswith((".npy", ".npz")):
            settings[key] = read_matrix(folder / Path(value).expanduser(), default=key)
    return settings


def _as_array(value: list[Any], key: str) -> Array:
    try:
        return np.asarray(value)
    except ValueError as error:
        raise InputError(f"{key} is not a rectangular array: its rows differ in length") from error
