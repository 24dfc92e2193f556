"""Least squares over a box, from functions that give residuals with their derivatives."""
