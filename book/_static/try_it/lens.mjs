/* A wider aperture: the photo rendered anew, in linear light, in layers of equal blur, each under its disk.
 *
 * A disk of confusion is as wide as the aperture (eq. 2), so a sigma of s pixels becomes `wider` times s; variances
 * add, so what is missing is a blur of sqrt((wider s)^2 - s^2). As in `lib.shallow_focus`, all things are taken to lie
 * behind the plane that the photo is focused on: a new focus leaves in front of it what has the smaller blur. Only a
 * layer's own pixels spread, so what is sharp does not color what is blurred behind it.
 */

/** Radius in pixels below which a disk is a pixel. */
const SMALLEST = 0.6;
/** From this value of 255 on, a pixel may have been brighter than the file can say. */
const CLIPPED = 242;
/** Cover below which a layer is not there: what rounding leaves. */
const NOTHING = 1e-4;
/** Weight of what is guessed behind near things, beside what can be seen. */
const HIDDEN = 1e-3;
/** Side in pixels of the tiles of a layer; empty ones are skipped. */
const TILE = 8;

const LIGHT = Float32Array.from({ length: 256 }, (_, i) =>
  i / 255 <= 0.04045 ? i / 255 / 12.92 : ((i / 255 + 0.055) / 1.055) ** 2.4,
);
const LAST = 16383;
const SRGB = Uint8ClampedArray.from({ length: LAST + 1 }, (_, i) => {
  const light = i / LAST;
  return 255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055);
});

/**
 * What is rendered: a photo and its map, halved; light is linear, and blur in the halved pixels.
 *
 * @param {ImageData} photo
 * @param {Float32Array} sigma Pixels.
 * @param {{pixels: number, ratio: number, detail: number}} quality Halve until there are at most so many pixels; from
 *   the radius of one layer to that of the next; radius in pixels that a disk keeps when its layer is halved further.
 */
export function reduce({ data, width, height }, sigma, { pixels, ratio, detail }) {
  const halvings = Math.max(0, Math.ceil(Math.log2((width * height) / pixels) / 2));
  const [w, h] = halved(width, height, halvings);
  const [light, glow, blur] = [new Float32Array(3 * w * h), new Float32Array(3 * w * h), new Float32Array(w * h)];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const o = (y >> halvings) * w + (x >> halvings);
      const share = 1 / block(x >> halvings, y >> halvings, width, height, halvings);
      const brightest = Math.max(data[4 * i], data[4 * i + 1], data[4 * i + 2]);
      const clipped = brightest > CLIPPED ? share * ((brightest - CLIPPED) / (255 - CLIPPED)) ** 2 : 0;
      for (let c = 0; c < 3; c++) {
        light[3 * o + c] += share * LIGHT[data[4 * i + c]];
        if (clipped) glow[3 * o + c] += clipped * LIGHT[data[4 * i + c]];
      }
      blur[o] += (share * sigma[i]) / 2 ** halvings;
    }
  }
  return { width: w, height: h, halvings, ratio, detail, light, glow, blur };
}

const halved = (width, height, halvings) => [width, height].map((length) => Math.ceil(length / 2 ** halvings));

/** Pixels that become one by halving, fewer at the right and lower border. */
function block(x, y, width, height, halvings) {
  const step = 1 << halvings;
  return Math.min(step, width - x * step) * Math.min(step, height - y * step);
}

/**
 * What a wider aperture changes, to be laid over the photo.
 *
 * @param {object} photo As `reduce` gives it.
 * @param {{wider: number, sharp: number, focus: ?number, highlights: number}} lens How many times wider the aperture is;
 *   up to which sigma, pixels, a thing counts as in focus, for a network's map is hardly ever 0; which sigma is to be in
 *   focus, null for what is already; how many times brighter than white a clipped pixel may have been.
 * @returns {ImageData} Of the size of the reduced photo; transparent where the photo stays as it is.
 */
export function render(photo, lens) {
  const levels = split(photo, lens);
  const layers = distinct(levels); // the nearest first
  const lit = new Float32Array(photo.light.length);
  for (let i = 0; i < lit.length; i++) lit[i] = photo.light[i] + (lens.highlights - 1) * photo.glow[i];
  const scene = { ...photo, levels, lit };
  const radiusOf = (level) => SMALLEST * photo.ratio ** (Math.abs(level) - 1);
  // Both from coarse to fine, for what is blurred most is spread in the smallest picture.
  let [front, back] = [null, null];
  for (const level of layers.filter((level) => level > 0).reverse()) {
    const layer = spread(scene, level, level, radiusOf(level));
    back = over(layer, fit(back, layer));
  }
  back = over(spread(scene, 0, 0, 0), fit(back, photo));
  for (const level of layers.filter((level) => level < 0)) {
    const layer = spread(scene, level, level, radiusOf(level));
    front = over(fit(front, layer), layer);
  }
  const hidden = front && spread(scene, 0, Infinity, radiusOf(layers[0]));
  return develop(scene, back, fit(front, photo), fit(hidden, photo));
}

