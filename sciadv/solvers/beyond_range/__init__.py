"""Solvers that leave the generator's range, and the statistics that they leave it by."""
