"""The local stack: MongoDB, TorchServe, a Celery worker and the web app, started, watched and stopped together."""
