/* The interval, and the map where nothing tells, from where something does: `lib.one_pass.interval`, `lib.filling`. */

import { mirrored } from "./sharpen.mjs";
import { mixRows, place } from "./sizes.mjs";

/** The constants of both and of `sizes`, which come with the network. */
const CONSTANTS = new URL("constants.json", import.meta.url);

/** Read the constants. */
export const load = async () => (await fetch(CONSTANTS)).json();

/** The network's answer, pixels, with the ends of the interval drawn towards the median. */
export function narrow({ sigma, low, high }, { NARROWER }) {
  const end = (ends) =>
    ends.map((value, i) => ((1 - NARROWER) * Math.sqrt(sigma[i]) + NARROWER * Math.sqrt(value)) ** 2);
  return { sigma, low: end(low), high: end(high) };
}

/**
 * Fill a map.
 *
 * @param {{sigma: Float32Array, low: Float32Array, high: Float32Array}} maps From `narrow`, pixels.
 * @param {Uint8ClampedArray} rgba
 * @param {number} width
 * @param {number} height
 * @param {object} constants As `load` gives them.
 * @returns {Float32Array} Sigma, pixels; the network's where its interval is narrow, and within it everywhere.
 */
export function fill({ sigma, low, high }, rgba, width, height, constants) {
  const trust = believed(sigma, low, high, constants.HALF_WEIGHT);
  const functions = fitAll(sigma, trust, rgba, width, height, constants);
  const filled = mix(functions, sigma, believed(sigma, low, high, constants.HALF_KEPT), rgba, width, height);
  return filled.map((value, i) => Math.min(Math.max(value, low[i]), high[i]));
}

/** How far each pixel is believed, 0 to 1: half where its interval's width, as a share of its root, is `half`. */
function believed(sigma, low, high, half) {
  const out = new Float32Array(low.length);
  for (let i = 0; i < out.length; i++) {
    const width = (Math.sqrt(high[i]) - Math.sqrt(low[i])) / (Math.sqrt(sigma[i]) + 0.5);
    out[i] = 1 / (1 + (width / half) ** 4);
  }
  return out;
}

/** The linear functions of the colors, red, green, blue and offset, of a small version of the photo. */
function fitAll(sigma, trust, rgba, width, height, { PIXELS, RADIUS, EPSILON }) {
  const reduction = Math.max(Math.sqrt(sigma.length / PIXELS), 1);
  const [w, h] = [width, height].map((side) => Math.max(Math.round(side / reduction), 1));
  const [red, green, blue, weight, values] = shrink(sigma, trust, rgba, width, height, w, h);
  for (let i = 0; i < values.length; i++) values[i] /= Math.max(weight[i], 1e-9);
  const radius = Math.max(Math.round(RADIUS * Math.sqrt(w * h)), 1);
  const planes = fit(values, weight, [red, green, blue], (plane) => boxMean(plane, w, h, radius), EPSILON);
  return { planes, w, h };
}

/** Weighted ridge regression in each window, and the weighted mean of the functions of all windows of a pixel. */
function fit(values, plainWeight, colors, mean, epsilon) {
  const weight = plainWeight.map((value) => value + 1e-6);
  const total = mean(weight);
  const [r, g, b] = colors;
  const means = [r, g, b, values].map((plane) => over(mean(times(weight, plane)), total));
  /** Of two planes, under the weight. */
  const covariance = (one, other, meanOne, meanOther) => {
    const out = over(mean(times(times(weight, one), other)), total);
    for (let i = 0; i < out.length; i++) out[i] -= meanOne[i] * meanOther[i];
    return out;
  };
  const pairs = [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]];
  const [rr, rg, rb, gg, gb, bb] = pairs.map(([k, l]) => covariance(colors[k], colors[l], means[k], means[l]));
  const [rv, gv, bv] = colors.map((color, c) => covariance(color, values, means[c], means[3]));
  const planes = Array.from({ length: 4 }, () => new Float64Array(values.length));
  for (let i = 0; i < values.length; i++) {
    const [a, d, f] = [rr[i] + epsilon, gg[i] + epsilon, bb[i] + epsilon];
    const slope = solve(a, rg[i], rb[i], d, gb[i], f, rv[i], gv[i], bv[i]);
    let offset = means[3][i];
    for (let c = 0; c < 3; c++) {
      planes[c][i] = total[i] * slope[c];
      offset -= slope[c] * means[c][i];
    }
    planes[3][i] = total[i] * offset;
  }
  const whole = mean(total);
  return planes.map((plane) => over(mean(plane), whole));
}

