/* A photo at three sizes, and one answer of all: `lib.one_pass.sizes`. */

/**
 * Sigma, in pixels, of each pixel, and the interval that it lies in, as the network says it.
 *
 * @param {function} run From RGB in [0, 1], its width and height to {sigma, low, high}.
 * @param {Uint8ClampedArray} rgba
 * @param {number} width
 * @param {number} height
 * @param {object} constants Those of `lib.one_pass.sizes`.
 * @returns {Promise<{sigma: Float32Array, low: Float32Array, high: Float32Array}>}
 */
export async function estimate(run, rgba, width, height, constants) {
  const photo = new Float32Array(3 * width * height);
  for (let i = 0, o = 0; o < photo.length; i += 4) {
    for (let c = 0; c < 3; c++) photo[o++] = rgba[i + c] / 255;
  }
  const maps = await run(photo, width, height);
  const smaller = [];
  for (const by of constants.REDUCTIONS) {
    const { rgb, w, h } = reduce(photo, width, height, by);
    smaller.push({ by, w, h, maps: await run(rgb, w, h) });
  }
  return combine(maps, smaller, width, height, constants);
}

/** A photo whose pixels are means of `by` times `by`; what is missing at the end is the last pixel. */
function reduce(photo, width, height, by) {
  const [w, h] = [width, height].map((side) => Math.ceil(side / by));
  const rgb = new Float32Array(3 * w * h);
  for (let y = 0; y < h * by; y++) {
    const [to, from] = [3 * w * Math.floor(y / by), 3 * width * Math.min(y, height - 1)];
    for (let x = 0; x < w * by; x++) {
      const [o, i] = [to + 3 * Math.floor(x / by), from + 3 * Math.min(x, width - 1)];
      for (let c = 0; c < 3; c++) rgb[o + c] += photo[i + c] / by ** 2;
    }
  }
  return { rgb, w, h };
}

/** The mean of the answers, in roots of sigma, weighted by how sure each is; takes the place of the first. */
function combine(maps, smaller, width, height, { LEAST_WIDTH, TOO_FINE, NEAR_FOCUS, GREATEST_SIGMA }) {
  const { sigma, low, high } = maps;
  for (const each of smaller) {
    each.columns = Array.from({ length: width }, (_, x) => place(x, each.by, each.w));
    each.lines = [0, 1, 2].map(() => new Float64Array(each.w)); // of sigma, low and high
  }
  const weight = (least, most, unread) => (most - least + LEAST_WIDTH + unread) ** -4;
  for (let y = 0, i = 0; y < height; y++) {
    for (const { by, w, h, lines, maps } of smaller) {
      mixRows(lines, [maps.sigma, maps.low, maps.high], w, place(y, by, h));
    }
    for (let x = 0; x < width; x++, i++) {
      const tooFine = TOO_FINE / (sigma[i] ** 2 + NEAR_FOCUS);
      let [middle, least, most] = [Math.sqrt(sigma[i]), Math.sqrt(low[i]), Math.sqrt(high[i])];
      let total = weight(least, most, 0);
      [middle, least, most] = [total * middle, total * least, total * most];
      for (const { by, columns, lines } of smaller) {
        const [left, right, u] = columns[x];
        const between = (line) => Math.sqrt(by * (line[left] * (1 - u) + line[right] * u));
        const [m, l, h] = [between(lines[0]), between(lines[1]), between(lines[2])];
        const share = weight(l, h, (by - 1) * tooFine);
        total += share;
        middle += share * m;
        least += share * l;
        most += share * h;
      }
      sigma[i] = Math.min((middle / total) ** 2, GREATEST_SIGMA);
      low[i] = Math.min((least / total) ** 2, GREATEST_SIGMA);
      high[i] = Math.min((most / total) ** 2, GREATEST_SIGMA);
    }
  }
  return maps;
}

/** Into `lines`, of planes of width `w`, the row that lies between two of theirs, as `place` tells. */
export function mixRows(lines, planes, w, [top, bottom, v]) {
  planes.forEach((plane, k) => {
    for (let x = 0; x < w; x++) lines[k][x] = plane[top * w + x] * (1 - v) + plane[bottom * w + x] * v;
  });
}

/** Where a pixel lies among `count` that are `by` times as large: the two beside it, and the share of the second. */
export function place(i, by, count) {
  const at = Math.min(Math.max((i + 0.5) / by - 0.5, 0), count - 1);
  const first = Math.floor(at);
  return [first, Math.min(first + 1, count - 1), at - first];
}
