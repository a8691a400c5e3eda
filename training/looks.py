"""Changes that make a scan look as if another device had taken it; each scan of a batch gets values of its own.

Images are float32 (batch, channels, side, side) from 0 to 1; lengths are for an input of `LENGTHS_FOR` pixels.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from training.draw import Draw
from training.marks import draw_marks

LENGTHS_FOR = 224
SLOWEST_WAVES = (0.004, 0.03)
"""Range of the highest frequency, in cycles a pixel, whose amplitudes are swapped: shading, but not the layers."""
MOST_LOUDER = 8.0
"""Largest factor by which an amplitude changes: amplifying an almost empty one would give noise."""
DEEPEST_CUT = 0.35
"""How far a wedge or a strip reaches into the picture, as a share of the way to the opposite side."""
STRAIGHT_CUTS = 0.5
"""Probability that a cut is parallel to a side."""
LARGEST_STEP = 0.03
"""Largest height of a motion step, as a share of the picture's height."""
MOST_STEPS = 3


def swap_slow_waves(images: torch.Tensor, draw: Draw, probability: float) -> torch.Tensor:
    """Give some scans the amplitudes of the scan before them at low frequencies; phases are kept.

    Y. Yang, S. Soatto, "FDA: Fourier Domain Adaptation for Semantic Segmentation", CVPR 2020 (arXiv:2004.05498).
    """
    chosen = draw.chance(probability).nonzero().flatten()
    reach = draw.uniform(*SLOWEST_WAVES)[chosen]
    if not len(chosen):
        return images
    side = images.shape[-1]
    waves = torch.fft.rfft2(images[chosen])
    other = torch.fft.rfft2(images[chosen - 1]).abs()
    down = torch.fft.fftfreq(side, device=images.device).abs().view(1, 1, -1, 1)
    across = torch.fft.rfftfreq(side, device=images.device).view(1, 1, 1, -1)
    slow = torch.maximum(down, across) <= reach.view(-1, 1, 1, 1)
    factor = (other / waves.abs().clamp(min=1e-6)).clamp(1 / MOST_LOUDER, MOST_LOUDER)
    changed = images.clone()
    changed[chosen] = torch.fft.irfft2(torch.where(slow, waves * factor, waves), (side, side))
    return changed.clamp(0, 1)


def blur(images: torch.Tensor, draw: Draw, probability: float, width: float) -> torch.Tensor:
    """Blur some scans by a Gaussian of up to `width` pixels' standard deviation, drawn separately across and down."""
    blurred = draw.chance(probability).float()
    scale = images.shape[-1] / LENGTHS_FOR
    reach = max(1, math.ceil(2 * width * scale))
    places = torch.arange(-reach, reach + 1, device=images.device, dtype=torch.float32)
    batch, channels, height, wide = images.shape
    flat = images.reshape(1, batch * channels, height, wide)
    for along, padding in ((3, (reach, reach, 0, 0)), (2, (0, 0, reach, reach))):
        # The smallest deviation leaves the scan as it is.
        deviation = (draw.uniform(0, width) * scale * blurred).clamp(min=0.05)
        kernel = torch.exp(-0.5 * (places / deviation.view(-1, 1)) ** 2)
        kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)
        flat = functional.conv2d(
            functional.pad(flat, padding, mode="replicate"),
            kernel[:, None, None].movedim(3, along),
            groups=batch * channels,
        )
    return flat.view_as(images)


def add_haze(images: torch.Tensor, draw: Draw, most: float) -> torch.Tensor:
    """Fill the dark parts of scans, above all the vitreous, with noise of up to `most`; white is 1."""
    level = draw.per_scan(draw.uniform(0, most))
    return images + (1 - images).clamp(min=0) * level * draw.normal(images).abs()


def motion_steps(side: int, draw: Draw, probability: float, device: torch.device) -> torch.Tensor:
    """Offsets of the columns (batch, side) after movements of the eye, as shares of half the height."""
    columns = (torch.arange(side, device=device) + 0.5) / side
    shift = torch.zeros((1, side), device=device)
    hit = draw.chance(probability).float().view(-1, 1)
    for _ in range(MOST_STEPS):
        place, height = draw.uniform(-0.5, 1).view(-1, 1), draw.uniform(-1, 1).view(-1, 1)
        # A step to the left of the picture has no effect, so that there are up to three.
        shift = shift + hit * 2 * LARGEST_STEP * height * ((columns > place) & (place > 0)).float()
    return shift


def bend_curves(side: int, draw: Draw, most: float, device: torch.device) -> torch.Tensor:
    """Parabolas (batch, side) that bend the scan by up to `most` of its height, as eyes of other lengths do."""
    across = torch.linspace(-1, 1, side, device=device)
    return 2 * draw.uniform(-most, most).view(-1, 1) * (across**2 - 1 / 3)


def add_cuts(images: torch.Tensor, draw: Draw, probability: float) -> torch.Tensor:
    """Add white, black or grey wedges and strips to the border of some scans, as in turned or moved frames."""
    pixels = torch.linspace(-1, 1, images.shape[-1], device=images.device)
    across, down = pixels.view(1, 1, 1, -1), pixels.view(1, 1, -1, 1)
    hit = draw.per_scan(draw.chance(probability))
    # Archives fill with white most often, then with black.
    kind, grey = draw.uniform(0, 1), draw.uniform(0, 1)
    fill = draw.per_scan(torch.where(kind < 0.5, 1.0, torch.where(kind < 0.8, 0.0, grey)))
    for also in (1.0, 0.5):
        quarter = math.pi / 2
        angle = draw.uniform(0, 2 * math.pi)
        angle = torch.where(draw.chance(STRAIGHT_CUTS), (angle / quarter).round() * quarter, angle)
        cos, sin = draw.per_scan(angle.cos()), draw.per_scan(angle.sin())
        corner = cos.abs() + sin.abs()
        depth = draw.per_scan(draw.uniform(0, 2 * DEEPEST_CUT))
        outside = across * cos + down * sin > corner - depth
        images = torch.where(hit & draw.per_scan(draw.chance(also)) & outside, fill, images)
    return images


def add_marks(images: torch.Tensor, draw: Draw, probability: float) -> torch.Tensor:
    """Burn text, boxes, scale bars and arrows into some scans, as in exported pictures."""
    covers, greys = (drawings.to(images.device) for drawings in draw_marks(images.shape[-1]))
    number = draw.uniform(0, len(covers)).long().clamp(max=len(covers) - 1)
    cover = covers[number].unsqueeze(1).float() / 255 * draw.per_scan(draw.chance(probability).float())
    return images.lerp(greys[number].unsqueeze(1).float() / 255, cover)
