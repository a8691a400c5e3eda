"""Data sets, the simulator, recipes, training, evaluation, statistics and findings of a model."""
