"""The page "Try it" and the live figures, in a headless Chromium, against Python.

In `make browser` the pages are those of the built book, else they hold the same code and nothing else.
"""

import base64
import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace
from urllib.parse import urlsplit

import chromium
import cv2
import matplotlib
import numpy as np
import onnxruntime
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from scipy import ndimage

from book._ext import try_it
from lib import enhancement, one_pass, optics, paths
from lib.cli import map_files
from lib.one_pass.weights import shipped
from lib.shallow_focus import weights

HTML = paths.BUILD / "html"
PHOTOS = paths.DATA / "photos" / "gb82"
RUNTIME = paths.BOOK / "_vendor" / "onnxruntime-web"
LIMIT = 6e6
"""Bytes that the first map may load, compressed."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Address of the pages."""
    folder = HTML if chromium.REQUIRED else pages(tmp_path_factory.mktemp("site"))
    with chromium.served(folder) as address:
        yield address


def pages(folder):
    """The pages with what is in them beside the text, made in a moment."""
    shutil.copytree(paths.BOOK / "_static", folder / "_static")
    shutil.copytree(RUNTIME, folder / "_static" / "onnxruntime-web")
    try_it.add_files(folder / "_static")
    for name in ("try_it", "optics", "enhancement", "shallow_focus"):
        blocks = re.findall(r"```\{raw\} html\n(.*?)```", (paths.BOOK / f"{name}.md").read_text(), re.DOTALL)
        included = [
            re.sub(r":file: (\S+)\n", lambda file: (paths.BOOK / file[1]).read_text(), block) for block in blocks
        ]
        head = f'<!doctype html><html lang="en"><title>{name}</title><main><h1>{name}</h1>'
        (folder / f"{name}.html").write_text(head + "".join(included) + "</main></html>")
    return folder


@pytest.fixture(scope="module")
def browser():
    with chromium.started() as browser:
        yield browser


def visit(browser, address, **options):
    """Open a page without a network: what asks for anything but this machine's server is in `wrong`, as errors are."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True, **options)
    page = context.new_page()
    page.set_default_timeout(120_000)  # ms; for a machine that is busy
    opened = SimpleNamespace(page=page, context=context, wrong=[], loaded=[])
    page.on("console", lambda message: message.type == "error" and opened.wrong.append(message.text))
    page.on("pageerror", lambda error: opened.wrong.append(str(error)))
    page.on("request", lambda request: opened.loaded.append(request.url))
    host = urlsplit(address).netloc

    def local_only(route):
        if urlsplit(route.request.url).netloc in ("", host):
            return route.continue_()
        opened.wrong.append(f"foreign: {route.request.url}")
        return route.abort()

    context.route("**/*", local_only)
    page.goto(address, wait_until="load")
    return opened


@pytest.fixture(scope="module")
def opened(browser, site):
    """The page."""
    opened = visit(browser, f"{site}try_it.html")
    yield opened
    opened.context.close()


@pytest.fixture
def page(opened):
    opened.wrong.clear()
    yield opened.page
    assert opened.wrong == []


def drop(page, data, name, kind="image/png"):
    """Drop a file on the page and wait for what comes of it; the line that the page then shows."""
    page.evaluate(
        """([data, name, type]) => {
            const file = new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name, { type });
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(file);
            dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true }));
        }""",
        [encoded(data), name, kind],
    )
    return settled(page)


def encoded(data):
    return base64.b64encode(data).decode()


def settled(page):
    """Wait until the photo is there, or is refused; the line that says so."""
    page.wait_for_selector("#your-photo:is([data-state=ready], [data-state=failed])")
    return page.inner_text("[data-status]")


def drawn(page, mode):
    """Choose what picture to see, and wait until it is drawn as well as it will be."""
    page.check(f"[name=mode][value={mode}]")
    page.wait_for_selector(f"#your-photo[data-drawn={mode}]")


def move(page, name, value):
    """Move a slider; how many milliseconds later the picture followed, and the seconds until it was final."""
    milliseconds = page.evaluate(
        """([name, value]) => new Promise((resolve) => {
            const [root, slider] = ["#your-photo", `[name=${name}]`].map((one) => document.querySelector(one));
            const begin = performance.now();
            root.addEventListener("drawn", () => resolve(performance.now() - begin), { once: true });
            slider.value = value;
            slider.dispatchEvent(new Event("input", { bubbles: true }));
        })""",
        [name, str(value)],
    )
    page.wait_for_selector("#your-photo:not([data-drawn=''])")
    return milliseconds


def canvas(page, which):
    """The pixels of a canvas, (H, W, 3) uint8."""
    url = page.evaluate(f"document.querySelector('[data-{which}]').toDataURL()")
    return np.array(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))


def saved(page, what):
    """What a save button gives: name and bytes."""
    with page.expect_download() as waiting:
        page.click(f"[data-save={what}]")
    return waiting.value.suggested_filename, open(waiting.value.path(), "rb").read()


def by_python(photo):
    """Sigma, low and high of a photo (H, W, 3) uint8."""
    return one_pass.estimate(photo.astype(np.float32) / 255, interval=True)


def python_seconds(photo, threads):
    """What the network alone takes in Python."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(shipped(".onnx"), options)
    padded = np.pad(photo, [(0, -side % 32) for side in photo.shape[:2]] + [(0, 0)], "reflect")
    given = {"photo": padded[None].astype(np.float32) / 255}
    seconds = []
    for _ in range(4):
        begin = time.perf_counter()
        session.run(None, given)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def png(pixels):
    return cv2.imencode(".png", pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1].tobytes()


