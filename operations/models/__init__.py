"""The command `models`: lists the versions of models, and decides which of them a stack serves."""
