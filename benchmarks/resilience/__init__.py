"""What `bench faults` is made of: faults, clients that go on through them, and what is looked at afterwards."""
