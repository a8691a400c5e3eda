"""What runs inside a TorchServe worker. Training uses the modules that know nothing of TorchServe, too."""
