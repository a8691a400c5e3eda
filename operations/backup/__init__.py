"""Backup and restore of an installation's documents, images and models, in one file with checksums."""
