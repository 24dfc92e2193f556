"""Distances of transport between samples, computed exactly."""
