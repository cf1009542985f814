import keras
import numpy as np
import pytest

from lib import paths
from lib.classifiers import ModelError
from lib.estimators import dmenet
from lib.estimators.dmenet import network
from lib.studies.dmenet import official, weights
from lib.studies.dmenet.batches import to_blur

WIDTH = 1 / 16


def picture(height, width, seed=0):
    return np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def tiny():
    """A narrow network with random weights whose batch normalization follows one picture, so that its map varies."""
    keras.utils.set_random_seed(0)
    model = network.build(WIDTH, peak=4)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0
    model(picture(128, 128)[None], training=True)
    return model


# The architecture


@pytest.fixture(scope="module")
def full():
    return network.build()


def test_the_encoder_is_vgg19(full):
    """Its convolutions hold 20,024,384 parameters (Simonyan and Zisserman 2015, model E without its dense layers)."""
    encoder = [layer for layer in full.layers if layer.name.startswith("conv") and layer.weights]
    assert len(encoder) == 16
    reference = keras.applications.VGG19(weights=None, include_top=False)
    assert sum(layer.count_params() for layer in encoder) == reference.count_params() == 20_024_384
    shapes = [tuple(layer.kernel.shape) for layer in reference.layers if hasattr(layer, "kernel")]
    assert [tuple(layer.kernel.shape) for layer in encoder] == shapes


