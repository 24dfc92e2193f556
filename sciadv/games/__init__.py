"""The adversarial-training core: objectives, penalties, update rules, diagnostics, and the training of priors."""
