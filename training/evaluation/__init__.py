"""How good a model is: metrics, calibration, what it would answer, and the report that shows them."""
