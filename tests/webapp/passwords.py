"""Passwords of people who exist for a test."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2(Argon2PasswordHasher):
    """The web app's own kind of hash with the least work: what it guards here is worth no more."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
