"""One store of model versions for many model servers: a shared folder or S3, by URL.

It holds the versions, the registry of what is decided about them, and what each server reports:

    models/NAME/VERSION/model.json       the card, which is written last and makes the version one
    models/NAME/VERSION/SHA256-FILE      its files; the hash in the name keeps two uploads apart
    registry.json                        the decisions (`serving.registry`), changed by compare-and-swap
    servers/ID.json                      what a model server serves, written anew every few seconds
    changes/TIME-RANDOM.json             notes of decisions, for the audit of a web app
"""
