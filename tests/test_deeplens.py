"""DeepLens: its variables are those of the authors' checkpoint, which loads by name; parts against TensorFlow."""

import csv
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from lib.studies import deeplens

GOLDEN = Path(__file__).parent / "golden" / "deeplens_variables.tsv"


@pytest.fixture(scope="module")
def listed():
    """Names and shapes of the authors' variables."""
    with GOLDEN.open(newline="") as table:
        return {
            name: tuple(int(side) for side in shape.strip("[]").split(","))
            for name, shape in csv.reader(table, delimiter="\t")
        }


@pytest.fixture(scope="module")
def values(listed):
    """Random weights that keep the activations at the size of the input."""
    rng = np.random.default_rng(0)

    def draw(name, shape):
        if name.endswith("moving_variance") or name.endswith("gamma"):
            return rng.uniform(0.5, 1.5, shape)
        if name.endswith("weights"):
            return rng.normal(0, np.sqrt(2 / np.prod(shape[:3])), shape)
        return rng.normal(0, 0.05, shape)

    return {name: draw(name, shape).astype(np.float32) for name, shape in listed.items()}


def write_checkpoint(folder, values):
    """A checkpoint of variables by name, as TensorFlow 1's Saver writes it, with one that DeepLens does not know."""
    values = values | {"global_step": np.int64(346224)}
    prefix = str(folder / "model")
    tf.raw_ops.SaveV2(
        prefix=prefix, tensor_names=list(values), shape_and_slices=[""] * len(values), tensors=list(values.values())
    )
    return prefix


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, values):
    return write_checkpoint(tmp_path_factory.mktemp("deeplens"), values)


@pytest.fixture(scope="module")
def networks(checkpoint):
    return deeplens.load(checkpoint)


def test_names_and_shapes_are_those_of_the_authors_checkpoint(networks, listed):
    assert len(listed) == 488
    assert {name: tuple(variable.shape) for name, variable in deeplens.variables(networks).items()} == listed


def test_a_checkpoint_is_loaded_by_name(networks, values):
    for name, variable in deeplens.variables(networks).items():
        np.testing.assert_array_equal(variable.numpy(), values[name], err_msg=name)


@pytest.mark.parametrize("shape", [(60, 80, 3), (45, 64), (40, 700, 3), (20, 1300, 3)])
def test_results_are_pictures_and_changed(networks, shape):
    image = np.random.default_rng(1).random(shape, np.float32)
    out = deeplens.shallow_deeplens(image, networks, focus=(10, 10), aperture=1)
    assert out.shape == shape
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    assert out.min() >= 0
    assert out.max() <= 1
    assert np.abs(out - image).mean() > 0.01


def test_aperture_and_focus_matter(networks):
    image = np.random.default_rng(1).random((60, 80, 3), np.float32)
    outs = [
        deeplens.shallow_deeplens(image, networks, **options)
        for options in ({}, {"aperture": 1}, {"focus": (70, 50)}, {"focus": (40, 30), "aperture": 0.5})
    ]
    assert np.abs(outs[0] - outs[1]).max() > 1e-4
    assert np.abs(outs[0] - outs[2]).max() > 1e-4
    np.testing.assert_array_equal(outs[0], outs[3])  # the defaults


def test_the_feature_network_is_four_mirrored_convolutions(networks, values):
    x = np.random.default_rng(2).random((1, 12, 14, 3)).astype(np.float32)
    expected = [x]
    for name in ("fea1", "fea2", "fea3", "fea4"):
        kernel, bias = (values[f"Network/Network/Feature/{name}/{part}"] for part in ("weights", "biases"))
        width = kernel.shape[0] // 2
        padded = np.pad(expected[-1], ((0, 0), (width, width), (width, width), (0, 0)), "symmetric")
        expected.append(np.maximum(tf.nn.conv2d(padded, kernel, 1, "VALID").numpy() + bias, 0))
    np.testing.assert_allclose(networks["Feature"](x), np.concatenate(expected, axis=3), atol=1e-5)


def test_each_color_is_the_weighted_mean_of_its_own_features():
    rng = np.random.default_rng(3)
    weights, features = rng.random((1, 4, 5, 31), np.float32), rng.random((1, 4, 5, 93), np.float32)
    out = deeplens._combine(tf.constant(weights), tf.constant(features)).numpy()
    by_feature = features.reshape(1, 4, 5, 31, 3)
    expected = (weights[..., None] * by_feature).sum(3) / weights.sum(3)[..., None]
    np.testing.assert_allclose(out, expected, rtol=1e-5)


def test_resizing_is_that_of_tensorflow_1():
    out = deeplens.bilinear(tf.constant([0.0, 1.0, 2.0], shape=(1, 1, 3, 1)), (1, 6)).numpy().ravel()
    np.testing.assert_allclose(out, [0, 0.5, 1, 1.5, 2, 2])  # corners, not centers


def test_depth_is_rescaled_to_its_range(networks):
    picture = np.random.default_rng(4).random((50, 40, 3), np.float32)
    depth = deeplens.estimate_depth(picture, networks).numpy()
    assert depth.shape == (1, 50, 40, 1)
    assert (depth.min(), depth.max()) == pytest.approx((0, 1), abs=1e-5)


def test_a_checkpoint_that_is_missing_or_cut_off_is_refused(tmp_path, values):
    few = {name: values[name] for name in list(values)[:1]}
    with pytest.raises(FileNotFoundError, match=r"found beside it: nothing.*github.com/scott89/deeplens_eval"):
        deeplens.load(tmp_path / "gone" / "model")
    prefix = write_checkpoint(tmp_path, few)
    Path(prefix + ".index").unlink()
    with pytest.raises(FileNotFoundError, match=r"found beside it: model.data-00000-of-00001.*complete"):
        deeplens.load(prefix)


def test_a_checkpoint_without_its_data_is_refused(tmp_path, values):
    prefix = write_checkpoint(tmp_path, values)
    Path(prefix + ".data-00000-of-00001").unlink()
    with pytest.raises(FileNotFoundError, match=r"found beside it: model.index\): name it without ending"):
        deeplens.load(prefix)


def test_a_checkpoint_of_another_network_is_refused(tmp_path, values):
    lacking = {name: value for name, value in values.items() if "/SR/" not in name}
    with pytest.raises(ValueError, match=r"is not DeepLens': it lacks \d+ of 488 variables, e.g. Network/Network/SR/"):
        deeplens.load(write_checkpoint(tmp_path, lacking))


def test_a_checkpoint_of_another_version_is_refused(tmp_path, values):
    name = "Network/Network/Depth/spp_conv1/weights"
    other = values | {name: np.zeros((1, 1, 1024, 128), np.float32)}
    with pytest.raises(ValueError, match=rf"{name} of shape \(1, 1, 1024, 256\), got \(1, 1, 1024, 128\)"):
        deeplens.load(write_checkpoint(tmp_path, other))
