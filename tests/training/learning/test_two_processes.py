"""A candidate that two processes train together, as they do with a GPU each."""

import json
from pathlib import Path

from handlers.network import load_network
from tests.training.learning.test_fine_tuning import finished, start


def test_processes_share_the_training_and_the_main_one_does_the_rest(
    before: Path, data_set: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    output = finished(start(tmp_path, before, data_set, out, "--processes", "2"))
    progress = json.loads((out / "progress.json").read_text())
    assert progress["steps"]["train"]["processes"] == 2
    assert output.count("step simulate: ") == 1 and output.count("step explain: ") == 1
    assert load_network(out / "model")[0].version == "2.2.0"

    # Interrupted after the training: one process does what is left, and the other waits for nothing.
    progress["steps"]["explain"] = {"state": "waiting"}
    (out / "progress.json").write_text(json.dumps(progress))
    output = finished(start(tmp_path, before, data_set, out, "--processes", "2"))
    assert "step train" not in output and output.count("step explain: ") == 1
