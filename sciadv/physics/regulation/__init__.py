"""Regulation of genes: kinetics of circuits, their equations, trajectories and steady states."""
