"""Priors of images: chosen sizes, held-out solves, statistics, cards; of named sets and of a user's own."""
