"""``sciadv init``: a recipe and a problem, commented, for the images that are found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sciadv.cli.edge import check_output_folder, plain_errors, say
from sciadv.errors import InputError

#: What is taken where a user has no images yet: digits that scikit-learn brings along.
_WITHOUT_DATA = "digits-8"


@plain_errors
def init(
    data: Annotated[
        str | None,
        typer.Argument(help="Your images: a folder, .npy, .npz, .h5, .tif, .nii, or a data set's name."),
    ] = None,
    *,
    axes: Annotated[str | None, typer.Option(help="Axes, such as nhwc.", show_default="found out")] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Leave constant and repeated images out.")] = False,
    minutes: Annotated[
        float, typer.Option(min=0.01, help="CPU minutes on one core that the training may take.")
    ] = 15.0,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for both files.")] = Path("mine"),
) -> None:
    """Write a commented recipe.toml and problem.toml for your images; both run as they are.

    Without images it takes those that lie here, or digits that come with the package.
    """
    from sciadv.data.own_images import Reading
    from sciadv.files.publishing import make_folder
    from sciadv.files.writing import write_file
    from sciadv.recipes.images.default_recipe import problem_text
    from sciadv.recipes.images.own import OwnOptions, own_recipe

    check_output_folder(out)
    files = {name: out / name for name in ("recipe.toml", "problem.toml")}
    there = [str(file) for file in files.values() if file.exists()]
    if there:
        raise InputError(f"{' and '.join(there)} is there already; give another folder by -o, or delete it")
    source = data if data is not None else _found_here()
    options = OwnOptions(Reading(axes), drop=drop, minutes=minutes)
    recipe = own_recipe(source, options, name=out.resolve().name)
    images = recipe.images
    assert images is not None  # it was made of them
    make_folder(out)
    write_file(files["recipe.toml"], recipe.text)
    write_file(files["problem.toml"], problem_text(images, prior="./prior"))
    for key in ("data", "value_range", "split"):
        if key in images.facts:
            say(f"{key.replace('_', ' ')}: {images.facts[key]}")
    say(f"wrote {files['recipe.toml']} and {files['problem.toml']}; next:")
    say(f"  sciadv train {_word(out)} -o {out / 'prior'}")
    say(f"  sciadv solve {_word(out)} -o {out / 'answer'}")


def _found_here() -> str:
    """Return the images in this folder, or in the one folder or file of it that has any; else digits."""
    from sciadv.files.formats.frames import ending

    here = sorted(path for path in Path().iterdir() if not path.name.startswith("."))
    if any(path.is_file() and ending(path) and ending(path) not in (".npy", ".npz", ".h5") for path in here):
        return "."
    candidates = [path for path in here if _has_images(path)]
    if len(candidates) > 1:
        names = ", ".join(str(path) for path in candidates)
        raise InputError(f"several files or folders here have images ({names}); say which one is meant")
    return str(candidates[0]) if candidates else _WITHOUT_DATA


def _has_images(path: Path) -> bool:
    from sciadv.files.formats.frames import ending

    if path.is_file():
        return bool(ending(path))
    return path.is_dir() and any(ending(file) for file in path.iterdir() if file.is_file())


def _word(folder: Path) -> str:
    return str(folder) if "/" in str(folder) else f"./{folder}"
