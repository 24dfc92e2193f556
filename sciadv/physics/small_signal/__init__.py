"""Linear (small-signal) circuits: nodal analysis of many circuits of different topologies at once."""
