"""Whether to correct at all, by which method, and whether the design of the experiment allows it."""
