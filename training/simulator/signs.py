"""The signs of each label, drawn into a healthy section; severity from barely visible to gross."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from training.simulator.section import Floats, Layer, Section, Spot, blob, waves

Sign = Callable[[Section, np.random.Generator], None]

INNER = (
    Layer.GANGLION_CELLS,
    Layer.INNER_PLEXIFORM,
    Layer.INNER_NUCLEAR,
    Layer.OUTER_PLEXIFORM,
    Layer.OUTER_NUCLEAR,
)
PHOTORECEPTORS = (
    Layer.LIMITING_MEMBRANE,
    Layer.MYOID,
    Layer.ELLIPSOID,
    Layer.OUTER_SEGMENTS,
    Layer.INTERDIGITATION,
)
FLUID_DB = 1.5


def bump(x: Floats, centre: float, half_width: float, power: float = 2.0) -> Floats:
    """A dome of height 1 that reaches 0 at `half_width`; `power` 1 is pointed, 4 boxy."""
    inside = np.clip(1 - np.abs((x - np.float32(centre)) / np.float32(half_width)) ** np.float32(power), 0, 1)
    return np.asarray(inside * inside * (3 - 2 * inside) if power < 1.5 else inside, np.float32)


def place(section: Section, random: np.random.Generator, spread_um: float = 900) -> float:
    """A spot along the scan, rather near the fovea and inside the picture."""
    span = section.grid.width * section.grid.wide_um
    spread = min(spread_um, 0.3 * span)
    return float(np.clip(random.normal(section.fovea_um, spread), 0.08 * span, 0.92 * span))


def thicken(section: Section, shape: Floats, share: float, layers: tuple[Layer, ...] = INNER) -> None:
    """Swell layers by `share` where `shape` (width) is 1."""
    for layer in layers:
        section.thickness[layer] *= 1 + np.float32(share) * shape


def middle(section: Section, layer: Layer) -> Floats:
    """The depth of the middle of a layer (width)."""
    return section.top(layer) + section.thickness[layer] / 2


def add_spot(
    section: Section,
    random: np.random.Generator,
    centre: tuple[float, Floats],
    radii: tuple[float, float],
    level: float,
    *,
    lesion: bool = True,
    bumpiness: float = 0.12,
    strength: float = 1.0,
) -> None:
    """Paint a blob centred `centre` (along the scan; curve of depths it follows)."""
    grid = section.grid
    column = int(np.clip(centre[0] / grid.wide_um, 0, grid.width - 1))
    found = blob(
        grid, (centre[0], float(centre[1][column])), radii, random, bumpiness=bumpiness, lean=centre[1]
    )
    if found is not None:
        row, left, cover = found
        section.spots.append(Spot(row, left, cover * np.float32(strength), level, lesion))


def drusen(
    section: Section, random: np.random.Generator, count: int, width: tuple[float, float], height: float
) -> None:
    """Domes between the pigment epithelium and Bruch's membrane."""
    x = section.x
    total = np.zeros_like(x)
    centre, spread = place(section, random, 500), float(random.uniform(500, 2200))
    for _ in range(count):
        half = float(random.uniform(*width)) / 2
        tall = min(height * float(random.uniform(0.5, 1.4)), 0.75 * half)
        total = np.maximum(
            total, tall * bump(x, float(random.normal(centre, spread)), half, float(random.uniform(1.2, 2.6)))
        )
    inside = (x > 0.06 * x[-1]) & (x < 0.94 * x[-1])
    if not (total * inside > 12).any():
        tall = max(height, 25.0)
        total = np.maximum(total, tall * bump(x, place(section, random, 700), max(tall, 0.5 * width[1]), 1.8))
    section.thickness[Layer.BELOW_EPITHELIUM] += total
    section.level[Layer.BELOW_EPITHELIUM] = np.float32(random.uniform(16, 25.5)) + waves(x, random, 150, 1.0)
    # What a druse lifts is pressed together: the outer nuclear layer gives way first.
    pressed = np.clip(total / 45, 0, 1) * np.float32(random.uniform(0.3, 0.9))
    for layer in (Layer.MYOID, Layer.OUTER_SEGMENTS, Layer.INTERDIGITATION):
        section.thickness[Layer.OUTER_NUCLEAR] += section.thickness[layer] * pressed
        section.thickness[layer] *= 1 - pressed
    damage = np.clip(total / 90, 0, 1) * np.float32(random.uniform(0, 1))
    for layer in (Layer.ELLIPSOID, Layer.INTERDIGITATION):
        section.level[layer] -= 7 * damage


