"""What a user would pick in place of this project's TorchServe, each set up as its own documentation advises."""
