"""Contact of rough surfaces, by boundary elements on periodic grids; differentiable."""