def test_the_decoder_has_the_parameters_of_its_description(full):
    """Each convolution has a kernel and biases; each batch normalization a shift, and no scale."""

    def normalized(given, made, size=3):
        return (size**2 * given + 1) * made + made

    def auxiliary(given, made):
        return normalized(given, made) + normalized(made, 1)

    count = auxiliary(512, 256)
    for joined, made in ((512 + 512, 256), (256 + 256, 128), (128 + 128, 64)):
        count += normalized(joined, made) + 2 * normalized(made, made) + auxiliary(made, made // 2)
    count += normalized(64 + 64, 64) + auxiliary(64, 32)
    count += 7 * (2 * normalized(64, 64) + normalized(64, 64, size=1))
    count += normalized(64, 64) + normalized(64, 32) + 9 * 32 + 1
    trained = sum(int(np.prod(variable.shape)) for variable in full.trainable_variables)
    assert trained == 20_024_384 + count == 26_939_819


def test_maps_have_their_sizes_and_lie_in_0_to_1(tiny):
    maps = [np.asarray(output) for output in tiny(picture(48, 64)[None])]
    sizes = [(48, 64), (3, 4), (6, 8), (12, 16), (24, 32), (48, 64)]
    assert [output.shape for output in maps] == [(1, *size, 1) for size in sizes]
    assert all((output >= 0).all() and (output <= 1).all() for output in maps)


def test_skips_join_equal_sizes_and_the_padding_is_symmetric(full):
    channels = {level: full.get_layer(f"u{level}-concat").output.shape[-1] for level in (3, 2, 1, 0)}
    assert channels == {3: 1024, 2: 512, 1: 256, 0: 128}
    padded = np.asarray(network.SymmetricPadding()(np.arange(6, dtype=np.float32).reshape(1, 2, 3, 1)))
    np.testing.assert_array_equal(padded[0, ..., 0], np.pad(np.arange(6).reshape(2, 3), 1, "symmetric"))


def test_doubling_repeats_pixels(tiny):
    """The authors' nearest-neighbor resize with aligned corners does the same at a factor of two."""
    for length in (2, 7, 30):
        out = np.arange(2 * length)
        aligned = np.floor(out * (length - 1) / (2 * length - 1) + 0.5).astype(int)
        np.testing.assert_array_equal(aligned, out // 2)
    assert tiny.get_layer("u3-u").interpolation == "nearest"


def test_the_input_is_centered_as_vgg19_was_trained(full):
    centered = keras.Model(full.input, full.get_layer("centered").output)
    red = np.zeros((1, 16, 16, 3), np.float32)
    red[..., 0] = 1
    np.testing.assert_allclose(np.asarray(centered(red))[0, 0, 0], [255 - 123.68, -116.779, -103.939], rtol=1e-5)


# From the map to sigma


def test_to_sigma_and_back():
    np.testing.assert_allclose(network.to_sigma(np.array([0, 1 / 15, 3 / 15, 1])), [0, 0, 1, 7], atol=1e-12)
    sigma = np.linspace(0, 7, 15)
    np.testing.assert_allclose(network.to_sigma(to_blur(sigma)), sigma, atol=1e-12)
    assert to_blur(19.0) == 1


# estimate


@pytest.mark.parametrize("shape", [(32, 32), (33, 50, 3), (1, 1), (5, 130, 3)])
def test_estimate_takes_any_size_gray_and_color(tiny, shape):
    image = np.random.default_rng(0).random(shape).astype(np.float32)
    sigma = dmenet.estimate(image, tiny)
    assert sigma.shape == shape[:2]
    assert sigma.dtype == np.float32
    assert np.isfinite(sigma).all()
    assert sigma.min() >= 0
    assert sigma.max() <= 7


def test_gray_counts_as_color_of_equal_channels(tiny):
    gray = picture(40, 48)[..., 0]
    np.testing.assert_array_equal(dmenet.estimate(gray, tiny), dmenet.estimate(np.dstack([gray] * 3), tiny))


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_constant_photo_has_a_constant_map(tiny, value):
    sigma = dmenet.estimate(np.full((48, 48), value, np.float32), tiny)
    assert np.ptp(sigma) < 1e-3


def test_tiles_agree_with_the_whole(tiny, monkeypatch):
    """A pixel's map depends on no pixel farther than 192 away; with such a margin tiles equal the whole."""
    image = picture(672, 32)
    monkeypatch.setattr(dmenet, "TILE", 672)
    whole = dmenet.estimate(image, tiny)
    monkeypatch.setattr(dmenet, "TILE", 96)
    monkeypatch.setattr(dmenet, "MARGIN", 192)
    calls = []
    tiled = dmenet.estimate(image, tiny, progress=lambda *done: calls.append(done))
    assert calls == [(k, 7) for k in range(1, 8)]
    np.testing.assert_allclose(tiled, whole, atol=1e-3)
    monkeypatch.setattr(dmenet, "MARGIN", 0)
    assert abs(dmenet.estimate(image, tiny) - whole).max() > 0.1


def test_estimate_refuses_what_is_no_image(tiny):
    with pytest.raises(ValueError, match="scale it first"):
        dmenet.estimate(np.full((32, 32), 255.0), tiny)


# Files


def test_saving_in_half_precision_keeps_the_map(tiny, tmp_path):
    weights.save(tiny, tmp_path / "small.keras")
    loaded = network.load(tmp_path / "small.keras")
    assert network.settings(loaded) == (WIDTH, 4)
    assert all((weight == np.float32(np.float16(weight))).all() for weight in loaded.get_weights())
    image = picture(64, 64)
    before, after = dmenet.estimate(image, tiny), dmenet.estimate(image, loaded)
    assert abs(before - after).mean() < 0.02 * np.ptp(before)
    assert [path.name for path in tmp_path.iterdir()] == ["small.keras"]


def test_saving_takes_variances_beyond_half_precision_but_no_infinity(tmp_path):
    model = network.build(WIDTH)
    norm = model.get_layer("u3-b1")
    norm.moving_variance.assign(np.full(norm.moving_variance.shape, 1e6))
    weights.save(model, tmp_path / "wide.keras")
    loaded = network.load(tmp_path / "wide.keras")
    assert all(np.isfinite(weight).all() for weight in loaded.get_weights())
    model.get_layer("conv1_1").bias.assign(np.full(4, 1e6))
    with pytest.raises(ModelError, match="train at a lower rate"):
        weights.save(model, tmp_path / "wide.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["wide.keras"]


def test_loading_says_what_is_wrong(tmp_path):
    with pytest.raises(ModelError, match=r"Unknown DMENet 'dmenet': expected one of .* or the path of"):
        network.load("dmenet")
    broken = tmp_path / "broken.keras"
    broken.write_bytes(b"no zip")
    with pytest.raises(ModelError, match="cannot be read as a DMENet"):
        network.load(broken)
    other = tmp_path / "other.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]).save(other)
    with pytest.raises(ModelError, match="cannot be read as a DMENet"):
        network.load(other)


@pytest.mark.parametrize("name", network.shipped())
def test_a_shipped_network_tells_blur_from_none(name):
    """A picture of sharp texture reads as sharper than the same texture blurred, by more than a pixel."""
    from lib import optics, photos

    assert (paths.weights() / network.FOLDER / f"{name}.keras").stat().st_size < 12e6
    sharp = photos.load("motorcycle")[150:342, 200:392]
    camera = optics.Camera(0.05, 1.0, 2, 0.036, 192)
    sigma = optics.sigma_map(4.0, camera)
    camera = optics.Camera(0.05, float(sigma) / 4, 2, 0.036, 192)
    blurred, truth = optics.render_defocus(sharp, np.full(sharp.shape[:2], 4.0), camera)
    np.testing.assert_allclose(truth, 4, rtol=1e-5)
    means = [dmenet.estimate(image, name).mean() for image in (sharp, blurred)]
    assert means[1] - means[0] > 1


# The authors' file


def variables(model, seed=0):
    """What the authors' code would have saved of `model`'s shape: random arrays by name."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.random(tuple(variable.shape)).astype(np.float32)
        for layer in model.layers
        for name, variable in official._variables(layer)
    }


def test_names_are_those_of_the_authors_graph(full):
    names = {name for layer in full.layers for name, _ in official._variables(layer)}
    decoder = "main_net/defocus_net/decoder"
    assert {
        "main_net/defocus_net/encoder/conv1_1/W_conv2d:0",
        "main_net/defocus_net/encoder/conv5_4/b_conv2d:0",
        f"{decoder}/u4_aux/c1/W_conv2d:0",
        f"{decoder}/u4_aux/b2/moving_variance:0",
        f"{decoder}/u3/c3/W_conv2d:0",
        f"{decoder}/u0/c_init/W_conv2d:0",
        f"{decoder}/u0/b_res6/beta:0",
        f"{decoder}/u0/c6_2/b_conv2d:0",
        f"{decoder}/uf/c3/W_conv2d:0",
    } <= names
    convolutions, normalizations = 16 + 5 * 2 + 3 * 3 + 1 + 7 * 3 + 3, 5 * 2 + 3 * 3 + 1 + 7 * 3 + 2
    assert len(names) == 2 * convolutions + 3 * normalizations
    assert len(names) == len(full.weights)


def test_the_importer_puts_every_array_in_its_place(tmp_path, monkeypatch):
    narrow = network.build(WIDTH)
    arrays = variables(narrow) | {"discriminator/feature/h0/c1/W_conv2d:0": np.zeros(3, np.float32)}
    np.savez(tmp_path / "DMENet_BDCS.npz", **arrays)
    build = network.build
    monkeypatch.setattr(network, "build", lambda: build(WIDTH))
    model = official.load(tmp_path / "DMENet_BDCS.npz")
    first, last = model.get_layer("conv1_1").kernel, model.get_layer("uf-c3").kernel
    stored = arrays["main_net/defocus_net/encoder/conv1_1/W_conv2d:0"]
    np.testing.assert_array_equal(np.asarray(first), stored[:, :, ::-1])  # B, G, R to R, G, B
    np.testing.assert_array_equal(np.asarray(last), arrays["main_net/defocus_net/decoder/uf/c3/W_conv2d:0"])
    norm = model.get_layer("u0-b3_2")
    for kind in ("beta", "moving_mean", "moving_variance"):
        stored = arrays[f"main_net/defocus_net/decoder/u0/b3_2/{kind}:0"]
        np.testing.assert_array_equal(np.asarray(getattr(norm, kind)), stored)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays, name: arrays.pop(name), r"lacks 1 of \d+ arrays, first 'main_net.*u2/c2/W_conv2d:0'"),
        (lambda arrays, name: arrays.update({name: arrays[name][:2]}), r"expected .*u2/c2.* of shape .*, got \(2, 3"),
        (lambda arrays, name: arrays[name].fill(np.nan), "the file is damaged"),
    ],
)
def test_the_importer_refuses_other_arrays(change, message):
    narrow = network.build(WIDTH)
    arrays = variables(narrow)
    change(arrays, "main_net/defocus_net/decoder/u2/c2/W_conv2d:0")
    with pytest.raises(ModelError, match=message) as refused:
        official.assign(narrow, arrays, "DMENet_BDCS.npz")
    assert "codeslake/DMENet" in str(refused.value)
    assert "dmenet-compact" in str(refused.value)


def test_the_importer_refuses_what_is_no_archive(tmp_path):
    for name, content in (("gone.npz", None), ("text.npz", b"hello"), ("list.npy", np.arange(3))):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            np.save(path, content)
        with pytest.raises(ModelError, match=f"Cannot read .*{name}.*DMENet_BDCS.npz of the authors"):
            official.load(path)
