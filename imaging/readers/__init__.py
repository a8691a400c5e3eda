"""A module for each file format. Its `examine` reads a file's structure and says how its picture is decoded."""
