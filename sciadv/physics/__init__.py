"""Differentiable models of matter as pure functions of tensors; their operators are in `sciadv.forward`."""
