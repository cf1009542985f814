"""Training and testing classifiers (section 3.1): recipes, batches, the trainer, evaluation."""
