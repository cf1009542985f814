"""The engines agree with Keras; the exported files are those of the shipped weights."""

import sys

import keras
import numpy as np
import pytest
from skimage import data

from lib import blur_map, classifiers, engines, images, paths, photos
from lib.cli import pictures
from lib.engines import core, onnx, openvino
from lib.studies import blur_map as blur_map_study

LENS = "mobilenet_v2-lens"
EXPORTS = [name for name in classifiers.shipped() if (paths.weights() / f"{name}.onnx").is_file()]
FLOAT32 = ("onnx", "openvino")
NO_BFLOAT16 = "BF16" not in openvino.openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
bfloat16 = pytest.param("openvino-bf16", marks=pytest.mark.skipif(NO_BFLOAT16, reason="the processor has no bfloat16"))


@pytest.fixture(scope="module")
def samples():
    """Random patches, real ones, flat ones, and a number of them that fills no batch."""
    rng = np.random.default_rng(0)
    flat = np.broadcast_to(np.float32([0, 0.5, 1])[:, None, None, None], (3, 32, 32, 1))
    return np.concatenate([rng.random((30, 32, 32, 1), dtype=np.float32), blur_map_study.windows(300), flat])


def tiny(seed):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((16, 16, 1))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, activation="relu")(inputs))
    return keras.Model(inputs, keras.layers.Dense(5, activation="softmax")(x), name="tiny")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx, "CACHE", tmp_path / "onnx")
    return tmp_path / "onnx"


def test_the_default_of_the_commands_is_exported():
    assert LENS in EXPORTS
    for name in EXPORTS:
        assert (paths.weights() / f"{name}.onnx").stat().st_size < 12e6


@pytest.mark.parametrize("engine", FLOAT32)
@pytest.mark.parametrize("name", EXPORTS)
def test_an_exported_file_answers_as_the_weights_beside_it(name, engine, samples):
    expected = classifiers.load(name).predict_on_batch(samples)
    answers = engines.start(name, engine).predict(samples)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(classifiers.shipped()) - set(EXPORTS)))
def test_the_other_classifiers_are_exported_on_demand(name, samples, cache):
    expected = classifiers.load(name).predict_on_batch(samples)
    for engine in FLOAT32:
        np.testing.assert_allclose(engines.start(name, engine).predict(samples), expected, atol=1e-4)
    assert len(list(cache.iterdir())) == 1


def test_an_open_model_is_exported_once_for_its_weights(cache):
    x = np.random.default_rng(0).random((3, 16, 16, 1), dtype=np.float32)
    for model in (tiny(0), tiny(1), tiny(0)):
        predict, size = engines.start(model, "onnx")
        assert size == 16
        np.testing.assert_allclose(predict(x), model.predict_on_batch(x), atol=1e-5)
    assert len(list(cache.iterdir())) == 2


def test_a_failed_export_leaves_nothing(cache, monkeypatch):
    def fail(*args, output_path, **options):
        with open(output_path, "w") as file:
            file.write("half")
        raise RuntimeError

    monkeypatch.setattr("tf2onnx.convert.from_function", fail)
    with pytest.raises(RuntimeError):
        engines.start(tiny(0), "onnx")
    assert not list(cache.parent.rglob("*"))


@pytest.mark.parametrize("count", [1, 63, 64, 65, 300])
@pytest.mark.parametrize("engine", [*FLOAT32, bfloat16])
def test_any_number_of_windows_is_answered_in_order(engine, count, samples):
    predict = engines.start(LENS, engine).predict
    answers = predict(samples[:count])
    assert answers.shape == (count, 20)
    np.testing.assert_allclose(answers, predict(samples)[:count], atol=1e-5)


@pytest.fixture(scope="module")
def gray():
    return images.to_gray(photos.load("flower"))


@pytest.fixture(scope="module")
def expected_levels(gray):
    return blur_map.classify(gray, LENS, 16)[0]


@pytest.mark.parametrize("engine", [*FLOAT32, bfloat16])
def test_the_map_is_the_same_on_every_engine(engine, gray, expected_levels):
    levels, certainty = blur_map.classify(gray, LENS, 16, engine=engine)
    assert (levels == expected_levels).mean() >= 0.995
    assert 0.05 <= certainty.min() <= certainty.max() <= 1
    estimated = blur_map.estimate(gray, LENS, 16, engine=engine)
    np.testing.assert_array_equal(estimated, blur_map.average(levels, gray.shape, 16))


