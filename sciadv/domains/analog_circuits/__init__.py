"""Analog circuits: published amplifiers and netlists as designs and topologies."""
