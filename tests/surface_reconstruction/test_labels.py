"""Partial-volume labels: closed forms, and phantoms whose tissue is known."""

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.surface.reconstruction.grids import crop_box, cropped, isotropic_grid, resample, to_ras
from harmoniq.surface.reconstruction.labels import (
    WHITE_FRACTION,
    close_white,
    filled_region,
    hemispheres,
    partial_volume,
    tissue_means,
)

ONE_MM = np.ones(3)


def test_partial_volume_is_linear_between_the_means():
    gray, white = np.full(7, 400.0, np.float32), np.full(7, 500.0, np.float32)
    values = np.array([0, 100, 250, 400, 400 + 100 * WHITE_FRACTION, 500, 900], np.float32)
    # (250 - 100) / (400 - 100) = 0.5 above fluid; the boundary of white matter lies at its fraction of the step.
    assert partial_volume(values, 100.0, gray, white) == pytest.approx([1, 1, 1.5, 2, 2.5, 3, 3])


def test_means_follow_the_bias_that_is_left():
    """Two tissues under a bias of +-20 %: the local means keep the label right where global ones would not."""
    shape = (48, 40, 40)
    bias = np.linspace(0.8, 1.2, shape[0], dtype=np.float32)[:, None, None]
    y = np.indices(shape)[1]
    white = (y // 8) % 2 == 0
    tissues = np.where(white, 3, 2).astype(np.int8)
    tissues[:, :, :3] = 1
    data = np.select([tissues == 1, tissues == 2], [100.0, 400.0 * bias], 500.0 * bias).astype(np.float32)
    codes = np.where(white, 2, 3).astype(np.uint8)
    means = tissue_means(data, tissues, codes, ONE_MM)
    label = partial_volume(data, means.csf, means.gray, means.white)
    inner = (slice(6, -6), slice(6, -6), slice(8, -6))
    # Globally, gray matter at the bright end (480) would pass for white (500 * 0.8 = 400) at the dark one.
    assert np.mean(label[inner][white[inner]] > 2.5) == 1.0
    assert np.mean(label[inner][~white[inner]] < 2.5) == 1.0


def test_an_empty_class_is_refused_in_a_sentence():
    flat = np.full((8, 8, 8), 3, np.int8)
    with pytest.raises(InputError, match="a tissue class is empty"):
        tissue_means(np.ones((8, 8, 8), np.float32), flat, np.full((8, 8, 8), 2, np.uint8), ONE_MM)


def test_hemispheres_end_at_the_hindbrain_and_at_their_reach():
    codes = np.zeros((40, 20, 30), np.uint8)
    codes[10:20, 5:15, 15:25], codes[20:30, 5:15, 15:25] = 2, 41
    codes[10:30, 5:15, 5:10] = 8  # cerebellum, a gap of five voxels below
    side = hemispheres(np.ones(codes.shape, bool), codes, ONE_MM)
    assert (side[10:20, 5:15, 15:25] == 1).all()
    assert (side[20:30, 5:15, 15:25] == 2).all()
    # 4 mm away counts, 5 mm does not (REACH_MM is 4.5).
    assert side[15, 10, 24 + 4] == 1
    assert side[15, 10, 24 + 5] == 0
    # Of the gap, what is nearer to the cerebellum belongs to it.
    assert side[15, 10, 14] == side[15, 10, 13] == 1
    assert side[15, 10, 11] == 0


def test_deep_white_matter_and_ventricles_are_filled():
    codes = np.full((30, 30, 30), 3, np.uint8)
    codes[5:25, 5:25, 5:25] = 2
    codes[13:17, 13:17, 13:17] = 4
    filled = filled_region(codes, ONE_MM)
    assert filled[15, 15, 15]
    assert filled[10, 15, 15]  # 6 mm below the cortex
    assert not filled[7, 15, 15]  # 3 mm: its intensity decides


def test_islands_and_holes_of_white_matter_go():
    label = np.ones((20, 20, 20), np.float32)
    label[3:15, 3:15, 3:15] = 3.0
    label[8, 8, 8] = 1.2
    label[17, 17, 17] = 3.0
    closed = close_white(label)
    assert closed[8, 8, 8] == 3.0
    assert closed[17, 17, 17] == 2.0
    assert (closed[3:15, 3:15, 3:15] == 3.0).all()


def test_resampling_keeps_a_linear_field_in_place():
    """A field that is linear in scanner space has one value at a place, whatever the grid."""
    turn = np.deg2rad(20)
    affine = np.diag([1.0, 1.2, 0.9, 1.0])
    affine[:2, :2] = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ affine[:2, :2]
    affine[:3, 3] = -12.0, 30.0, 7.0

    def field(shape, grid):
        places = np.indices(shape).reshape(3, -1).T @ grid[:3, :3].T + grid[:3, 3]
        return (places @ [1.0, 2.0, -3.0]).reshape(shape).astype(np.float32)

    data = field((30, 28, 26), affine)
    for size in (0.7, 2.0):
        shape, grid = isotropic_grid(data.shape, affine, size)
        inner = tuple(slice(4, -4) if size < 1 else slice(3, -3) for _ in range(3))
        found = resample(data, affine, shape, grid, fill=None)
        assert found[inner] == pytest.approx(field(shape, grid)[inner], abs=2e-3)


def test_turning_and_cropping_move_no_voxel():
    data = np.random.default_rng(0).random((9, 30, 32)).astype(np.float32)
    affine = np.array([[0, 0, 1.0, -5], [-1.5, 0, 0, 40], [0, -1.0, 0, 12], [0, 0, 0, 1]])
    turned, grid = to_ras(data, affine)
    mask = np.zeros(turned.shape, bool)
    mask[12:15, 5:6, 12:14] = True
    box = crop_box(mask, grid)
    small, place = turned[box], cropped(grid, box)
    voxel = np.array([3, 2, 4])
    at = place[:3, :3] @ voxel + place[:3, 3]
    source = np.round(np.linalg.inv(affine) @ np.append(at, 1))[:3].astype(int)
    assert small[tuple(voxel)] == data[tuple(source)]
