"""Updates that take the step of another update and change it."""
