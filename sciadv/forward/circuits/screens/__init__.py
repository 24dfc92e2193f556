"""Screens of behaviours: margins of circuits by steady states and eigenvalues, one file for each kind."""