/** For each pixel the number of its layer: 0 stays as it is, farther ones are positive, nearer ones negative. */
function split({ blur, halvings, ratio }, { wider, sharp, focus }) {
  const [least, plane] = [sharp, Math.max(0, (focus ?? 0) - sharp)].map((sigma) => sigma / 2 ** halvings);
  const levels = new Int8Array(blur.length);
  for (let i = 0; i < blur.length; i++) {
    const defocus = Math.max(0, blur[i] - least);
    const signed = defocus - plane;
    const radius = 2 * Math.sqrt(Math.max(0, (wider * signed) ** 2 - defocus ** 2));
    if (radius < SMALLEST) continue;
    const level = 1 + Math.round(Math.log(radius / SMALLEST) / Math.log(ratio));
    levels[i] = signed < 0 ? -level : level;
  }
  return levels;
}

/** The numbers in a list of bytes, in order. */
function distinct(bytes) {
  const there = new Uint8Array(256);
  for (let i = 0; i < bytes.length; i++) there[bytes[i] + 128] = 1;
  return [...there.keys()].filter((i) => there[i]).map((i) => i - 128);
}

/** Layers as one: red, green, blue and cover of their pixels, each spread over a disk, in as small a picture as will do. */
function spread({ width, height, levels, lit, detail }, first, last, radius) {
  const halvings = Math.max(0, Math.floor(Math.log2(radius / detail)));
  const [w, h] = halved(width, height, halvings);
  const values = new Float32Array(4 * w * h);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (levels[i] < first || levels[i] > last) continue;
      const o = 4 * ((y >> halvings) * w + (x >> halvings));
      const share = halvings ? 1 / block(x >> halvings, y >> halvings, width, height, halvings) : 1;
      for (let c = 0; c < 3; c++) values[o + c] += share * lit[3 * i + c];
      values[o + 3] += share;
    }
  }
  return { width: w, height: h, values: radius ? disk(values, w, h, radius / 2 ** halvings) : values };
}

/** The mean over a disk, by sums along rows, a chord for each row; beyond the border the picture goes on as it ends. */
function disk(values, width, height, radius) {
  const [reach, pad] = [Math.floor(radius + 0.5), Math.ceil(radius)];
  const stride = 4 * (width + 2 * pad + 1);
  const sums = new Float32Array(stride * height);
  for (let y = 0; y < height; y++) {
    for (let x = -pad, o = y * stride; x < width + pad; x++, o += 4) {
      const i = 4 * (y * width + Math.min(Math.max(x, 0), width - 1));
      for (let c = 0; c < 4; c++) sums[o + 4 + c] = sums[o + c] + values[i + c];
    }
  }
  const out = new Float32Array(values.length);
  const chords = Array.from({ length: 2 * reach + 1 }, (_, i) => chord(i - reach, radius, pad));
  for (const { top, bottom, left, right } of runs(values, width, height, pad)) {
    for (let y = top; y < bottom; y++) {
      for (let dy = -reach; dy <= reach; dy++) {
        const { start, end, a, b, c, d } = chords[dy + reach];
        const row = stride * Math.min(Math.max(y + dy, 0), height - 1);
        const last = 4 * (y * width + right);
        for (let o = 4 * (y * width + left), s = row + 4 * left; o < last; o++, s++) {
          out[o] += c * sums[s + end] + d * sums[s + end + 4] - a * sums[s + start] - b * sums[s + start + 4];
        }
      }
    }
  }
  for (let o = 0; o < out.length; o += 4) {
    if (out[o + 3] < NOTHING) out[o] = out[o + 1] = out[o + 2] = out[o + 3] = 0;
  }
  return out;
}

/** Where the chord of a row begins and ends in the row's sums; a, b and c, d weigh the two sums at each end. */
function chord(dy, radius, pad) {
  const area = (u) => (u * Math.sqrt(radius ** 2 - u ** 2) + radius ** 2 * Math.asin(u / radius)) / 2;
  const half = area(Math.min(dy + 0.5, radius)) - area(Math.max(dy - 0.5, -radius));
  const share = 1 / (Math.PI * radius ** 2);
  const [from, to] = [pad + 0.5 - half, pad + 0.5 + half];
  const [start, end] = [Math.floor(from), Math.floor(to)];
  const [b, d] = [share * (from - start), share * (to - end)];
  return { start: 4 * start, end: 4 * end, a: share - b, b, c: share - d, d };
}

