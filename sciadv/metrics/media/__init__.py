"""Measures of stationary media."""
