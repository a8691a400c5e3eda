"""What stands around TorchServe: archives, configuration, the management client, promotion, the local stack."""
