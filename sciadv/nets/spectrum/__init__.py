"""The spectra of layers, computed exactly."""
