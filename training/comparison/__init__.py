"""Architectures compared under one recipe: how good, how large, how fast, how well explained."""
