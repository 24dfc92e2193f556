"""Fully convolutional networks of stationary images: latents are a map, and any size is one of theirs."""
