"""A tiny champion that is trained once, and what the gate compares with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from handlers.card import InputSpec
from handlers.network import build_network
from handlers.preprocessing import to_tensor
from tests.training.gate.scans import LABELS, SIDE, write_set
from training.cache import read_pixels
from training.data.manifest import Scan
from training.data.reading import read_all
from training.evaluation.calibration import fit_temperature
from training.export import save_model
from training.prediction import predict
from training.statistics.making import embed_scans, make_statistics
from training.statistics.options import Options

ARCHITECTURE = "test_convnext2"
SPEC = InputSpec(SIDE, (0.4, 0.4, 0.4), (0.2, 0.2, 0.2))
STEPS, BATCH = 60, 24
GUIDELINE = """
labels:
  BRIGHT: {threshold: 0.2, tier: urgent}
  DARK: {threshold: 0.3, tier: routine}
  PLAIN: {threshold: 0.5, tier: none}
"""


class World:
    """A champion, the data it learnt from, test sets, and a guideline."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.guideline = folder / "guideline.yaml"
        self.guideline.write_text(GUIDELINE, encoding="utf-8")
        self.test = write_set(folder / "test", 90, seed=1, strangers=20)
        self.learn = write_set(folder / "learn", 240, seed=2, split="train", strangers=40)
        self.validation = write_set(folder / "validation", 60, seed=3, split="val")
        self.champion = self._train()

    def scans(self, data: Path) -> list[Scan]:
        """The scans of a data set whose label the champion knows."""
        return [scan for scan in read_all([data], least_labels=1) if scan.label in LABELS]

    def _train(self) -> Path:
        scans = self.scans(self.learn)
        images = torch.stack([to_tensor(read_pixels(scan), SPEC) for scan in scans])
        targets = torch.tensor([LABELS.index(scan.label) for scan in scans])
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = build_network(ARCHITECTURE, len(LABELS))
            _open_blocks(network)
            optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.01)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
            for _ in range(STEPS):
                rows = torch.randint(len(scans), (BATCH,))
                loss = functional.cross_entropy(network(images[rows]), targets[rows])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
        every = [*scans, *self.scans(self.validation)]
        outputs = predict(network.eval(), SPEC, LABELS, self.scans(self.validation))
        folder = self.folder / "store" / "spots" / "1.0.0"
        card = save_model(
            folder,
            network,
            name="spots",
            version="1.0.0",
            architecture=ARCHITECTURE,
            labels=LABELS,
            spec=SPEC,
            temperature=fit_temperature(outputs),
            scans=every,
            metrics={},
            limits=("Drawn spots alone.",),
            made_with={},
        )
        # With strangers of the training, which teach what has none of the labels.
        shown = [*read_all([self.learn]), *self.scans(self.validation)]
        make_statistics(folder, card, embed_scans(card, network, shown, cache=self.cache), Options())
        return folder


def _open_blocks(network: nn.Module) -> None:
    """Let blocks count from the first step on: layer scales that begin at a millionth need longer trainings."""
    with torch.no_grad():
        for name, values in network.named_parameters():
            if name.endswith("gamma"):
                values.fill_(0.3)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The champion and its data, made once."""
    return World(tmp_path_factory.mktemp("gate"))
