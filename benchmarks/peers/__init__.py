"""Other servers that a user could choose, each set up as its own documentation advises."""