def detach(
    section: Section,
    random: np.random.Generator,
    half_width: float,
    height: float,
    centre: float,
    power: float = 2.0,
) -> None:
    """Subretinal fluid: a smooth dark dome that lifts the retina off the pigment epithelium."""
    x = section.x
    dome = np.float32(height) * bump(x, centre, half_width, power)
    dome *= 1 + waves(x, random, 1200, 0.06)
    section.thickness[Layer.SUBRETINAL_FLUID] = np.maximum(
        section.thickness[Layer.SUBRETINAL_FLUID], np.maximum(dome, 0)
    )
    section.level[Layer.SUBRETINAL_FLUID] = np.float32(FLUID_DB + random.exponential(1.2))


def lift_epithelium(
    section: Section,
    random: np.random.Generator,
    half_width: float,
    height: float,
    centre: float,
    level: float,
    rough: float,
    power: float = 2.0,
) -> Floats:
    """A pigment epithelial detachment; returns its height (width)."""
    x = section.x
    dome = np.float32(height) * bump(x, centre, half_width, power)
    for _ in range(int(random.integers(0, 3)) if rough > 0.1 else 0):  # lobes beside the highest one
        share = float(random.uniform(0.2, 0.9))
        beside = centre + float(random.normal(0, half_width))
        dome = np.maximum(
            dome, share * height * bump(x, beside, float(random.uniform(0.3, 0.8)) * half_width, power)
        )
    dome *= np.maximum(1 + waves(x, random, 0.5 * half_width, rough), 0.1)
    section.thickness[Layer.BELOW_EPITHELIUM] = np.maximum(section.thickness[Layer.BELOW_EPITHELIUM], dome)
    lifted = dome > 5
    section.level[Layer.BELOW_EPITHELIUM][lifted] = (level + waves(x, random, 300, 1.5))[lifted]
    return np.asarray(dome, np.float32)


def settle(section: Section, random: np.random.Generator) -> None:
    """Let the inner retina smooth out what lifts it: layers above a steep lesion are pressed, beside it stretched."""
    solid = section.thickness[Layer.SUBRETINAL_MATERIAL] + section.thickness[Layer.BELOW_EPITHELIUM]
    fluid = section.thickness[Layer.SUBRETINAL_FLUID]
    # Fluid fills the valleys beside what lies under it.
    section.thickness[Layer.SUBRETINAL_FLUID] = np.maximum(fluid - 0.8 * solid, 0.12 * fluid)
    lift = section.thickness[[Layer.SUBRETINAL_FLUID, Layer.SUBRETINAL_MATERIAL, Layer.BELOW_EPITHELIUM]].sum(
        0
    )
    if not lift.any():
        return
    stiff = float(random.uniform(200, 480)) / section.grid.wide_um
    smooth = cv2.GaussianBlur(lift[None], (0, 0), sigmaX=stiff, sigmaY=1, borderType=cv2.BORDER_REPLICATE)[0]
    change = (smooth - lift) * np.float32(random.uniform(0.85, 1.05))
    for layer, share in YIELDING.items():
        now = section.thickness[layer]
        section.thickness[layer] = np.clip(now + np.float32(share) * change, 0.18 * now, 1.6 * now + 4)


YIELDING = {
    Layer.OUTER_NUCLEAR: 0.6,
    Layer.OUTER_PLEXIFORM: 0.08,
    Layer.INNER_NUCLEAR: 0.14,
    Layer.INNER_PLEXIFORM: 0.09,
    Layer.GANGLION_CELLS: 0.09,
}


