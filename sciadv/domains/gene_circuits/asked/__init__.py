"""A generator of circuits that takes what is asked for, and its training by replay of the best."""
