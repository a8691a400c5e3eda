"""The operation of an installation: the local stack, backup, deployment, containers, the building of the page."""
