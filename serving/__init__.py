"""All around TorchServe: archives, configuration, keys, the registry of versions, the management client."""
