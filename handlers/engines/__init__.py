"""Ways to run a network's forward pass. All give the same answer; the fastest depends on the machine."""
