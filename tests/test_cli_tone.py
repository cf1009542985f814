"""Matching of exposure and white balance."""

import numpy as np
import pytest

from lib import images, photos, scenes
from lib.cli import tone


@pytest.mark.parametrize("curve", ["gamma 2.2", "sRGB"])
def test_frames_of_other_exposure_and_focus_match_to_less_than_a_gray_level(curve):
    part = np.s_[60:360, 250:700]
    near, far = scenes.stack(*(each[part] for each in scenes.motorcycle()))[0]
    gains = 2 ** np.array([0.3, 0.1, -0.2])
    if curve == "gamma 2.2":
        changed = (far**2.2 * gains) ** (1 / 2.2)
    else:
        light = np.where(far < 0.04045, far / 12.92, ((far + 0.055) / 1.055) ** 2.4) * gains
        changed = np.where(light < 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    changed = images.to_uint8(np.clip(changed, 0, 1)) / np.float32(255)
    matched = tone.apply(changed, tone.match(near, changed))
    usable = (changed < 0.98).all(axis=2)
    assert 255 * np.abs(changed - far)[usable].mean() > 4
    assert 255 * np.abs((matched - far)[usable].mean(axis=0)).max() < 1
    assert 255 * np.abs(matched - far)[usable].mean() < 1.2


def test_clipped_and_uncovered_parts_do_not_count():
    photo = photos.load("chelsea")[:200, :300]
    frame = np.clip(photo * 1.5, 0, 1)
    inside = np.ones(photo.shape[:2])
    inside[:, :60], frame[:, :60] = 0, 0
    matched = tone.apply(frame, tone.match(photo, frame, inside))
    assert np.abs(matched - photo)[(inside > 0) & (frame < 0.99).all(axis=2)].mean() < 2 / 255


def test_frames_that_match_are_left_alone():
    near, far = scenes.stack(*(each[60:360, 250:700] for each in scenes.motorcycle()), spread=2.0)[0]
    assert tone.match(near, near) is None
    assert np.abs(tone.apply(far, tone.match(near, far)) - far).mean() < 0.5 / 255