@pytest.fixture(scope="module")
def dog():
    return np.array(Image.open(PHOTOS / "dog.png").convert("RGB"))


@pytest.fixture(scope="module")
def head(dog):
    """A quarter of it, before a hedge: small, for speed."""
    return np.ascontiguousarray(dog[:288, :288])


@pytest.fixture
def megapixel(dog):
    """A sample at 1 megapixel, by its mirror images."""
    return np.pad(dog, ((0, 1000 - 576), (0, 1000 - 576), (0, 0)), "symmetric")


# The map


def test_the_runtime_is_the_vendored_one():
    listed = re.findall(r"`(\S+?)` \| `([0-9a-f]{64})`", (RUNTIME / "README.md").read_text())
    assert len(listed) == 2
    for name, digest in listed:
        plain, packed = RUNTIME / name, RUNTIME / f"{name}.gz"
        data = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
        assert hashlib.sha256(data).hexdigest() == digest, name


def test_what_the_first_map_loads_is_small(tmp_path):
    (tmp_path / "try_it").mkdir()
    try_it.add_files(tmp_path)
    packed = [*RUNTIME.glob("*.gz"), tmp_path / "try_it" / "one_pass.onnx.gz"]
    plain = [*RUNTIME.glob("*.mjs"), *(paths.BOOK / "_static" / "try_it").glob("*.mjs")]
    sizes = [path.stat().st_size for path in packed] + [len(gzip.compress(path.read_bytes())) for path in plain]
    assert sum(sizes) < LIMIT, sizes


def test_nothing_of_the_network_is_loaded_before_it_is_used(browser, site):
    fresh = visit(browser, f"{site}try_it.html")
    fresh.page.wait_for_selector("[data-choose]")
    assert [url for url in fresh.loaded if "onnx" in url] == []
    assert fresh.wrong == []
    fresh.context.close()


@pytest.mark.parametrize("name", try_it.SAMPLES)
def test_the_map_of_a_sample_is_pythons(page, name):
    page.click(f"[data-sample={name}]")
    assert f"{name}.png: 576 × 576 pixels." in settled(page)
    expected = by_python(np.array(Image.open(PHOTOS / f"{name}.png").convert("RGB")))[0]
    file, data = saved(page, "npy")
    sigma = np.load(io.BytesIO(data))
    assert file == f"{name}-map.npy"
    assert sigma.dtype == np.float32
    assert np.abs(sigma - expected).max() < 0.05
    end = float(page.get_attribute("[data-ticks]", "data-end"))
    colors = matplotlib.colormaps["magma"](np.clip(sigma / end, 0, 1))[..., :3] * 255
    assert np.abs(canvas(page, "map") - colors).max() < 6  # of 255


