"""Fits the last layer of a network anew, by a logistic regression on its features, and leaves all else as it is."""
