"""A module for each file format, whose `examine` looks at a file and tells how its picture is decoded."""