def break_line(
    section: Section, random: np.random.Generator, where: Floats, layers: tuple[Layer, ...], loss_db: float
) -> None:
    """Make layers patchy where `where` (width, 0..1)."""
    x = section.x
    patches = np.clip(waves(x, random, float(random.uniform(80, 300)), 1.0) + 0.4, 0, 1) * where
    for layer in layers:
        section.level[layer] -= np.float32(loss_db) * patches


def cysts(
    section: Section,
    random: np.random.Generator,
    count: int,
    centre: float,
    spread: float,
    size: tuple[float, float],
    layers: tuple[Layer, ...] = (Layer.INNER_NUCLEAR, Layer.OUTER_PLEXIFORM, Layer.OUTER_NUCLEAR),
) -> None:
    """Dark cysts in the given layers, taller than wide in the outer ones."""
    x_end = section.grid.width * section.grid.wide_um
    for _ in range(count):
        layer = layers[int(random.integers(len(layers)))]
        along = float(np.clip(random.normal(centre, spread), 0.03 * x_end, 0.97 * x_end))
        curve = middle(section, layer)
        column = int(np.clip(along / section.grid.wide_um, 0, section.grid.width - 1))
        room = float(section.thickness[layer][column])
        half = float(np.exp(random.uniform(np.log(size[0]), np.log(size[1])))) / 2
        tall = min(half * float(random.uniform(0.7, 1.6)), max(0.75 * room, 10.0))
        shift = np.float32(random.normal(0, 0.15 * room))
        level = FLUID_DB + float(random.exponential(2.2))
        # A rim of tissue keeps neighbouring cysts apart: where they meet, a septum is left.
        rim = float(random.uniform(6, 16))
        add_spot(
            section,
            random,
            (along, curve + shift),
            (half + rim, tall + rim),
            float(random.uniform(14.5, 18.5)),
            bumpiness=0.08,
            strength=0.85,
        )
        add_spot(section, random, (along, curve + shift), (half, tall), level, bumpiness=0.15)


def foci(
    section: Section,
    random: np.random.Generator,
    count: int,
    centre: float,
    spread: float,
    size: tuple[float, float],
    level: tuple[float, float] = (25.0, 31.0),
    lesion: bool = True,
    clusters: bool = False,
) -> None:
    """Bright spots; those large and bright enough shadow what lies below by the light they take."""
    layers = (
        Layer.INNER_NUCLEAR,
        Layer.OUTER_PLEXIFORM,
        Layer.OUTER_NUCLEAR,
        Layer.OUTER_PLEXIFORM,
        Layer.INNER_PLEXIFORM,
    )
    x_end = section.grid.width * section.grid.wide_um
    along, layer = centre, layers[0]
    for number in range(count):
        if not clusters or number % 4 == 0 or random.random() < 0.15:
            along = float(np.clip(random.normal(centre, spread), 0.03 * x_end, 0.97 * x_end))
            layer = layers[int(random.integers(len(layers)))]
        here = along + (float(random.normal(0, 70)) if clusters else 0.0)
        curve = section.top(layer) + section.thickness[layer] * np.float32(random.uniform(0, 1))
        half = float(np.exp(random.uniform(np.log(size[0]), np.log(size[1])))) / 2
        add_spot(
            section,
            random,
            (here, curve),
            (half * float(random.uniform(0.8, 1.6)), half * 0.8),
            float(random.uniform(*level)),
            lesion=lesion,
            bumpiness=0.22,
        )


def normal(section: Section, random: np.random.Generator) -> None:
    """Nothing is added."""


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


