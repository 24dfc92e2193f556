"""The adversarial-training core: objectives, penalties, update rules, diagnostics; training of priors."""