def test_a_name_a_file_and_a_started_engine_are_the_model(gray, expected_levels):
    model = classifiers.load(LENS)
    part = gray[:64, :64]
    expected = blur_map.classify(part, model, 16)[0]
    for same in (LENS, paths.weights() / f"{LENS}.keras", str(paths.weights() / f"{LENS}.keras"), engines.start(model)):
        np.testing.assert_array_equal(blur_map.classify(part, same, 16)[0], expected)


def test_close_calls_and_only_they_get_a_second_look():
    quick = np.array([[0.6, 0.3, 0.1], [0.45, 0.4, 0.15], [0.4, 0.2, 0.4], [0.1, 0.8, 0.1]], np.float32)
    asked = []

    def exact(windows):
        asked.extend(windows.ravel())
        return np.full((len(windows), 3), [0.1, 0.9, 0], np.float32)

    first = engines.Engine(lambda windows: quick[windows.ravel()].copy(), 1)
    engine = openvino.second_look(first, engines.Engine(exact, 1))
    answers = engine.predict(np.arange(4)[:, None, None, None])
    assert asked == [1, 2]
    np.testing.assert_array_equal(answers.argmax(1), [0, 1, 1, 1])
    np.testing.assert_array_equal(engine.predict(np.array([3])), quick[3:])


def test_the_keras_engine_follows_the_weights():
    model = tiny(0)
    x = np.random.default_rng(0).random((3, 16, 16, 1), dtype=np.float32)
    engines.start(model).predict(x)
    model.set_weights(tiny(1).get_weights())
    np.testing.assert_allclose(engines.start(model).predict(x), tiny(1).predict_on_batch(x), atol=1e-6)


def test_unknown_engine_is_refused(gray):
    with pytest.raises(engines.EngineError, match="Unknown engine 'tpu': expected one of keras, onnx, openvino"):
        blur_map.estimate(gray, LENS, engine="tpu")


@pytest.mark.parametrize("name", ["resnet", "resnet.keras"])
def test_unknown_model_is_refused_on_every_engine(name, gray):
    for engine in ("keras", "onnx"):
        with pytest.raises(classifiers.ModelError, match="Unknown model"):
            blur_map.estimate(gray, name, engine=engine)


@pytest.mark.parametrize(("engine", "package"), [("onnx", "onnxruntime"), ("openvino", "openvino")])
def test_a_missing_package_is_named(engine, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(engines.EngineError, match=f"needs the package {package}: pip install {package}, or take"):
        engines.start(LENS, engine)


def test_a_missing_exporter_is_named(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(engines.EngineError, match="pip install tf2onnx"):
        engines.start(tiny(0), "onnx")


def test_a_processor_without_bfloat16_is_told_so(monkeypatch):
    class Core:
        def get_property(self, device, name):
            return ["FP32", "INT8"]

    monkeypatch.setattr("openvino.Core", Core)
    core._from_file.cache_clear()
    with pytest.raises(engines.EngineError, match="no bfloat16 arithmetic, so"):
        engines.start(LENS, "openvino-bf16")


@pytest.mark.slow
def test_the_benchmark_compares_with_keras(tmp_path):
    photo = tmp_path / "camera.png"
    pictures.write(photo, data.camera() / np.float32(255))
    with blur_map_study.Contestants(("keras", "onnx")) as contestants:
        keras_row, onnx_row = blur_map_study.rates(contestants, blur_map_study.windows(40), rounds=1)
        rows = list(blur_map_study.maps(contestants, {0.02: (32,)}))
        assert blur_map_study.unseen(contestants, [photo] * 5, count=20) == {"keras": 1, "onnx": 1}
    assert keras_row["times_keras"] == keras_row["same_level"] == 1
    assert onnx_row["largest_difference"] < 1e-4
    assert onnx_row["mebibytes"] < keras_row["mebibytes"]  # does without TensorFlow
    assert [row["engine"] for row in rows] == ["keras", "onnx"]
    assert all(row["windows"] == 24 and row["processor_seconds"] > 0 and row["mean_difference"] < 0.1 for row in rows)
