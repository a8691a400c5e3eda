"""The modalities of an installation: shown, checked, and taught what their pictures look like."""