def atrophy(section: Section, random: np.random.Generator) -> None:
    """Outer retina and pigment epithelium gone over a stretch; light reaches the choroid there."""
    x = section.x
    where = np.zeros_like(x)
    for _ in range(int(random.integers(1, 4))):
        half, centre = float(random.uniform(200, 1500)), place(section, random, 900)
        edge = np.float32(random.uniform(20, 90))
        where = np.maximum(where, np.clip((half - np.abs(x - np.float32(centre))) / edge, 0, 1))
    keep = 1 - where
    wide = float(random.uniform(90, 260)) / section.grid.wide_um
    sunk = cv2.GaussianBlur(where[None], (0, 0), sigmaX=wide, sigmaY=1, borderType=cv2.BORDER_REPLICATE)[0]
    gone = float(random.uniform(0.75, 1.0))
    for layer in PHOTORECEPTORS:
        lost = section.thickness[layer] * (1 - keep) * np.float32(gone)
        section.thickness[layer] -= lost
        section.thickness[Layer.OUTER_NUCLEAR] += lost
    ratio = np.float32(random.uniform(0.3, 0.75))
    section.thickness[Layer.OUTER_NUCLEAR] *= 1 - ratio * sunk
    section.thickness[Layer.PIGMENT_EPITHELIUM] *= 1 - np.float32(random.uniform(0.75, 1.0)) * where
    section.thickness[Layer.BELOW_EPITHELIUM] *= 1 - np.float32(random.uniform(0.6, 1.0)) * where
    section.level[Layer.CHORIOCAPILLARIS :] += np.float32(random.uniform(2.0, 5.0)) * where
    section.hidden["atrophy"] = where


def neovascular(section: Section, random: np.random.Generator) -> None:
    """CNV: sub-RPE or subretinal bright material, irregular detachment, fluid, broken pigment epithelium."""
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


def membrane(section: Section, random: np.random.Generator) -> None:
    """A thin epiretinal membrane that wrinkles the surface."""
    x = section.x
    half, centre = float(random.uniform(500, 2200)), place(section, random, 900)
    where = bump(x, centre, half, 4)
    section.thickness[Layer.MEMBRANE] += float(random.uniform(8, 18)) * where
    wrinkle = waves(x, random, float(random.uniform(120, 350)), float(random.uniform(2, 8)))
    section.thickness[Layer.NERVE_FIBRES] = np.maximum(
        section.thickness[Layer.NERVE_FIBRES] + wrinkle * where, 2
    )


def retinopathy(section: Section, random: np.random.Generator) -> None:
    """DR: foci, exudates with shadows, disorganised inner layers, microaneurysms, cotton-wool spots, few small cysts."""
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
        section.hidden["cotton wool"] = np.maximum(section.hidden.get("cotton wool", np.zeros_like(x)), where)
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


def macular_hole(section: Section, random: np.random.Generator) -> None:
    """MH: a gap through the whole fovea with raised, cystic edges, or one under way."""
    x = section.x
    section.fovea_um = float(np.clip(section.fovea_um, 0.15 * x[-1], 0.85 * x[-1]))
    centre = section.fovea_um
    half = float(np.exp(random.uniform(np.log(60), np.log(480))))
    edge = float(random.uniform(350, 900))
    distance = np.maximum(np.abs(x - np.float32(centre)) - half, 0)
    raised = np.exp(-((distance / edge) ** 2)).astype(np.float32)
    # Beside a hole the retina is as thick as at the foveal rim, or thicker.
    rim = np.float32(random.uniform(0.0, 0.7))
    goal = {
        Layer.GANGLION_CELLS: 38.0,
        Layer.INNER_PLEXIFORM: 36.0,
        Layer.INNER_NUCLEAR: 42.0,
        Layer.OUTER_PLEXIFORM: 28.0,
        Layer.OUTER_NUCLEAR: 85.0,
        Layer.NERVE_FIBRES: 12.0,
    }
    for layer, thick in goal.items():
        now = section.thickness[layer]
        section.thickness[layer] = now + raised * (np.maximum(thick * (0.7 + rim), 0) - now)
    if random.random() < 0.75:  # a cuff of fluid lifts the edges
        cuff = np.float32(random.uniform(15, 110)) * np.exp(
            -((distance / np.float32(random.uniform(120, 450))) ** 2)
        )
        section.thickness[Layer.SUBRETINAL_FLUID] += cuff
    break_line(section, random, raised, (Layer.ELLIPSOID, Layer.INTERDIGITATION), 6)
    count = int(random.integers(0, 9))
    for side in (-1.0, 1.0):
        cysts(
            section,
            random,
            count,
            centre + side * (half + 0.35 * edge),
            0.25 * edge,
            (40, 170),
            (Layer.INNER_NUCLEAR, Layer.OUTER_NUCLEAR),
        )
    top, bottom = section.top(Layer.MEMBRANE), section.top(Layer.PIGMENT_EPITHELIUM)
    kind = random.random()
    if kind < 0.12:  # lamellar: the outer retina holds
        bottom = section.top(Layer.OUTER_NUCLEAR) + section.thickness[Layer.OUTER_NUCLEAR] * np.float32(
            random.uniform(0, 0.8)
        )
    elif kind < 0.26:  # impending: a roof is left
        top = top + (bottom - top) * np.float32(random.uniform(0.15, 0.45))
    cut(section, random, centre, half, top, bottom)
    if kind < 0.4 and kind > 0.12:  # the vitreous still pulls at the fovea
        section.hidden["traction"] = np.abs(x - np.float32(centre)) * np.float32(
            random.uniform(0.08, 0.5)
        ) + np.float32(2)
    if kind > 0.4 and random.random() < 0.3:  # operculum
        above = top - np.float32(random.uniform(90, 350))
        add_spot(
            section,
            random,
            (centre + float(random.normal(0, 80)), above),
            (float(random.uniform(80, 220)), float(random.uniform(12, 26))),
            float(random.uniform(10, 17)),
        )


