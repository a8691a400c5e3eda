"""The labels that the simulator draws, with what people are told of a scan; light to import, for `--help`."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    "AMD": "many large drusen, an uneven pigment epithelium, or atrophy",
    "CNV": "bright material or fluid below the retina, over a lifted and broken pigment epithelium",
    "CSR": "a smooth dome of clear fluid below the retina",
    "DME": "a thickened retina with dark cysts",
    "DR": "bright foci, hard exudates or cotton wool spots, and few cysts",
    "DRUSEN": "few to many small or medium drusen and nothing else",
    "MH": "a hole through the middle of the macula",
    "NORMAL": "even layers around a foveal pit",
}
"""By label, what is said of a simulated scan that is like somebody's. They follow what `signs.py` draws."""

LABELS = tuple(WORDS)

OCT, CHEST_XRAY = "oct", "chest-xray"
LABELS_BY_MODALITY: Mapping[str, tuple[str, ...]] = {OCT: LABELS, CHEST_XRAY: ("NORMAL", "PNEUMONIA")}
"""The labels of each kind of picture that the simulator draws; names are those of the folder `modalities/`."""
