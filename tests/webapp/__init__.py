"""Tests of the web app. They import its models, so that Django is set up first, and only where they run."""

import os

import django

from tests import emptying, quickening

os.environ["DJANGO_SETTINGS_MODULE"] = "webapp.settings"
django.setup()
emptying.quicken()
quickening.quicken()
