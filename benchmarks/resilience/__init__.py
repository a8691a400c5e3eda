"""The parts of `bench faults`: faults, clients that upload during them, and checks afterwards."""
