"""Data sets, the recipe, training, evaluation and the model card that comes out of it."""
