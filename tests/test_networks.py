"""The five networks of Table 2 and the book's own, one table of cases for all; then what is written here of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lib import classifiers, dataset, patches
from lib.classifiers import core, shufflenet_v2, spectrum_net
from lib.studies import networks
from lib.training import recipes, trainer

# Published numbers of parameters, for RGB and 1,000 classes: those of Keras' table of models; of ShuffleNetV2 1.5 the
# 3.5 M of its paper, to the last digit as torchvision has it. Its first convolution has `stem` weights for each color,
# and EfficientNet two more (its normalization of colors).
NETWORKS = {
    "mobilenet_v2": {"published": 3_538_984, "features": 1280, "stem": 9 * 32},
    "efficientnet_b0": {"published": 5_330_571, "features": 1280, "stem": 9 * 32 + 2},
    "nasnet_mobile": {"published": 5_326_716, "features": 1056, "stem": 9 * 32},
    "densenet121": {"published": 8_062_504, "features": 1024, "stem": 49 * 64},
    "shufflenet_v2": {"published": 3_503_624, "features": 1024, "stem": 9 * 24},
}


@pytest.fixture(scope="module")
def samples():
    """Three sharp patches of noise and edges at all levels, (60, 32, 32, 1), and their levels."""
    rng = np.random.default_rng(0)
    gray = rng.integers(0, 256, (160, 160), dtype=np.uint8)
    gray[:, 80:] //= 3
    blurred = patches.blur_levels(gray, np.array([[0, 0], [64, 64], [96, 32]]), patches.READINGS["paper"])
    return dataset.as_float(blurred).reshape(-1, 32, 32, 1), np.tile(np.arange(20), 3)


# These two take a minute to make, save and load.
SLOW = ("nasnet_mobile", "densenet121")
CASES = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in core.NETWORKS]


@pytest.fixture(scope="module", params=CASES)
def model(request):
    return classifiers.build(request.param)


def test_network(model, samples, tmp_path):
    """Shapes, probabilities, the published number of parameters, and weights that come back from the file."""
    assert model.input_shape == (None, 32, 32, 1)
    answers = model.predict_on_batch(samples[0])
    assert answers.shape == (60, 20)
    np.testing.assert_allclose(answers.sum(1), 1, rtol=1e-5)
    if model.name in NETWORKS:
        case = NETWORKS[model.name]
        # Statistics of batch normalization are counted by Keras, and not by the ShuffleNetV2 paper.
        counted = model.trainable_weights if model.name == "shufflenet_v2" else model.weights
        count = sum(int(np.prod(weight.shape)) for weight in counted)
        assert count == case["published"] - 2 * case["stem"] - (case["features"] + 1) * (1000 - 20)
    classifiers.save(model, tmp_path / "network.keras")
    loaded = classifiers.load(tmp_path / "network.keras")
    assert loaded.name == model.name
    for before, after in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(loaded.predict_on_batch(samples[0]), answers, atol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*core.TABLE_2, "spectrum_net"])
def test_network_learns_64_patches_by_heart(name, samples):
    keras.utils.set_random_seed(0)
    model = trainer.prepare(name, recipes.Recipe(learning_rate=0.002, batch=64, samples=64), 1)
    if name == "spectrum_net":
        trainer._adapted(model, np.random.default_rng(0).integers(0, 256, (400, 20, 32, 32), dtype=np.uint8))
    batch, levels = (np.concatenate([part, part[:4]]) for part in samples)
    accuracy = 0
    for _ in range(600):
        model.reset_metrics()
        accuracy = model.train_on_batch(batch, levels, return_dict=True)["accuracy"]
        if accuracy > 0.95:
            break
    assert accuracy > 0.95


@pytest.mark.parametrize(("width", "published"), [(0.5, 1_366_792), (1, 2_278_604), (1.5, 3_503_624), (2, 7_393_996)])
def test_shufflenet_has_the_published_number_of_parameters_at_every_width(width, published):
    model = shufflenet_v2.shufflenet_v2((224, 224, 3), 1000, width)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == published


def test_shuffling_interleaves_the_halves():
    inputs = keras.Input((1, 1, 6))
    shuffle = keras.Model(inputs, shufflenet_v2._shuffle(inputs))
    assert shuffle(np.arange(6.0).reshape(1, 1, 1, 6)).numpy().ravel().tolist() == [0, 3, 1, 4, 2, 5]


def test_half_of_the_channels_pass_a_basic_unit():
    inputs = keras.Input((4, 4, 8))
    unit = keras.Model(inputs, shufflenet_v2._basic_unit(inputs))
    x = np.random.default_rng(0).random((2, 4, 4, 8), dtype=np.float32)
    np.testing.assert_array_equal(unit(x).numpy()[..., ::2], x[..., :4])


def test_shufflenet_of_another_width_is_refused():
    with pytest.raises(ValueError, match=r"width of 0\.5, 1, 1\.5, 2, got 3"):
        shufflenet_v2.shufflenet_v2((32, 32, 1), 20, width=3)


def components(photos):
    inputs = keras.Input((32, 32, 1))
    return keras.Model(inputs, spectrum_net.Polynomials()(inputs)).predict_on_batch(photos)


def test_components_are_the_same_in_every_pose_and_in_the_negative():
    photos = np.random.default_rng(1).uniform(-1, 1, (5, 32, 32, 1)).astype(np.float32)
    expected = components(photos)
    for same in (photos[:, ::-1], photos[:, :, ::-1], photos.swapaxes(1, 2), -photos, photos + 0.2):
        np.testing.assert_allclose(components(same), expected, atol=0.01)
    assert abs(components(np.roll(photos, 1, axis=1)) - expected).max() > 1


def test_components_hold_the_energy_of_the_patch_in_gray_levels():
    photos = np.random.default_rng(1).uniform(-1, 1, (5, 32, 32, 1)).astype(np.float32)
    variation = (photos - photos.mean((1, 2), keepdims=True)) * 127.5
    np.testing.assert_allclose((components(photos) ** 2).sum(1), (variation**2).sum((1, 2, 3)), rtol=1e-4)


def test_innovations_of_the_measured_patches_are_uncorrelated_whatever_their_contrast():
    rng = np.random.default_rng(2)
    mixed = 100 * rng.normal(size=(3000, 15)) @ rng.normal(size=(15, 15)) * rng.lognormal(size=(3000, 1))
    layer = spectrum_net.Innovations((3,))
    layer.build((None, 15))
    layer.adapt(lambda level: mixed)
    shapes = layer(mixed.astype(np.float32)).numpy()
    shapes /= np.sqrt((shapes**2).mean(1, keepdims=True))
    np.testing.assert_allclose(np.cov(shapes.T), np.eye(15), atol=0.1)


def test_macs_of_a_known_network():
    inputs = keras.Input((8, 8, 2))
    x = keras.layers.Conv2D(4, 3, 2, "same")(inputs)  # 4x4 places
    x = keras.layers.DepthwiseConv2D(3, padding="same")(x)
    x = keras.layers.SeparableConv2D(6, 3, padding="valid")(x)  # 2x2 places
    x = keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(x))
    expected = 16 * 9 * 2 * 4 + 16 * 9 * 4 + 4 * (9 * 4 + 4 * 6) + 6 * 5
    assert networks.macs(keras.Model(inputs, x)) == expected


def test_macs_of_mobilenet_are_the_published_ones_at_its_size():
    model = keras.applications.MobileNetV2(weights=None)
    assert networks.macs(model) == pytest.approx(300e6, rel=0.01)  # Sandler et al., Table 4


def test_size_column_is_the_papers():
    model = classifiers.build("mobilenet_v2")
    assert networks.megabytes_in_training(model) == pytest.approx(28, abs=0.7)
    assert networks.megabytes_on_disk(model) == pytest.approx(28, abs=0.5)


def test_speed_is_measured():
    inputs = keras.Input((32, 32, 1))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    assert networks.patches_per_cpu_second(model, batch=8, seconds=0.01) > 100


def test_ordinal_loss_is_dearer_for_far_misses():
    near, far = np.full((2, 20), 0.01, np.float32)
    near[6] = far[15] = 0.81
    losses = trainer.ordinal_crossentropy(tf.constant([5, 5]), tf.constant(np.stack([near, far])))
    expected = [-np.log(0.01) + abs(p @ np.arange(20) - 5) for p in (near, far)]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
