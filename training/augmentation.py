"""Random changes to training scans: a whole batch at once, on the device that trains, from one generator.

Each scan of a batch gets values of its own. Crop, flip and rotation are done in one resampling.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from training import looks
from training.draw import Draw
from training.recipe import Recipe

LEAST_REDUCTION = 1.2
"""From this factor on a batch is reduced with antialiasing before it is resampled, as resampling has none."""
LUMA = (0.299, 0.587, 0.114)


class Augmentation:
    """The recipe's augmentation for inputs of `size` pixels a side."""

    def __init__(self, recipe: Recipe, size: int) -> None:
        self._recipe, self._size = recipe, size

    def __call__(self, pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Augment pixels, uint8 (batch, channels, side, side): float32 (batch, channels, size, size) from 0 to 1.

        `generator` is one of the CPU, so that the same values are drawn on every device.
        """
        return self.views(pixels, generator)[0]

    def views(self, pixels: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Augmented scans as `__call__` makes them, and the same scans cropped, turned and mirrored only."""
        draw = Draw(generator, len(pixels), pixels.device)
        plain = self._resample(pixels.float() / 255, draw)
        return self._change_look(plain, draw), plain.clamp(0, 1)

    def with_marks(
        self, pixels: torch.Tensor, marks: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Augmented grey scans, and masks that are cropped, turned and mirrored with them.

        Both are uint8 (batch, channels, side, side), each with channels of its own, and become float32 from 0 to 1.
        """
        draw = Draw(generator, len(pixels), pixels.device)
        channels = pixels.shape[1]
        moved = self._resample(torch.cat([pixels, marks], 1).float() / 255, draw, channels)
        return self._change_look(moved[:, :channels], draw), moved[:, channels:].clamp(0, 1)

    def _change_look(self, images: torch.Tensor, draw: Draw) -> torch.Tensor:
        if self._recipe.waves:
            images = looks.swap_slow_waves(images, draw, self._recipe.waves)
        images = self._jitter(images, draw)
        images = self._match_histogram(images, draw)
        images = self._add_noise(images, draw)
        return self._erase(self._add_marks(images, draw), draw).clamp(0, 1)

    def _resample(self, images: torch.Tensor, draw: Draw, pictured: int | None = None) -> torch.Tensor:
        """Crop, turn and mirror; what lies outside is white or black, and 0 in the channels from `pictured` on."""
        recipe, side = self._recipe, images.shape[-1]
        shrunk = round(side * math.sqrt(LEAST_REDUCTION) * self._size / side)
        if shrunk * LEAST_REDUCTION < side:
            images = functional.interpolate(images, (shrunk, shrunk), mode="bilinear", antialias=True)
        area = draw.uniform(recipe.crop_smallest, recipe.crop_largest)
        stretch = draw.uniform(-math.log(recipe.crop_ratio), math.log(recipe.crop_ratio)).exp()
        largest = max(1.0, math.sqrt(recipe.crop_largest))
        width = (area * stretch).sqrt().clamp(max=largest)
        height = (area / stretch).sqrt().clamp(max=largest)
        angle = draw.uniform(-math.radians(recipe.rotation_degrees), math.radians(recipe.rotation_degrees))
        mirror = torch.where(draw.chance(recipe.flip), -1.0, 1.0)
        # A crop that is smaller than the scan stays inside it; a larger one contains the whole scan.
        across = draw.uniform(-1, 1) * (1 - width).abs()
        down = draw.uniform(-1, 1) * (1 - height).abs()
        cos, sin = angle.cos(), angle.sin()
        affine = torch.stack(
            [
                torch.stack([width * mirror * cos, -width * sin, across], 1),
                torch.stack([height * mirror * sin, height * cos, down], 1),
            ],
            1,
        )
        grid = functional.affine_grid(
            affine, [len(images), images.shape[1], self._size, self._size], align_corners=False
        )
        if recipe.motion:
            grid[..., 1] += looks.motion_steps(self._size, draw, recipe.motion, grid.device).unsqueeze(1)
        if recipe.bend:
            grid[..., 1] += looks.bend_curves(self._size, draw, recipe.bend, grid.device).unsqueeze(1)
        outside = draw.per_scan(draw.chance(recipe.white_outside).float()).repeat(1, images.shape[1], 1, 1)
        outside[:, pictured or images.shape[1] :] = 0
        return functional.grid_sample(images - outside, grid, align_corners=False) + outside

    def _jitter(self, images: torch.Tensor, draw: Draw) -> torch.Tensor:
        recipe = self._recipe
        if recipe.gamma:
            images = images.clamp(0, 1) ** draw.per_scan(draw.uniform(-recipe.gamma, recipe.gamma).exp())
        if not recipe.jitter:
            return images
        least, most = max(0.0, 1 - recipe.jitter), 1 + recipe.jitter
        images = images * draw.per_scan(draw.uniform(least, most))
        mean = images.mean((1, 2, 3), keepdim=True)
        images = mean + (images - mean) * draw.per_scan(draw.uniform(least, most))
        if images.shape[1] == 3:
            luma = torch.tensor(LUMA, device=images.device).view(1, 3, 1, 1)
            grey = (images * luma).sum(1, keepdim=True)
            images = grey + (images - grey) * draw.per_scan(draw.uniform(least, most))
        return images

    def _match_histogram(self, images: torch.Tensor, draw: Draw) -> torch.Tensor:
        """Give some scans the grey values of the scan before them, in their own order of brightness."""
        chosen = draw.chance(self._recipe.histogram).nonzero().flatten()
        if not len(chosen):
            return images
        flat = images.flatten(2)
        order = flat[chosen].argsort(2)
        values = flat[chosen - 1].sort(2).values
        changed = flat.clone()
        changed[chosen] = torch.empty_like(values).scatter_(2, order, values)
        return changed.view_as(images)

    def _add_noise(self, images: torch.Tensor, draw: Draw) -> torch.Tensor:
        recipe = self._recipe
        if recipe.speckle:
            images = images * (1 + draw.normal(images) * draw.per_scan(draw.uniform(0, recipe.speckle)))
        if recipe.noise:
            images = images + draw.normal(images) * draw.per_scan(draw.uniform(0, recipe.noise))
        if recipe.haze:
            images = looks.add_haze(images, draw, recipe.haze)
        if recipe.blur and recipe.blur_width:
            images = looks.blur(images, draw, recipe.blur, recipe.blur_width)
        elif recipe.blur:
            # A mean of 3 by 3 pixels, mixed in by a random share.
            share = draw.uniform(0, 1) * draw.chance(recipe.blur)
            soft = functional.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
            images = images.lerp(soft, draw.per_scan(share))
        return images

    def _add_marks(self, images: torch.Tensor, draw: Draw) -> torch.Tensor:
        recipe = self._recipe
        if recipe.cuts:
            images = looks.add_cuts(images, draw, recipe.cuts)
        return looks.add_marks(images, draw, recipe.marks) if recipe.marks else images

    def _erase(self, images: torch.Tensor, draw: Draw) -> torch.Tensor:
        if not self._recipe.erase:
            return images
        pixels = (torch.arange(self._size, device=images.device) + 0.5) / self._size
        inside = draw.per_scan(draw.chance(self._recipe.erase)).bool()
        for shape in ((1, 1, 1, -1), (1, 1, -1, 1)):
            centre, half = draw.per_scan(draw.uniform(0, 1)), draw.per_scan(draw.uniform(0.03, 0.15))
            inside = inside & ((pixels.view(shape) - centre).abs() < half)
        return torch.where(inside, draw.per_scan(draw.uniform(0, 1)), images)
