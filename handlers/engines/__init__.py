"""Ways to run a network's forward pass. All give the same answer; which is fastest depends on the machine."""
