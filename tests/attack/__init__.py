"""Attacks on the web app and the model server. They import the web app's models, as tests/webapp does."""

import tests.webapp  # noqa: F401 - sets Django up
