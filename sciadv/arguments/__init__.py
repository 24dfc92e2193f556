"""Arguments as callers give them: values, and the memory that they ask for."""
