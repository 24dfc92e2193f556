"""What a network takes, as a tree: tensors in tuples, lists and dicts, with anything else left as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor


def tensors_in(tree: Any) -> list[Tensor]:
    """Return the tensors of a tree, in order; arrays of NumPy are tensors.

    Examples
    --------
    >>> len(tensors_in({"z": torch.zeros(2, 3), "noise": [torch.zeros(2), None]}))
    2
    """
    if isinstance(tree, np.ndarray):
        return [torch.as_tensor(tree)]
    if isinstance(tree, Tensor):
        return [tree]
    if isinstance(tree, dict):
        return [tensor for value in tree.values() for tensor in tensors_in(value)]
    if isinstance(tree, list | tuple):
        return [tensor for value in tree for tensor in tensors_in(value)]
    return []


def with_tensors(tree: Any, tensors: Iterator[Any]) -> Any:
    """Return a tree with its tensors replaced by others, in the order of `tensors_in`.

    Examples
    --------
    >>> with_tensors((torch.zeros(1), [True, torch.zeros(1)]), iter("ab"))
    ('a', [True, 'b'])
    """
    if isinstance(tree, np.ndarray | Tensor):
        return next(tensors)
    if isinstance(tree, dict):
        return {key: with_tensors(value, tensors) for key, value in tree.items()}
    if isinstance(tree, list):
        return [with_tensors(value, tensors) for value in tree]
    if isinstance(tree, tuple):
        values = [with_tensors(value, tensors) for value in tree]
        return type(tree)(*values) if hasattr(tree, "_fields") else tuple(values)
    return tree


def call(function: Any, tree: Any) -> Any:
    """Call a function with a tree of inputs.

    A tuple is its arguments, in which a dict at the end is its keywords; a dict alone is its keywords; all
    else is its one argument.

    Examples
    --------
    >>> call(max, (2, 3)), call(dict, {"a": 1}), call(sum, [1, 2]), call(sorted, ([1, 2], {"reverse": True}))
    (3, {'a': 1}, 3, [2, 1])
    """
    if getattr(function, "takes_tree", False):
        return function(tree)
    if isinstance(tree, dict):
        return function(**tree)
    if isinstance(tree, tuple):
        keywords = tree[-1] if tree and isinstance(tree[-1], dict) else {}
        return function(*(tree[:-1] if tree and isinstance(tree[-1], dict) else tree), **keywords)
    return function(tree)
