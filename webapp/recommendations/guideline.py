"""The guideline of a model: that of the modality whose profile names it."""

from webapp.core.modalities import guideline_for as guideline

__all__ = ["guideline"]