def test_a_dropped_photo_of_any_size_has_pythons_map(page, dog):
    odd = dog[40:341, 100:457]
    assert "odd.png: 357 × 301 pixels." in drop(page, png(odd), "odd.png")
    assert np.abs(np.load(io.BytesIO(saved(page, "npy")[1])) - by_python(odd)[0]).max() < 0.05
    assert np.array_equal(canvas(page, "picture"), odd)


def test_the_saved_picture_of_the_map_says_its_scale(page, head, tmp_path):
    drop(page, png(head), "my.dog.png")
    sigma = np.load(io.BytesIO(saved(page, "npy")[1]))
    file, data = saved(page, "png")
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert (file, picture.dtype, picture.shape) == ("my.dog-map.png", np.uint16, (288, 288))
    said = Image.open(io.BytesIO(data)).text["Description"]
    peak = float(re.fullmatch(r".* sigma in pixels = value / 65535 \* (\d+)", said)[1])
    assert np.abs(picture / 65535 * peak - np.clip(sigma, 0, peak)).max() < peak / 65535
    (tmp_path / file).write_bytes(data)  # and the command line reads it
    assert np.abs(map_files.read_map(tmp_path / file, (288, 288)) - np.clip(sigma, 0, peak)).max() < peak / 65535


@pytest.mark.skipif(not chromium.REQUIRED, reason="speed is measured by make browser")
def test_a_megapixel_is_mapped_in_time(page, megapixel, capsys):
    seconds = []
    for _ in range(3):
        line = drop(page, png(megapixel), "megapixel.png")
        seconds.append(float(re.search(r"Mapped in ([\d.]+) seconds, in one thread", line)[1]))
    python = python_seconds(megapixel, threads=1)
    with capsys.disabled():
        print(f"\n1 megapixel, one thread: browser {min(seconds)} s of {seconds}, Python {python:.2f} s")
    assert min(seconds) < 1.5 * slowness(python)


def slowness(python):
    """How many times slower than idle a busy machine is now, by what Python's map of a megapixel takes."""
    busy = os.getloadavg()[0] > 1.5 * os.cpu_count()
    return max(1, python / 0.4) if busy else 1


def test_the_page_works_without_a_network(browser, site, dog):
    cut = visit(browser, f"{site}try_it.html")
    drop(cut.page, png(dog[:128, :128]), "first.png")  # loads the runtime from this machine's server
    cut.context.set_offline(True)
    assert "second.png: 160 × 128 pixels. Mapped" in drop(cut.page, png(dog[:128, 200:360]), "second.png")
    drawn(cut.page, "lens")
    assert saved(cut.page, "picture")[0] == "second-lens.png"
    assert cut.wrong == []
    assert {urlsplit(url).netloc for url in cut.loaded} <= {urlsplit(site).netloc, ""}
    cut.context.close()


def test_a_network_that_cannot_be_loaded_is_one_line_and_is_tried_again(browser, site, dog):
    cut = visit(browser, f"{site}try_it.html")
    cut.context.set_offline(True)
    said = drop(cut.page, png(dog[:64, :64]), "first.png")
    assert "could not be loaded: " in said
    cut.context.set_offline(False)
    assert drop(cut.page, png(dog[:64, :64]), "second.png").startswith("second.png: 64 × 64 pixels.")
    cut.context.close()


# What is made of it


@pytest.mark.skipif(not chromium.REQUIRED, reason="speed is measured by make browser")
def test_every_slider_moves_the_picture_within_a_tenth_of_a_second(page, megapixel, capsys):
    slower = slowness(python_seconds(megapixel, threads=1))
    drop(page, png(megapixel), "megapixel.png")
    for mode in ("lens", "sharpen", "mask"):
        drawn(page, mode)
        for name in page.eval_on_selector_all(f".sliders[data-mode={mode}] input", "all => all.map((one) => one.name)"):
            least, most = (float(page.get_attribute(f"[name={name}]", end)) for end in ("min", "max"))
            before, times = canvas(page, "picture"), []
            for share in (0.2, 0.4, 0.6, 0.8, 0.3):
                times.append(move(page, name, least + share * (most - least)))
            assert not np.array_equal(canvas(page, "picture"), before), name
            with capsys.disabled():
                print(f"\n{mode}, {name}: {', '.join(f'{each:.0f}' for each in times)} ms")
            assert min(times) < 100 * slower, name
            move(page, name, page.evaluate(f"document.querySelector('[name={name}]').defaultValue"))