function times(one, other) {
  const out = new Float64Array(one.length);
  for (let i = 0; i < out.length; i++) out[i] = one[i] * other[i];
  return out;
}

/** One plane over another, in place of the first. */
function over(one, other) {
  for (let i = 0; i < one.length; i++) one[i] /= other[i];
  return one;
}

/** x of the symmetric (a b c; b d e; c e f) x = (u, v, w), by its cofactors. */
function solve(a, b, c, d, e, f, u, v, w) {
  const [A, B, C] = [d * f - e * e, c * e - b * f, b * e - c * d];
  const [D, E, F] = [a * f - c * c, b * c - a * e, a * d - b * b];
  const determinant = a * A + b * B + c * C;
  return [A * u + B * v + C * w, B * u + D * v + E * w, C * u + E * v + F * w].map((value) => value / determinant);
}

/** The functions carried to the size of the photo, bilinearly, and mixed in as far as a pixel is not kept. */
function mix({ planes, w, h }, sigma, kept, rgba, width, height) {
  let [least, most] = [Infinity, 0];
  for (const value of sigma) [least, most] = [Math.min(least, value), Math.max(most, value)];
  const columns = Array.from({ length: width }, (_, x) => place(x, width / w, w));
  const rows = planes.map(() => new Float64Array(w));
  const filled = new Float32Array(sigma.length);
  for (let y = 0, i = 0; y < height; y++) {
    mixRows(rows, planes, w, place(y, height / h, h));
    for (let x = 0; x < width; x++, i++) {
      const [left, right, u] = columns[x];
      let wider = rows[3][left] * (1 - u) + rows[3][right] * u;
      for (let c = 0; c < 3; c++) wider += (rows[c][left] * (1 - u) + rows[c][right] * u) * (rgba[4 * i + c] / 255);
      filled[i] = kept[i] * sigma[i] + (1 - kept[i]) * Math.min(Math.max(wider, least), most);
    }
  }
  return filled;
}

/** Red, green, blue, trust, and trust times sigma, made smaller: their means over the area of each new pixel. */
function shrink(sigma, trust, rgba, width, height, w, h) {
  const [columns, rows] = [spans(width, w), spans(height, h)];
  const out = Array.from({ length: 5 }, () => new Float64Array(w * h));
  const lines = out.map(() => new Float64Array(width));
  for (let y = 0; y < h; y++) {
    for (const line of lines) line.fill(0);
    for (const [j, share] of rows[y]) {
      for (let x = 0, i = j * width; x < width; x++, i++) {
        for (let c = 0; c < 3; c++) lines[c][x] += (share * rgba[4 * i + c]) / 255;
        lines[3][x] += share * trust[i];
        lines[4][x] += share * trust[i] * sigma[i];
      }
    }
    for (let x = 0; x < w; x++) {
      for (const [j, share] of columns[x]) for (let c = 0; c < 5; c++) out[c][y * w + x] += share * lines[c][j];
    }
  }
  return out;
}

/** For each of `count` pixels that a line of `length` becomes: those that it covers, and their shares of it. */
function spans(length, count) {
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [(i * length) / count, ((i + 1) * length) / count];
    const covered = [];
    for (let j = Math.floor(from); j < Math.min(Math.ceil(to), length); j++) {
      covered.push([j, (Math.min(j + 1, to) - Math.max(j, from)) / (to - from)]);
    }
    return covered;
  });
}

/** The mean over a square window, borders mirrored. */
function boxMean(plane, width, height, radius) {
  const along = (values, length, step, lines, stride) => {
    const places = Int32Array.from({ length: length + 2 * radius + 1 }, (_, i) => step * mirrored(i - radius, length));
    const out = new Float64Array(values.length);
    for (let l = 0; l < lines; l++) {
      const base = l * stride;
      let sum = 0;
      for (let i = 0; i < 2 * radius; i++) sum += values[base + places[i]];
      for (let i = 0, o = base; i < length; i++, o += step) {
        sum += values[base + places[i + 2 * radius]];
        out[o] = sum / (2 * radius + 1);
        sum -= values[base + places[i]];
      }
    }
    return out;
  };
  return along(along(plane, width, 1, height, width), height, width, width, 1);
}
