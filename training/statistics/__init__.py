"""What a model learnt from, in numbers: whether a scan is like it, and which labels can't be ruled out."""
