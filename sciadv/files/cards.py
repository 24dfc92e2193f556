"""A prior's ``card.md``: lines of facts above a text; some state the hashes of the folder's other files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from sciadv.errors import WeightsError
from sciadv.files.reading import file_sha256, read_text
from sciadv.files.weights import TensorFile, read_tensor_file
from sciadv.files.writing import write_file

CARD, RECIPE, CLASSIFIER = "card.md", "recipe.toml", "classifier.safetensors"
_ADVICE = "it is truncated or was changed; fetch it again"


def read_card(folder: Path) -> dict[str, str]:
    """Read the facts of a folder's ``card.md``; none if there is no card.

    Raises
    ------
    WeightsError
        The card cannot be read.
    """
    path = folder / CARD
    if not path.exists() and not path.is_symlink():
        return {}
    header = re.match(r"---\n(.*?)\n---", _read(path), re.DOTALL)
    if header is None:
        raise WeightsError(
            f"{path} has no header (lines `key: value` between two lines `---`): it is truncated or no card; "
            f"fetch it again, or delete it to load the files unchecked"
        )
    pairs = (line.split(":", 1) for line in header.group(1).splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def read_card_text(folder: Path) -> str:
    """Read what stands below the facts of a folder's card; nothing if there is no card.

    Raises
    ------
    WeightsError
        The card cannot be read.
    """
    path = folder / CARD
    return _read(path).split("\n---\n", maxsplit=1)[-1] if path.exists() else ""


def write_card(folder: Path, facts: Mapping[str, str], text: str) -> Path:
    """Write a card of facts, a line each, and a text in Markdown.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    lines = "\n".join(f"{key}: {value}" for key, value in facts.items())
    return write_file(folder / CARD, f"---\n{lines}\n---\n{text}")


def content_key(path: Path) -> str:
    """Return the name of the fact that states the hash of a file's content."""
    return f"{path.stem}_content_sha256"


def content_hashes(paths: Iterable[Path]) -> dict[str, str]:
    """Return the facts that state the hashes of the contents of safetensors files."""
    return {
        content_key(path): read_tensor_file(path, what="a file of tensors", advice="Write it again").sha256
        for path in sorted(paths)
    }


def require_stated(file: TensorFile, card: Mapping[str, str]) -> None:
    """Check that a file's content has the hash that the card states; cards of before state none.

    Raises
    ------
    WeightsError
        It has another.
    """
    _require_same(file.path, card.get(content_key(file.path)), file.sha256)


def require_bytes_stated(path: Path, card: Mapping[str, str], key: str) -> None:
    """Check that a file's bytes have the hash that the card states under `key`, if any.

    Raises
    ------
    WeightsError
        They have another, or the file cannot be read.
    """
    if card.get(key):
        _require_same(path, card[key], file_sha256(path, advice="fetch it again", failure=WeightsError))


def require_recipe(folder: Path, card: Mapping[str, str]) -> None:
    """Check that the recipe in a prior's folder, if there is one, is the one that its card states.

    Raises
    ------
    WeightsError
        It is another.
    """
    path = folder / RECIPE
    if card.get("recipe_sha256") and path.exists():
        found = hashlib.sha256(_read(path).encode()).hexdigest()
        if found != card["recipe_sha256"]:
            raise WeightsError(
                f"{path} is not the recipe that these weights were trained by (its sha256 differs from the "
                f"card's); put that one back, or train anew"
            )


def _require_same(path: Path, stated: str | None, found: str) -> None:
    if stated and stated != found:
        raise WeightsError(
            f"{path} is not the file its card describes (sha256 expected {stated[:12]}…, got {found[:12]}…): "
            f"{_ADVICE}"
        )


def _read(path: Path) -> str:
    return read_text(path, advice="fetch it again", failure=WeightsError)
