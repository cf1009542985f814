/* The page "Try it": the reader's photo, its defocus map, and what can be made of both. */

import * as colors from "./colors.mjs";
import { start } from "./helper.mjs";
import { read } from "./photo.mjs";
import { download, npy, png } from "./save.mjs";
import { FULL_SCALE } from "./sharpen.mjs";

const root = document.getElementById("your-photo");
const find = (selector) => root.querySelector(selector);
const all = (selector) => [...root.querySelectorAll(selector)];

/** How the lens is rendered while a slider moves, and when it rests. */
const QUALITY = {
  draft: { pixels: 90_000, ratio: 1.8, detail: 1.5 },
  fine: { pixels: 400_000, ratio: 1.4, detail: 3 },
};
const SPEEDS = { alpha1: 30, alpha2: 92 }; // of the gain's rise and fall, as in the paper's Figure 11
const SHARPEST = 0.15; // share of a photo that is taken to be in focus, if it has at most a pixel of blur
const MEDIAN_OF = 7; // pixels around a point, each way, since one may be off

/** One helper maps and makes fine pictures, the other follows the sliders; started on first use. */
const helpers = {};
const ask = (name, ...task) => (helpers[name] ??= start())(...task);

let shown = null; // {name, pixels, maps, width, height} of the photo
let point = { x: 0, y: 0 };
let focus = null; // sigma that is to be in focus; null for what is

// Reading a photo

let opened = 0; // counts the photos

async function open(file) {
  const turn = ++opened; // what comes for an earlier photo is dropped
  const current = () => turn === opened;
  try {
    root.dataset.state = "working";
    say(`Reading ${file.name || "the picture"} …`);
    const photo = await read(file);
    if (!current()) return;
    const given = { pixels: photo.pixels };
    const { maps, seconds } = await ask("fine", "map", given, (share) => current() && progress(share));
    if (!current()) return;
    shown = { ...photo, maps };
    focus = null;
    // What is sharpest is in focus, and for a network that is hardly ever 0.
    find("[name=sharp]").value = Math.min(Math.max(colors.quantile(maps.sigma, SHARPEST), 0.2), 1);
    showMap();
    pickMode("photo");
    say("Preparing the sliders …");
    const kept = { photo: photo.pixels, sigma: maps.sigma, settings: settings() };
    await Promise.all(Object.entries(QUALITY).map(([name, quality]) => ask(name, "keep", { ...kept, quality })));
    if (!current()) return;
    say(`${about(photo)} Mapped in ${seconds.toFixed(1)} seconds, in one thread.`);
    root.dataset.state = "ready";
  } catch (error) {
    if (!current()) return;
    root.dataset.state = "failed";
    say(error.message);
  } finally {
    if (current()) find("progress").hidden = true;
  }
}

function progress(share) {
  const bar = find("progress");
  bar.hidden = false;
  if (share < 1) {
    bar.value = share;
    say("Loading the network, once …");
  } else {
    bar.removeAttribute("value"); // no more to tell
    say("Mapping …");
  }
}

function about({ name, pixels, width, height }) {
  if (width === pixels.width) return `${name}: ${width} × ${height} pixels.`;
  const times = (width / pixels.width).toFixed(1);
  return `${name}: ${width} × ${height} pixels, worked on at ${pixels.width} × ${pixels.height}.
    One pixel here is ${times} of the photo's.`;
}

function say(text) {
  const [status, line] = [find("[data-status]"), text.replace(/\s+/g, " ")];
  if (status.textContent !== line) status.textContent = line;
}

// The map

function showMap() {
  const { name, pixels, maps } = shown;
  const { width, height } = pixels;
  const end = colors.scale(maps.sigma);
  const canvas = find("[data-map]");
  Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(colors.paint(maps.sigma, width, height, end), 0, 0);
  const [least, median, most] = [0.01, 0.5, 0.99].map((share) => colors.quantile(maps.sigma, share).toFixed(1));
  const [sharp, soft] = extremes(maps.sigma, width, height);
  canvas.setAttribute(
    "aria-label",
    `Defocus map of ${name}: sigma from ${least} to ${most} pixels, half of it below ${median}. ` +
      `Sharpest ${sharp}, most blurred ${soft}.`,
  );
  find("[data-ticks]").replaceChildren(
    ...[0, 1, 2, 3, 4].map((i) => Object.assign(document.createElement("b"), { textContent: (end * i) / 4 })),
  );
  find("[data-ticks]").dataset.end = end;
  find("[data-result]").hidden = false;
  moveTo(Math.round(width / 2), Math.round(height / 2));
}

