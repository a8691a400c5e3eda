"""The local stack: starts, watches and stops MongoDB, TorchServe, a Celery worker and the web app together."""
