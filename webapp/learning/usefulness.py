"""In which order verdicts teach most: what the model doubts, does not know, or answers otherwise in another version.

Pure sums over what answers say, so that benchmarks order by the very same rule (`./retinote bench learning`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

ENTROPY, SET_SIZE, STRANGENESS, DISAGREEMENT = 1.0, 0.5, 0.25, 1.0
"""Weights of the four parts of a score, each 0 to 1. docs/lifecycle.md says how they were chosen."""
BATCH = 32
"""As many scans as a reader looks at in a sitting should differ from each other."""
ALIKE = 0.5
"""What a scan that is like one already in the batch loses of its score at most."""
SAME_PATIENT = 0.75
"""How much a scan is like another one of its patient at least, 0 to 1."""


@dataclass(frozen=True)
class Answers:
    """What the model said of scans, a row each.

    - `probabilities` (scans, labels), each row with the sum 1.
    - `set_sizes`: labels that can't be ruled out; 0 where that is not known.
    - `familiarity`: 0 to 1, NaN where it is not known.
    - `disagreement`: how far versions disagree, 0 to 1.
    - `patients`: numbers, equal for scans of one patient.
    """

    probabilities: Floats
    set_sizes: Numbers
    familiarity: Floats
    disagreement: Floats
    patients: Numbers

    def __len__(self) -> int:
        return len(self.patients)


def scores(answers: Answers) -> Floats:
    """How much each scan would teach by itself: 0 for one that everything is known of, at most the sum of the weights."""
    labels = answers.probabilities.shape[1]
    most = np.log(max(labels, 2))
    safe = np.clip(answers.probabilities, 1e-12, 1)
    entropy = -(safe * np.log(safe)).sum(axis=1) / most
    sets = np.clip(answers.set_sizes - 1, 0, None) / max(labels - 1, 1)
    strangeness = np.where(np.isnan(answers.familiarity), 0.0, 1 - answers.familiarity)
    return np.asarray(
        ENTROPY * entropy + SET_SIZE * sets + STRANGENESS * strangeness + DISAGREEMENT * answers.disagreement
    )


def in_order(answers: Answers, batch: int = BATCH, most: int | None = None) -> Numbers:
    """The numbers of the scans, most useful first, `most` of them or all: each unlike those before it in its batch.

    Two scans are alike as far as their probabilities overlap (the Bhattacharyya coefficient), those of one patient at
    least by SAME_PATIENT. Costs batch × scans for each batch.
    """
    score = scores(answers)
    roots = np.sqrt(answers.probabilities)
    is_left = np.ones(len(answers), dtype=bool)
    order: list[int] = []
    likeness = np.zeros(len(answers))
    while is_left.any() and (most is None or len(order) < most):
        if len(order) % batch == 0:
            likeness[:] = 0
        chosen = int(np.where(is_left, score * (1 - ALIKE * likeness), -1.0).argmax())
        order.append(chosen)
        is_left[chosen] = False
        same = SAME_PATIENT * (answers.patients == answers.patients[chosen])
        likeness = np.maximum(likeness, np.maximum(np.clip(roots @ roots[chosen], 0, 1), same))
    return np.asarray(order, dtype=np.int64)
