"""Operators of wave propagation."""