def test_sharpening_is_pythons(page, head):
    drop(page, png(head), "dog.png")
    sigma = np.load(io.BytesIO(saved(page, "npy")[1]))
    drawn(page, "sharpen")
    for strength in (1, 3):
        move(page, "strength", strength)
        curve = enhancement.GainCurve(**{**vars(enhancement.FIGURE_11), "strength": strength})
        expected = enhancement.adaptive(head.astype(np.float32) / 255, sigma, curve)
        file, data = saved(page, "picture")
        assert file == "dog-sharpen.png"
        picture = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
        assert np.abs(picture - 255 * expected).max() < 1.2  # rounding, and the steps of the gain
        assert np.abs(picture.astype(int) - head).max() > 10


def test_the_mask_keeps_what_is_in_focus(page, head):
    drop(page, png(head), "dog.png")
    sigma = np.load(io.BytesIO(saved(page, "npy")[1]))
    drawn(page, "mask")
    move(page, "most", 2)
    picture = canvas(page, "picture")
    assert np.array_equal(picture[sigma <= 2], head[sigma <= 2])
    assert np.ptp(picture[sigma > 2].astype(int), axis=1).max() == 0
    assert 0.1 < (sigma <= 2).mean() < 0.9


def test_a_click_focuses_there(page, head):
    drop(page, png(head), "dog.png")
    sigma = np.load(io.BytesIO(saved(page, "npy")[1]))
    box = page.locator(".point").first.bounding_box()
    page.locator(".point").first.click(position={"x": box["width"] * 0.1, "y": box["height"] * 0.15})
    page.wait_for_selector("#your-photo[data-drawn=lens]")
    y, x = int(288 * 0.15), int(288 * 0.1)
    there = float(re.search(r"on a blur of ([\d.]+) pixels", page.inner_text("[data-focus]"))[1])
    assert there == pytest.approx(np.median(sigma[y - 7 : y + 8, x - 7 : x + 8]), abs=0.15)
    picture = canvas(page, "picture").astype(int)
    sharp = sigma < 0.5
    assert np.abs(picture - head)[sharp].mean() > 3 * np.abs(picture - head)[y - 7 : y + 8, x - 7 : x + 8].mean()
    page.click("[data-refocus]")
    page.wait_for_selector("#your-photo[data-drawn=lens]")
    picture = canvas(page, "picture").astype(int)
    sharp = float(page.input_value("[name=sharp]"))
    assert 0.2 <= sharp <= 1
    assert np.abs(picture - head)[sigma < sharp].max() == 0  # bit for bit


# The lens


def rendered(page, photo, sigma, wider, focus=None, highlights=1):
    """What the page's lens makes of a photo (H, W, 3) uint8 and its map, laid over the photo."""
    values = page.evaluate(
        """async ([rgb, sigma, width, height, settings]) => {
            const lens = await import("./_static/try_it/lens.mjs");
            const photo = new ImageData(width, height);
            photo.data.fill(255);
            for (let i = 0; i < sigma.length; i++) for (let c = 0; c < 3; c++) photo.data[4 * i + c] = rgb[3 * i + c];
            const reduced = lens.reduce(photo, Float32Array.from(sigma), { pixels: 1e6, ratio: 1.4, detail: 3 });
            return [...lens.render(reduced, settings).data];
        }""",
        [
            photo.ravel().tolist(),
            sigma.ravel().tolist(),
            *photo.shape[1::-1],
            {"wider": wider, "sharp": 1, "focus": focus, "highlights": highlights},
        ],
    )
    over = np.reshape(values, (*photo.shape[:2], 4)).astype(float)
    alpha = over[..., 3:] / 255
    return (1 - alpha) * photo + alpha * over[..., :3]


def light(picture):
    return optics.to_light(np.float32(picture) / 255)


