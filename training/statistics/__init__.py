"""Statistics of the scans that a model was trained on: whether a scan is familiar, which labels can't be ruled out."""
