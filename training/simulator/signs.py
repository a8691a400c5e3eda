"""The signs of each label, drawn into a healthy section in place, from barely visible to gross."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from training.simulator.findings import Finding
from training.simulator.hole import macular_hole
from training.simulator.lesions import (
    FLUID_DB,
    atrophy,
    cysts,
    detach,
    drusen,
    foci,
    lift_epithelium,
    membrane,
)
from training.simulator.section import Layer, Section, waves
from training.simulator.shaping import (
    PHOTORECEPTORS,
    add_spot,
    break_line,
    bump,
    middle,
    place,
    settle,
    thicken,
)

Sign = Callable[[Section, np.random.Generator], None]


def normal(section: Section, random: np.random.Generator) -> None:
    """NORMAL: a healthy eye has no signs."""


def few_drusen(section: Section, random: np.random.Generator) -> None:
    """DRUSEN: few to many, small to medium, and nothing else."""
    gross = random.random()
    drusen(
        section,
        random,
        int(random.integers(1, 4 + int(22 * gross))),
        (50, 150 + 330 * gross),
        22 + 75 * gross**1.5,
    )
    settle(section, random)


def late_dry(section: Section, random: np.random.Generator) -> None:
    """AMD: many large drusen and an irregular pigment epithelium, drusenoid detachment, or geographic atrophy."""
    x = section.x
    kind = random.random()
    gross = float(random.uniform(0.2, 1))
    if kind < 0.75 or random.random() < 0.6:
        drusen(section, random, int(random.integers(8, 32)), (80, 350 + 350 * gross), 50 + 90 * gross)
        break_line(
            section,
            random,
            np.clip(section.thickness[Layer.BELOW_EPITHELIUM] / 40, 0, 1),
            (Layer.ELLIPSOID, Layer.INTERDIGITATION),
            8,
        )
    if 0.45 < kind < 0.75:
        lift_epithelium(
            section,
            random,
            float(random.uniform(350, 1100)),
            float(random.uniform(90, 330)),
            place(section, random, 500),
            float(random.uniform(12, 20)),
            0.12,
        )
    if kind > 0.6 or random.random() < 0.2:
        atrophy(section, random)
    settle(section, random)
    if random.random() < 0.6:
        foci(section, random, int(random.integers(1, 7)), section.fovea_um, 900, (25, 60))
    section.thickness[Layer.PIGMENT_EPITHELIUM] *= np.maximum(1 + waves(x, random, 130, 0.3 * gross), 0.2)


def neovascular(section: Section, random: np.random.Generator) -> None:
    """CNV: bright material below the epithelium or the retina, irregular detachment, fluid, broken epithelium."""
    x = section.x
    gross = float(random.uniform(0.1, 1))
    centre = place(section, random, 600)
    half = 250 + 1100 * gross * float(random.uniform(0.5, 1))
    kind = random.random()
    if random.random() < 0.3:
        drusen(section, random, int(random.integers(1, 10)), (60, 250), 40)
    if kind < 0.75:
        serous = random.random() < 0.2
        dome = lift_epithelium(
            section,
            random,
            half,
            60 + (330 if serous else 200) * gross,
            centre,
            float(random.uniform(2, 6) if serous else random.uniform(15, 24)),
            0.05 if serous else 0.25,
            2.0,
        )
        if not serous:
            break_line(section, random, np.clip(dome / 40, 0, 1), (Layer.PIGMENT_EPITHELIUM,), 6)
    if kind > 0.5:
        material = np.float32(40 + 170 * gross) * bump(
            x, centre + float(random.normal(0, 150)), half * float(random.uniform(0.4, 0.9)), 1.6
        )
        material *= np.maximum(1 + waves(x, random, 220, 0.2), 0.1)
        section.thickness[Layer.SUBRETINAL_MATERIAL] += material
        section.level[Layer.SUBRETINAL_MATERIAL] = np.float32(random.uniform(18, 26)) + waves(
            x, random, 150, 1.2
        )
        section.thickness[Layer.OUTER_NUCLEAR] = np.maximum(
            section.thickness[Layer.OUTER_NUCLEAR] - 0.4 * material, 15
        )
        break_line(section, random, np.clip(material / 30, 0, 1), PHOTORECEPTORS, 10)
    if random.random() < 0.6:
        detach(
            section,
            random,
            half * float(random.uniform(0.9, 1.7)),
            25 + 170 * gross * float(random.uniform(0.2, 1)),
            centre + float(random.normal(0, 0.4 * half)),
            1.6,
        )
    break_line(
        section,
        random,
        bump(x, centre, 1.2 * half, 4),
        (Layer.ELLIPSOID, Layer.INTERDIGITATION, Layer.LIMITING_MEMBRANE),
        11,
    )
    settle(section, random)
    if random.random() < 0.55:
        thicken(section, bump(x, centre, 1.4 * half, 2), 0.2 + 0.6 * gross)
        cysts(section, random, int(random.integers(1, 14)), centre, 0.5 * half, (35, 90 + 190 * gross))
    if random.random() < 0.5:
        foci(section, random, int(random.integers(1, 9)), centre, half, (22, 55))


def macular_oedema(section: Section, random: np.random.Generator) -> None:
    """DME: dark cysts in INL, OPL and ONL, thickening, bright foci, sometimes subretinal fluid."""
    x = section.x
    gross = float(random.uniform(0.05, 1))
    centre = place(section, random, 450)
    half = float(random.uniform(500, 900) + 1400 * gross)
    shape = bump(x, centre, half, 1.3)
    thicken(section, shape, 0.15 + 1.3 * gross * float(random.uniform(0.4, 1)))
    section.level[Layer.OUTER_NUCLEAR] += np.float32(random.uniform(0, 3)) * shape
    inner = slice(int(Layer.GANGLION_CELLS), int(Layer.OUTER_NUCLEAR) + 1)
    mean = section.level[inner].mean(0)
    section.level[inner] += (mean - section.level[inner]) * shape * np.float32(random.uniform(0, 0.7))
    if random.random() < 0.3:
        detach(section, random, float(random.uniform(300, 1100)), 20 + 140 * gross, centre, 2.0)
    settle(section, random)
    cysts(
        section,
        random,
        int(random.integers(2, 7 + int(35 * gross))),
        centre,
        0.4 * half,
        (30, 110 + 230 * gross),
    )
    if random.random() < 0.5 * gross + 0.1:
        for _ in range(int(random.integers(1, 4))):
            along = centre + float(random.normal(0, 150))
            size = 70 + 190 * gross * float(random.uniform(0.5, 1))
            add_spot(
                section,
                random,
                (along, middle(section, Layer.OUTER_NUCLEAR) - np.float32(0.3 * size)),
                (size * float(random.uniform(0.5, 0.9)), size * float(random.uniform(0.6, 1.1))),
                FLUID_DB + 1.0,
                finding=Finding.FLUID_WITHIN,
                bumpiness=0.08,
            )
    if random.random() < 0.8:
        foci(
            section,
            random,
            int(random.integers(1, 22)),
            centre,
            0.7 * half,
            (18, 55),
            clusters=random.random() < 0.4,
        )
    if random.random() < 0.3:
        membrane(section, random)


def retinopathy(section: Section, random: np.random.Generator) -> None:
    """DR: foci, exudates, disorganised inner layers, microaneurysms, cotton-wool spots, few small cysts."""
    x = section.x
    x_end = float(x[-1])
    gross = float(random.uniform(0.15, 1))
    centre = place(section, random, 1200)
    spread = min(float(random.uniform(500, 2000)), 0.3 * x_end)
    if random.random() < 0.6:
        thicken(section, bump(x, centre, 1.5 * spread, 2), 0.3 * gross * float(random.uniform(0.2, 1)))
    if random.random() < 0.5:  # disorganisation: the inner layers' levels run into one
        where = bump(x, place(section, random, 1000), float(random.uniform(300, 1300)), 4)
        inner = slice(int(Layer.GANGLION_CELLS), int(Layer.OUTER_PLEXIFORM) + 1)
        mean = section.level[inner].mean(0)
        section.level[inner] += (mean - section.level[inner]) * where * np.float32(random.uniform(0.6, 1))
        for layer in (Layer.GANGLION_CELLS, Layer.INNER_PLEXIFORM, Layer.INNER_NUCLEAR):
            section.thickness[layer] *= np.maximum(1 + where * waves(x, random, 250, 0.25), 0.2)
    foci(section, random, int(random.integers(4, 12 + int(22 * gross))), centre, spread, (22, 50))
    if random.random() < 0.75:
        foci(
            section,
            random,
            int(random.integers(1, 4 + int(12 * gross))),
            centre,
            spread,
            (35, 55 + 65 * gross),
            (26, 32),
            clusters=True,
        )
    for _ in range(int(random.integers(0, 4))):  # microaneurysms: a bright ring around a grey lumen
        along = float(random.uniform(0.1, 0.9)) * x_end
        curve = middle(section, Layer.INNER_NUCLEAR)
        size = float(random.uniform(22, 50))
        add_spot(section, random, (along, curve), (size, size), 25.0, bumpiness=0.04)
        add_spot(section, random, (along, curve), (0.6 * size, 0.6 * size), 15.0, bumpiness=0.04)
    for _ in range(int(random.integers(0, 3)) if random.random() < 0.45 else 0):  # cotton-wool spots
        where = bump(x, float(random.uniform(0.1, 0.9)) * x_end, float(random.uniform(150, 450)), 2)
        section.thickness[Layer.NERVE_FIBRES] += float(random.uniform(25, 90)) * where
        section.level[Layer.NERVE_FIBRES] += np.float32(3) * where
        section.level[Layer.GANGLION_CELLS] += np.float32(4) * where
        section.traits["cotton wool"] = np.maximum(section.traits.get("cotton wool", np.zeros_like(x)), where)
    if random.random() < 0.35:
        away = section.fovea_um + random.choice((-1.0, 1.0)) * random.uniform(600, 1800)
        cysts(
            section,
            random,
            int(random.integers(1, 5)),
            float(away),
            200,
            (25, 75),
            (Layer.INNER_NUCLEAR, Layer.OUTER_PLEXIFORM),
        )
    if random.random() < 0.35:
        membrane(section, random)


def central_serous(section: Section, random: np.random.Generator) -> None:
    """CSR: a smooth dark dome under the retina, thick choroid with wide vessels, no drusen."""
    x = section.x
    gross = float(random.uniform(0.05, 1))
    centre = place(section, random, 450)
    half = float(np.clip(random.uniform(400, 900) + 1500 * gross * random.random(), 350, 0.48 * x[-1]))
    height = min(30 + 380 * gross * float(random.uniform(0.4, 1)), 0.45 * half)
    detach(section, random, half, height, centre, float(random.uniform(1.4, 2.8)))
    if random.random() < 0.35:
        wide = float(random.uniform(130, 550))
        lift_epithelium(
            section,
            random,
            wide,
            float(min(random.uniform(25, 130), 0.32 * wide)),
            float(random.normal(centre, 0.4 * half)),
            float(random.uniform(1.5, 9)),
            0.03,
        )
    settle(section, random)
    fluid = section.thickness[Layer.SUBRETINAL_FLUID]
    if random.random() < 0.6:  # shaggy photoreceptors hang from the detached retina
        lifted = np.clip(fluid / 40, 0, 1)
        hanging = np.maximum(
            lifted * (float(random.uniform(3, 22)) + waves(x, random, 90, float(random.uniform(4, 14)))), 0
        )
        hanging = np.minimum(hanging, 0.6 * fluid)
        section.thickness[Layer.OUTER_SEGMENTS] += hanging
        section.thickness[Layer.SUBRETINAL_FLUID] -= hanging
        section.level[Layer.INTERDIGITATION] -= 4 * lifted
    if random.random() < 0.3:
        foci(section, random, int(random.integers(1, 8)), centre, 0.5 * half, (15, 35))
    if random.random() < 0.3:
        thicken(section, bump(x, centre, half, 2), -0.2, (Layer.OUTER_NUCLEAR,))
    if random.random() < 0.8:
        section.thickness[Layer.CHOROID] += np.float32(random.uniform(40, 260))
        section.vessel_share = min(section.vessel_share + float(random.uniform(0, 0.2)), 0.75)


SIGNS: dict[str, Sign] = {
    "AMD": late_dry,
    "CNV": neovascular,
    "CSR": central_serous,
    "DME": macular_oedema,
    "DR": retinopathy,
    "DRUSEN": few_drusen,
    "MH": macular_hole,
    "NORMAL": normal,
}
"""What draws each label's signs."""
