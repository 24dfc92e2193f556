"""Whether batch correction keeps the biology: simulations whose truth is known, and cases that have none."""