def test_a_point_of_light_becomes_a_disk(page):
    photo = np.full((65, 65, 3), 20, np.uint8)
    photo[32, 32] = 255
    out = light(rendered(page, photo, np.full((65, 65), 3.0), wider=3))[..., 1]
    radius = 2 * np.sqrt((3 * 2) ** 2 - 2**2)  # sigma of 2 beyond what counts as in focus
    inside = np.hypot(*np.mgrid[-32:33, -32:33]) <= 1.15 * radius  # to the step of the layers
    ground = light(photo)[0, 0, 1]
    assert (out - ground).sum() == pytest.approx(1 - ground, rel=0.1)
    assert (out - ground)[inside].sum() > 0.85 * (out - ground).sum()
    spread = (((out - ground) * (np.mgrid[-32:33, -32:33][0] ** 2)).sum()) / (out - ground).sum()
    assert np.sqrt(spread) == pytest.approx(radius / 2, rel=0.2)  # to the step of the layers


def test_highlights_bloom(page):
    photo = np.full((65, 65, 3), 20, np.uint8)
    photo[31:34, 31:34] = 255
    sigma = np.full((65, 65), 3.0)
    plain, bright = (light(rendered(page, photo, sigma, 3, highlights=times)) for times in (1, 4))
    gained = (bright - light(photo)[0, 0]).sum() / (plain - light(photo)[0, 0]).sum()
    assert gained == pytest.approx(4, rel=0.1)


def test_what_is_sharp_does_not_color_the_background(page):
    photo = np.zeros((80, 80, 3), np.uint8)
    photo[:, 40:] = (0, 200, 0)
    photo[:, :40] = (200, 0, 0)
    sigma = np.where(np.arange(80) < 40, 0.0, 4.0) * np.ones((80, 1))
    out = rendered(page, photo, sigma, wider=4)
    assert np.array_equal(out[:, :40], photo[:, :40])
    assert out[:, 40:, 0].max() == 0
    assert np.abs(out[:, 40:, 1] - 200).max() <= 1


def test_what_is_near_spreads_over_what_is_in_focus(page):
    photo = np.zeros((80, 80, 3), np.uint8)
    photo[:, 40:] = (0, 200, 0)
    photo[:, :40] = (200, 0, 0)
    sigma = np.where(np.arange(80) < 40, 0.0, 4.0) * np.ones((80, 1))
    out = rendered(page, photo, sigma, wider=2, focus=4.0)
    assert out[40, 41, 0] > 50  # red spreads
    assert np.array_equal(out[:, 65:], photo[:, 65:])
    assert np.all(np.diff(out[40, :, 0]) <= 1)


def test_a_plane_is_blurred_as_by_scipy(page, dog):
    photo = dog[200:296, 200:328]
    out = light(rendered(page, photo, np.full(photo.shape[:2], 2.0), wider=3))
    radius = 2 * np.sqrt((3 * 1) ** 2 - 1**2)
    ratio = 1.4
    radius = 0.6 * ratio ** np.round(np.log(radius / 0.6) / np.log(ratio))  # the layer's
    fine = np.hypot(*(np.mgrid[-79:80, -79:80] / 11)) <= radius
    disk = np.pad(fine, 3).reshape(15, 11, 15, 11).mean((1, 3))
    expected = np.dstack(
        [ndimage.convolve(plane, disk / disk.sum(), mode="nearest") for plane in np.moveaxis(light(photo), 2, 0)]
    )
    inner = np.s_[10:-10, 10:-10]
    assert np.abs(out - expected)[inner].mean() < 0.2 * np.abs(light(photo) - expected)[inner].mean()


# Odd files


def jpeg(picture, **options):
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=95, **options)
    return stream.getvalue()


def test_a_photo_of_16_bits_is_read(page, dog):
    data = cv2.imencode(".png", dog[:64, :96, ::-1].astype(np.uint16) * 257)[1].tobytes()
    assert "deep.png: 96 × 64 pixels." in drop(page, data, "deep.png")
    assert np.abs(canvas(page, "picture").astype(int) - dog[:64, :96]).max() <= 1


def test_a_turned_photo_stands_upright(page, dog):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    upright = dog[:128, :96]
    data = jpeg(Image.fromarray(np.rot90(upright).copy()), exif=exif)
    assert "turned.jpg: 96 × 128 pixels." in drop(page, data, "turned.jpg", "image/jpeg")
    assert np.abs(canvas(page, "picture").astype(int) - upright).mean() < 4


