"""The gate: what a version of a model has to show beside the one that answers now before it may answer itself."""
