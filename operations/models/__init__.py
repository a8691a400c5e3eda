"""The command `models`: which versions a stack serves, and what its operator decides of them."""