def test_a_photo_in_cmyk_keeps_its_colors(page, dog):
    picture = Image.fromarray(dog[100:228, 100:228]).convert("CMYK")
    assert "print.jpg: 128 × 128" in drop(page, jpeg(picture), "print.jpg", "image/jpeg")
    assert np.abs(canvas(page, "picture").astype(int) - dog[100:228, 100:228]).mean() < 12


@pytest.mark.skipif(not chromium.REQUIRED, reason="large photos are opened by make browser")
def test_a_large_photo_is_worked_on_at_2_megapixels_and_upright(page, dog):
    exif = Image.Exif()
    exif[0x0112] = 8
    large = np.tile(dog, (6, 7, 1))[:3000, :4000]  # 12 megapixels
    data = jpeg(Image.fromarray(np.rot90(large, -1).copy()), exif=exif)
    line = drop(page, data, "large.jpg", "image/jpeg")
    assert "large.jpg: 4000 × 3000 pixels, worked on at 1633 × 1225. One pixel here is 2.4 of the photo's." in line
    expected = cv2.resize(large, (1633, 1225), interpolation=cv2.INTER_AREA)
    assert np.abs(canvas(page, "picture").astype(int) - expected).mean() < 6


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        (
            "IMG_1.HEIC",
            HEIC,
            "IMG_1.HEIC is HEIC, which this browser does not read. Save it as JPEG or PNG and take that.",
        ),
        ("scan.tif", b"II*\0" + bytes(64), "scan.tif is TIFF or raw, which this browser does not read."),
        ("cut.png", b"\x89PNG\r\n\x1a\n", "cut.png is damaged: this browser cannot decode it."),
        (
            "letter.jpg",
            b"Dear reader",
            "letter.jpg is not a photo that this browser reads (JPEG, PNG, WebP and AVIF are).",
        ),
        ("empty.png", b"", "empty.png is not a photo that this browser reads"),
    ],
)
def test_what_is_no_photo_gets_one_clear_line(opened, name, data, line):
    opened.wrong.clear()
    said = drop(opened.page, data, name)
    assert said.startswith(line)
    assert "\n" not in said
    assert [text for text in opened.wrong if "blob:" not in text and "ERR_" not in text] == []


def test_a_huge_photo_is_refused_in_one_line(page):
    stream = io.BytesIO()
    Image.new("1", (20000, 10000)).save(stream, "PNG")
    said = drop(page, stream.getvalue(), "huge.png")
    assert said == (
        "huge.png has 20000 × 10000 pixels, more than the 150 megapixels that are read here. "
        "Make it smaller, or use defocus map."
    )


# For every reader


def test_it_works_by_keyboard_alone(page, dog):
    drop(page, png(dog[:160, :160]), "dog.png")
    page.focus("[data-save=npy]")
    page.locator(".point").last.focus()
    before = page.inner_text("[data-readout]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    assert before.startswith("x 80, y 80: sigma ")
    assert page.inner_text("[data-readout]").startswith("x 85, y 30: sigma ")
    page.keyboard.press("Enter")
    page.wait_for_selector("#your-photo[data-drawn=lens]")
    assert "on a blur of" in page.inner_text("[data-focus]")


def test_the_readout_is_the_map_with_its_interval(page, dog):
    small = dog[:160, :160]
    drop(page, png(small), "dog.png")
    sigma, low, high = (each[80, 80] for each in by_python(small))
    said = [float(number) for number in re.findall(r"\d+\.\d", page.inner_text("[data-readout]"))]
    assert said == pytest.approx([sigma, low, high], abs=0.11)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_with_a_photo_it_is_accessible(page, dog, scheme):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    drop(page, png(dog[:160, :160]), "dog.png")
    assert re.match(
        r"Defocus map of dog.png: sigma from .* Sharpest .*, most blurred ",
        page.get_attribute("[data-map]", "aria-label"),
    )
    assert page.get_attribute("[data-status]", "role") == "status"
    for mode in ("photo", "lens", "sharpen", "mask"):
        drawn(page, mode)
        assert page.get_attribute("[data-picture]", "aria-label").startswith("dog.png, ")
        # Without `preload`, which asks for style sheets that others import, at places where they are not.
        found = Axe().run(page, context=".try-it", options={"preload": False}).response["violations"]
        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []


def test_a_pasted_photo_is_mapped(page, dog):
    page.evaluate(
        """(data) => {
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], "pasted.png"));
            dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
        }""",
        encoded(png(dog[:64, :64])),
    )
    assert "pasted.png: 64 × 64 pixels." in settled(page)


def test_a_chosen_photo_is_mapped(page, dog, tmp_path):
    (tmp_path / "chosen.png").write_bytes(png(dog[:64, :64]))
    page.set_input_files("input[type=file]", tmp_path / "chosen.png")
    page.wait_for_function("document.querySelector('[data-status]').textContent.startsWith('chosen.png: 64')")
    settled(page)


# The live figures


def live(browser, site, page, name):
    """A chapter's live figure: sets its sliders, and what it then says."""
    opened = visit(browser, f"{site}{page}.html")
    opened.page.wait_for_selector(f"#{name} svg")

    def says(**sliders):
        for slider, value in sliders.items():
            opened.page.locator(f"#{name} [name={slider}]").fill(str(value))
        text = opened.page.inner_text(f"#{name} output")
        assert opened.page.get_attribute(f"#{name} svg", "aria-label") == text
        return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]

    return says, opened


