"""Operators of imaging: blur, masks, Fourier sampling, random projections."""
