"""Benches of decisions that hide a protected attribute."""
