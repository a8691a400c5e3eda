"""Random changes to training scans: whole batches at once, on the device that trains, from one generator.

Every scan of a batch gets values of its own. The geometry (crop, flip, rotation) is one resampling.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from training import looks
from training.draw import Draw
from training.recipe import Recipe

LEAST_REDUCTION = 1.2
"""Above this a batch is reduced with antialiasing before it is resampled, which has none."""
LUMA = (0.299, 0.587, 0.114)


class Augmentation:
    """The recipe's augmentation for inputs of `size` pixels a side."""

    def __init__(self, recipe: Recipe, size: int) -> None:
        self._recipe, self._size = recipe, size

    def __call__(self, squares: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Squares, uint8 (batch, channels, side, side), as float32 (batch, channels, size, size) from 0 to 1.

        `generator` is one of the CPU: the same draws on every device.
        """
        return self.views(squares, generator)[0]

    def views(self, squares: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """The same, and beside it the scans as they were: cropped, turned and mirrored alike, but with their own look."""
        draw = Draw(generator, len(squares), squares.device)
        plain = self._resampled(squares.float() / 255, draw)
        return self._looking_otherwise(plain, draw), plain.clamp(0, 1)

    def with_marks(
        self, squares: torch.Tensor, marks: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Augmented grey squares, and marks of the same shape but for their channels, that were only moved with them.

        Both come in as uint8 and go out as floats from 0 to 1.
        """
        draw = Draw(generator, len(squares), squares.device)
        channels = squares.shape[1]
        moved = self._resampled(torch.cat([squares, marks], 1).float() / 255, draw, channels)
        return self._looking_otherwise(moved[:, :channels], draw), moved[:, channels:].clamp(0, 1)

    def _looking_otherwise(self, images: torch.Tensor, draw: Draw) -> torch.Tensor:
        if self._recipe.waves:
            images = looks.with_waves_of_another(images, draw, self._recipe.waves)
        images = self._jittered(images, draw)
        images = self._like_another(images, draw)
        images = self._noisy(images, draw)
        return self._erased(self._written_on(images, draw), draw).clamp(0, 1)

    def _resampled(self, images: torch.Tensor, draw: Draw, pictured: int | None = None) -> torch.Tensor:
        """Cropped, turned, mirrored; outside lies white or black, but zeros in channels from `pictured` on."""
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
        # A crop smaller than the scan stays inside; a larger one holds the whole scan.
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
            grid[..., 1] += looks.moved(self._size, draw, recipe.motion, grid.device).unsqueeze(1)
        if recipe.bend:
            grid[..., 1] += looks.bent(self._size, draw, recipe.bend, grid.device).unsqueeze(1)
        outside = draw.per_scan(draw.chance(recipe.white_outside).float()).repeat(1, images.shape[1], 1, 1)
        outside[:, pictured or images.shape[1] :] = 0
        return functional.grid_sample(images - outside, grid, align_corners=False) + outside

    def _jittered(self, images: torch.Tensor, draw: Draw) -> torch.Tensor:
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

    def _like_another(self, images: torch.Tensor, draw: Draw) -> torch.Tensor:
        """Some scans with the grey values of the scan before them, in the same order of brightness."""
        chosen = draw.chance(self._recipe.histogram).nonzero().flatten()
        if not len(chosen):
            return images
        flat = images.flatten(2)
        order = flat[chosen].argsort(2)
        values = flat[chosen - 1].sort(2).values
        changed = flat.clone()
        changed[chosen] = torch.empty_like(values).scatter_(2, order, values)
        return changed.view_as(images)

    def _noisy(self, images: torch.Tensor, draw: Draw) -> torch.Tensor:
        recipe = self._recipe
        if recipe.speckle:
            images = images * (1 + draw.normal(images) * draw.per_scan(draw.uniform(0, recipe.speckle)))
        if recipe.noise:
            images = images + draw.normal(images) * draw.per_scan(draw.uniform(0, recipe.noise))
        if recipe.haze:
            images = looks.in_haze(images, draw, recipe.haze)
        if recipe.blur and recipe.blur_width:
            images = looks.spread(images, draw, recipe.blur, recipe.blur_width)
        elif recipe.blur:
            # A mean of 3 by 3 pixels, mixed in by a random share.
            share = draw.uniform(0, 1) * draw.chance(recipe.blur)
            soft = functional.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
            images = images.lerp(soft, draw.per_scan(share))
        return images

    def _written_on(self, images: torch.Tensor, draw: Draw) -> torch.Tensor:
        recipe = self._recipe
        if recipe.cuts:
            images = looks.cut(images, draw, recipe.cuts)
        return looks.marked(images, draw, recipe.marks) if recipe.marks else images

    def _erased(self, images: torch.Tensor, draw: Draw) -> torch.Tensor:
        if not self._recipe.erase:
            return images
        pixels = (torch.arange(self._size, device=images.device) + 0.5) / self._size
        inside = draw.per_scan(draw.chance(self._recipe.erase)).bool()
        for shape in ((1, 1, 1, -1), (1, 1, -1, 1)):
            centre, half = draw.per_scan(draw.uniform(0, 1)), draw.per_scan(draw.uniform(0.03, 0.15))
            inside = inside & ((pixels.view(shape) - centre).abs() < half)
        return torch.where(inside, draw.per_scan(draw.uniform(0, 1)), images)
