"""The administration's pages about learning."""

from webapp.learning import run_admin

__all__ = ["run_admin"]
