"""How good a model is: figures, calibration, explanations, and the report that shows them."""
