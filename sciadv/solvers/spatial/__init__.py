"""Solvers of images of any size: nothing of them is a matrix of pixels by pixels."""
