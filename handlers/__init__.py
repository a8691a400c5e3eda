"""What runs inside a TorchServe worker; the modules that know nothing of TorchServe serve training too."""