@pytest.fixture
def thin_lens(browser, site):
    says, opened = live(browser, site, "optics", "live-thin-lens")
    yield says
    assert opened.wrong == []
    opened.context.close()


@pytest.mark.parametrize(("number", "focus"), [(0.8, 120), (2.0, 150), (4.0, 250)])
def test_the_live_lens_follows_equation_2(thin_lens, number, focus):
    camera = optics.Camera(0.050, number, focus / 1000, 0.036, 4000)
    expected = [camera.aperture, camera.sensor_distance, optics.circle_of_confusion(0.200, camera)]
    assert thin_lens(number=number, focus=focus) == pytest.approx([1000 * each for each in expected], abs=0.06)


def test_the_live_gain_follows_equations_8_to_10(browser, site):
    says, opened = live(browser, site, "enhancement", "live-gain")
    M = np.linspace(0, 20, 20001)
    for curve in (enhancement.FIGURE_11, enhancement.FIGURE_10):
        half = M[enhancement.gain(M, curve) >= curve.strength / 2]
        assert says(**vars(curve)) == pytest.approx([half[0], half[-1]], abs=0.06)
    assert opened.wrong == []
    opened.context.close()


def test_the_live_weight_follows_equation_12(browser, site):
    says, opened = live(browser, site, "shallow_focus", "live-weight")
    for c0, c1 in [(1, 7), (0.5, 1.75)]:
        assert says(c0=c0, c1=c1) == pytest.approx(weights.solve(c0, c1), abs=6e-4)
    assert says(c0=8, c1=2) == []  # and says why
    assert opened.wrong == []
    opened.context.close()


# Without a browser, and without JavaScript


def test_make_browser_fails_where_there_is_no_recent_chromium(tmp_path):
    old = tmp_path / "chromium"
    old.write_text("#!/bin/sh\necho Chromium 90.0.4430.0\n")
    old.chmod(0o755)
    code = "import chromium; print(chromium.problem())\nwith chromium.started(): pass"
    for path, reason in [(old, "Chromium 115 or later is needed"), (tmp_path / "none", "does not start")]:
        for required in ({}, {"READ_BOOK": "1"}):
            env = {**{k: v for k, v in os.environ.items() if k != "READ_BOOK"}, "CHROMIUM": str(path), **required}
            done = subprocess.run(
                [sys.executable, "-c", code], cwd=paths.ROOT / "tests", env=env, capture_output=True, text=True
            )
            assert reason in done.stdout
            assert ("Failed: " if required else "Skipped: ") in done.stderr


@pytest.mark.skipif(not chromium.REQUIRED, reason="the built book is read by make browser")
def test_without_javascript_there_is_a_worked_example(browser, site):
    still = visit(browser, f"{site}try_it.html", java_script_enabled=False)
    assert not still.page.locator("#your-photo").is_visible()
    assert still.page.locator("#your-photo-off").is_visible()
    assert still.page.locator("figure img").first.is_visible()
    still.context.close()