/** The parts of a layer that are not empty, or within `pad` pixels of what is not: runs of tiles. */
function* runs(values, width, height, pad) {
  const [columns, rows] = [width, height].map((length) => Math.ceil(length / TILE));
  const margin = Math.ceil(pad / TILE);
  const filled = new Uint8Array(columns * rows);
  for (let y = 0, i = 3; y < height; y++) {
    for (let x = 0; x < width; x++, i += 4) {
      if (values[i]) filled[Math.floor(y / TILE) * columns + Math.floor(x / TILE)] = 1;
    }
  }
  const near = (column, row) => {
    for (let r = Math.max(row - margin, 0); r <= Math.min(row + margin, rows - 1); r++) {
      for (let c = Math.max(column - margin, 0); c <= Math.min(column + margin, columns - 1); c++) {
        if (filled[r * columns + c]) return true;
      }
    }
    return false;
  };
  for (let row = 0; row < rows; row++) {
    const [top, bottom] = [row * TILE, Math.min((row + 1) * TILE, height)];
    for (let column = 0; column < columns; column++) {
      if (!near(column, row)) continue;
      const left = column * TILE;
      while (column < columns && near(column, row)) column++;
      yield { top, bottom, left, right: Math.min(column * TILE, width) };
    }
  }
}

/** Lay one part over another, both with color and cover; either may be missing. The result is in the front one. */
function over(front, back) {
  if (!front || !back) return front ?? back;
  const [values, behind] = [front.values, back.values];
  for (let i = 0; i < values.length; i += 4) {
    const rest = 1 - values[i + 3];
    if (rest > 0) for (let c = 0; c < 4; c++) values[i + c] += rest * behind[i + c];
  }
  return front;
}

/** A part enlarged to the size of another, bilinearly. */
function fit(part, { width, height }) {
  if (!part || (part.width === width && part.height === height)) return part;
  const [coarse, values] = [part.values, new Float32Array(4 * width * height)];
  const step = 2 ** Math.round(Math.log2(width / part.width));
  const [columns, rows] = [places(width, part.width, step), places(height, part.height, step)];
  for (let y = 0, o = 0; y < height; y++) {
    const [upper, lower] = [rows.first[y], rows.second[y]].map((row) => 4 * row * part.width);
    const v = rows.weight[y];
    for (let x = 0; x < width; x++) {
      const [a, b, u] = [4 * columns.first[x], 4 * columns.second[x], columns.weight[x]];
      for (let c = 0; c < 4; c++, o++) {
        const above = coarse[upper + a + c] * (1 - u) + coarse[upper + b + c] * u;
        const below = coarse[lower + a + c] * (1 - u) + coarse[lower + b + c] * u;
        values[o] = above * (1 - v) + below * v;
      }
    }
  }
  return { width, height, values };
}

/** For each pixel of a line the two of a line `step` times coarser that it lies between, and the second's weight. */
function places(length, coarse, step) {
  const exact = Array.from({ length }, (_, i) => Math.min(Math.max((i + 0.5) / step - 0.5, 0), coarse - 1));
  const first = Int32Array.from(exact, Math.floor);
  return { first, second: first.map((i) => Math.min(i + 1, coarse - 1)), weight: Float32Array.from(exact, (at, i) => at - first[i]) };
}

/** The picture: near things before the rest, and where those hide the rest, what is guessed behind them. */
function develop({ width, height, levels }, back, front, hidden) {
  const out = new ImageData(width, height);
  for (let i = 0, j = 0; i < levels.length; i++, j += 4) {
    const cover = front ? Math.min(front.values[j + 3], 1) : 0;
    const rest = levels[i] ? 1 - cover : 0; // elsewhere the photo itself shows through
    const alpha = cover + rest;
    if (alpha < NOTHING) continue;
    const [guess, last] = hidden ? [HIDDEN, HIDDEN ** 2] : [0, 0];
    const weight = (part, share, c) => (share ? share * part.values[j + c] : 0);
    const behind = (c) => back.values[j + c] + weight(hidden, guess, c) + weight(front, last, c);
    const total = rest && behind(3);
    for (let c = 0; c < 3; c++) {
      const light = (front ? front.values[j + c] : 0) + (rest ? (rest * behind(c)) / total : 0);
      out.data[j + c] = SRGB[(Math.min(light / alpha, 1) * LAST + 0.5) | 0];
    }
    out.data[j + 3] = 255 * alpha;
  }
  return out;
}
