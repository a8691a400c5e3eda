"""Which of the models in the stores a model server serves: each takes memory, also while nobody asks it."""

from __future__ import annotations

from dataclasses import dataclass

from serving.errors import ServingError
from serving.registry import Registry, default_versions, retired_models
from serving.stores import ModelStores

MODELS_VARIABLE = "RETINOTE_MODELS"
"""The variable for what `up --models` says: names with commas between them."""
STORED_VARIABLE = "RETINOTE_STORED_MODELS"
"""The variable by which the web app learns which models the stores have."""


@dataclass(frozen=True)
class Wanted:
    """The models that a server serves; without anything said, all.

    `only` are the names that somebody gave: these are served, and no others. `known` are names that are expected: of the
    models that come with an installation, only these begin to answer by themselves. What was promoted is served in any
    case, unless `only` leaves it out.
    """

    only: frozenset[str] | None = None
    known: frozenset[str] | None = None

    def serves(self, name: str) -> bool:
        """Whether a model that has a default version is served."""
        return self.only is None or name in self.only

    def may_begin(self, name: str) -> bool:
        """Whether a model that nobody has promoted gets a default version by itself."""
        if self.only is not None:
            return name in self.only
        return self.known is None or name in self.known


ALL = Wanted()


def check_named(wanted: Wanted, stores: ModelStores, registry: Registry) -> None:
    """Raise ServingError for a model that was named and is nowhere."""
    undecided = (wanted.only or frozenset()) - set(registry.names())
    if undecided and (missing := sorted(undecided - set(stores.names()))):
        raise ServingError(
            f"--models: there is no model {', '.join(missing)} in {stores.place}; models there: "
            f"{', '.join(stores.names()) or 'none'}."
        )


def left_out(wanted: Wanted, stores: ModelStores, registry: Registry) -> list[str]:
    """A sentence for each model that could be served and isn't wanted, or is wanted and was retired."""
    sentences = retired_models(registry, wanted.serves)
    for name in default_versions(stores, registry):
        if wanted.only is not None and name not in wanted.only:
            sentences.append(f"{name} is left out, as --models does not name it")
        elif wanted.only is None and not registry.choice(name).default and not wanted.may_begin(name):
            sentences.append(
                f"{name} is left out, as it is of no modality; promote a version of it, or name it by --models"
            )
    return sentences