/** In which ninth of the photo the mean blur is least, and in which it is greatest. */
function extremes(sigma, width, height) {
  const sums = new Float64Array(9);
  const counts = new Float64Array(9);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const ninth = 3 * Math.floor((3 * y) / height) + Math.floor((3 * x) / width);
      sums[ninth] += sigma[i];
      counts[ninth]++;
    }
  }
  const order = [...sums.keys()].sort((a, b) => sums[a] / counts[a] - sums[b] / counts[b]);
  const [rows, columns] = [["at the top", "in the middle", "at the bottom"], [" left", "", " right"]];
  return [order[0], order[8]].map((ninth) => rows[Math.floor(ninth / 3)] + columns[ninth % 3]);
}

function moveTo(x, y) {
  const { width, height } = shown.pixels;
  point = { x: Math.min(Math.max(x, 0), width - 1), y: Math.min(Math.max(y, 0), height - 1) };
  for (const cross of all(".cross")) {
    cross.style.left = `${(100 * (point.x + 0.5)) / width}%`;
    cross.style.top = `${(100 * (point.y + 0.5)) / height}%`;
  }
  const [sigma, low, high] = ["sigma", "low", "high"].map((map) => shown.maps[map][point.y * width + point.x]);
  find("[data-readout]").textContent =
    `x ${point.x}, y ${point.y}: sigma ${sigma.toFixed(1)} pixels; ` +
    `the network's interval of 80 % is ${low.toFixed(1)} to ${high.toFixed(1)}`;
}

/** The median of sigma around the point. */
function sigmaThere() {
  const { width, height } = shown.pixels;
  const around = [];
  for (let y = Math.max(point.y - MEDIAN_OF, 0); y <= Math.min(point.y + MEDIAN_OF, height - 1); y++) {
    const row = y * width;
    const [left, right] = [Math.max(point.x - MEDIAN_OF, 0), Math.min(point.x + MEDIAN_OF, width - 1)];
    around.push(...shown.maps.sigma.subarray(row + left, row + right + 1));
  }
  return colors.quantile(Float32Array.from(around), 0.5);
}

function focusOn(sigma) {
  focus = sigma;
  if (mode() === "lens") refresh();
  else pickMode("lens");
}

// The picture

const mode = () => find("[name=mode]:checked").value;
const value = (name) => Number(find(`[name=${name}]`).value);

function settings() {
  return {
    lens: { wider: 2 ** (value("stops") / 2), sharp: value("sharp"), focus, highlights: value("highlights") },
    sharpen: {
      ...SPEEDS,
      beta1: value("from") / FULL_SCALE,
      beta2: value("to") / FULL_SCALE,
      strength: value("strength"),
    },
    mask: { most: value("most") },
  };
}

function pickMode(name) {
  find(`[name=mode][value=${name}]`).checked = true;
  for (const sliders of all(".sliders")) sliders.hidden = sliders.dataset.mode !== name;
  return refresh();
}

let wanted = 0; // counts what was asked for
let drawing = null; // a promise while pictures are made

/** Draw what is asked for, at once and then well; what comes meanwhile is drawn next. */
function refresh() {
  wanted++;
  name();
  root.dataset.drawn = "";
  return (drawing ??= draw().finally(() => (drawing = null)));
}

async function draw() {
  for (let at = 0; at !== wanted; ) {
    at = wanted;
    await picture("draft");
    if (at === wanted && mode() === "lens") await picture("fine", () => at === wanted);
  }
  root.dataset.drawn = mode();
}

async function picture(helper, current = () => true) {
  const [chosen, photo] = [mode(), shown];
  const given = { mode: chosen, settings: settings()[chosen] };
  const { picture: made } = chosen === "photo" ? {} : await ask(helper, "picture", given);
  if (photo === shown && current()) paint(made);
}

/** The photo, and over it what was made of it, at whatever size it came. */
function paint(made) {
  const { pixels } = shown;
  const canvas = find("[data-picture]");
  if (canvas.width !== pixels.width || canvas.height !== pixels.height) {
    Object.assign(canvas, { width: pixels.width, height: pixels.height });
  }
  const context = canvas.getContext("2d");
  if (made && made.width === pixels.width && mode() !== "lens") context.putImageData(made, 0, 0);
  else {
    context.putImageData(pixels, 0, 0);
    if (made) overlay(context, made);
  }
  root.dispatchEvent(new Event("drawn"));
}