def cut(
    section: Section, random: np.random.Generator, centre: float, half: float, top: Floats, bottom: Floats
) -> None:
    """Open the retina from `top` to `bottom`: an hourglass whose upper and lower lips are rounded."""
    grid = section.grid
    reach = int((half * 3 + 150) / grid.wide_um) + 3
    column = int(centre / grid.wide_um)
    left, right = max(column - reach, 0), min(column + reach + 1, grid.width)
    first = max(int((float(top[left:right].min()) - 30) / grid.tall_um), 0)
    last = min(int((float(bottom[left:right].max())) / grid.tall_um) + 2, grid.height)
    if right <= left or last <= first:
        return
    z = (np.arange(first, last, dtype=np.float32)[:, None] + 0.5) * np.float32(grid.tall_um)
    part = np.clip((z - top[left:right]) / np.maximum(bottom[left:right] - top[left:right], 1), -0.1, 1.2)
    along = section.x[left:right] - np.float32(centre)
    waist, lip, base = random.uniform(0.3, 0.75), random.uniform(0.4, 1.3), random.uniform(0.2, 1.4)
    level = np.float32(waist)
    upper, lower = np.clip((level - part) / level, 0, 1), np.clip((part - level) / (1 - level), 0, 1)
    width = half * (1 + np.float32(base) * lower**2) + min(half, 140.0) * np.float32(lip) * upper**3
    # The lips are round: the opening widens like a circle close to the surface.
    lips_um = np.float32(random.uniform(30, 110))
    depth = np.clip((z - top[left:right]) / lips_um, 0, 1)
    width = width + lips_um * (1 - np.sqrt(depth * (2 - depth)))
    width = width + np.float32(0.1 * half) * np.sin(
        part * np.float32(random.uniform(2, 7)) + np.float32(random.uniform(0, 6))
    )
    shift = np.float32(random.normal(0, 0.25 * half)) * (part - 0.5)
    open_ = np.clip((width - np.abs(along - shift)) / np.float32(1.3 * grid.wide_um) + 0.5, 0, 1)
    open_ *= np.clip((bottom[left:right] - z) / np.float32(grid.tall_um) + 0.5, 0, 1)
    open_ *= np.clip((z - top[left:right] + 12) / np.float32(grid.tall_um) + 0.5, 0, 1)
    section.spots.append(
        Spot(first, left, np.asarray(open_, np.float32), float(random.uniform(0, 1.5)), lesion=False)
    )
    inside = open_ * np.clip((z - top[left:right]) / np.float32(grid.tall_um) + 0.5, 0, 1)
    section.marks.append(Spot(first, left, np.asarray(inside, np.float32), 0.0))


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
