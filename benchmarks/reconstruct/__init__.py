"""Benches of reconstruction from images."""