function overlay(context, made) {
  const layer = new OffscreenCanvas(made.width, made.height);
  layer.getContext("2d").putImageData(made, 0, 0);
  const step = 2 ** Math.round(Math.log2(context.canvas.width / made.width));
  context.imageSmoothingQuality = "low"; // bilinear
  context.drawImage(layer, 0, 0, made.width * step, made.height * step);
}

/** Say in words what the sliders are at and what the canvas shows. */
function name() {
  const px = (name) => `${value(name).toFixed(2).replace(/0$/, "")} pixels`;
  const opened = 8 / 2 ** (value("stops") / 2);
  const words = {
    stops: `${value("stops")} stops: what was f/8 is f/${opened.toFixed(1)}`,
    highlights: `up to ${value("highlights")} times white`,
    sharp: `a blur of ${px("sharp")}`,
    strength: value("strength").toFixed(1),
    from: px("from"),
    to: px("to"),
    most: px("most"),
  };
  for (const [slider, text] of Object.entries(words)) {
    find(`[name=${slider}]`).nextElementSibling.textContent = text;
    find(`[name=${slider}]`).setAttribute("aria-valuetext", text);
  }
  find("[data-focus]").textContent = focus === null ? "as photographed." : `on a blur of ${focus.toFixed(1)} pixels.`;
  find("[data-refocus]").disabled = focus === null;
  const shows = {
    photo: "as it is",
    lens: `opened by ${words.stops}`,
    sharpen: `sharpened between a blur of ${words.from} and ${words.to}`,
    mask: `in gray where the blur is more than ${words.most}`,
  };
  find("[data-picture]").setAttribute("aria-label", `${shown.name}, ${shows[mode()]}`);
}

// Saving

async function save(what) {
  const { name: file, pixels, maps } = shown;
  const stem = file.replace(/\.[^.]*$/, "");
  if (what === "picture") {
    await drawing;
    const blob = await new Promise((resolve) => find("[data-picture]").toBlob(resolve));
    download(blob, `${stem}-${mode()}.png`);
  } else {
    const write = { npy, png }[what];
    download(await write(maps.sigma, pixels.width, pixels.height), `${stem}-map.${what}`);
  }
}

// What the reader does

function listen() {
  const input = find("input[type=file]");
  find("[data-choose]").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files[0]) open(input.files[0]);
    input.value = ""; // the same file can be chosen again
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
    root.classList.add("dragged");
  });
  addEventListener("dragleave", (event) => event.relatedTarget ?? root.classList.remove("dragged"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    root.classList.remove("dragged");
    if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => event.clipboardData.files[0] && open(event.clipboardData.files[0]));
  for (const button of all("[data-sample]")) button.addEventListener("click", () => sample(button.dataset.sample));
  for (const button of all("[data-save]")) button.addEventListener("click", () => save(button.dataset.save));
  for (const radio of all("[name=mode]")) radio.addEventListener("change", () => pickMode(radio.value));
  for (const slider of all("[type=range]")) slider.addEventListener("input", refresh);
  find("[data-refocus]").addEventListener("click", () => focusOn(null));
  for (const panel of all(".point")) listenToPoint(panel);
}

async function sample(name) {
  root.dataset.state = "working";
  try {
    const answer = await fetch(new URL(`${name}.png`, import.meta.url));
    open(new File([await answer.blob()], `${name}.png`));
  } catch {
    root.dataset.state = "failed";
    say("The sample could not be loaded: the page's server does not answer.");
  }
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function listenToPoint(panel) {
  panel.setAttribute("aria-label", `${panel.dataset.about}: arrow keys move the cross, Enter focuses there`);
  const under = ({ clientX, clientY }) => {
    const box = panel.getBoundingClientRect();
    const { width, height } = shown.pixels;
    moveTo(
      Math.floor(((clientX - box.left) / box.width) * width),
      Math.floor(((clientY - box.top) / box.height) * height),
    );
  };
  panel.addEventListener("pointermove", under);
  panel.addEventListener("click", (event) => {
    under(event);
    focusOn(sigmaThere());
  });
  panel.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (event.key === "Enter") focusOn(sigmaThere());
    else if (step) moveTo(...[point.x, point.y].map((at, i) => at + step[i] * (event.shiftKey ? 50 : 5)));
    else return;
    event.preventDefault();
  });
}

document.getElementById("your-photo-off")?.remove();
find(".bar i").style.background = colors.gradient;
root.hidden = false;
listen();
