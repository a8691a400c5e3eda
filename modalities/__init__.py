"""The modalities: one folder of data for each, and a small reader of them, without torch and Django."""

from modalities.profile import Profile, ProfileError
from modalities.reading import default, of_model, profile, profiles

__all__ = ["Profile", "ProfileError", "default", "of_model", "profile", "profiles"]
