"""Backup and restore: documents, images and models of an installation, in one file with checksums."""
