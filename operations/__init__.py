"""Everything around a running installation but the model server: the local stack, backup, deployment, page."""
