"""Generators of designs between bounds."""
