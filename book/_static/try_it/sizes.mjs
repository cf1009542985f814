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
  const photo = new Float32Array(3 * width * height).map((_, i) => rgba[i + Math.floor(i / 3)] / 255);
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
function combine(maps, smaller, width, height, { LEAST_WIDTH, TOO_FINE, NEAR_FOCUS }) {
  const { sigma, low, high } = maps;
  const columns = smaller.map(({ by, w }) => Array.from({ length: width }, (_, x) => place(x, by, w)));
  const weight = (least, most, unread) => (most - least + LEAST_WIDTH + unread) ** -4;
  for (let y = 0, i = 0; y < height; y++) {
    const rows = smaller.map(({ by, h }) => place(y, by, h));
    for (let x = 0; x < width; x++, i++) {
      const tooFine = TOO_FINE / (sigma[i] ** 2 + NEAR_FOCUS);
      const own = [sigma[i], low[i], high[i]].map(Math.sqrt);
      let total = weight(own[1], own[2], 0);
      const sums = own.map((root) => total * root);
      smaller.forEach(({ by, w, maps: { sigma, low, high } }, k) => {
        const [[top, bottom, v], [left, right, u]] = [rows[k], columns[k][x]];
        const roots = [sigma, low, high].map((map) => {
          const above = map[top * w + left] * (1 - u) + map[top * w + right] * u;
          const below = map[bottom * w + left] * (1 - u) + map[bottom * w + right] * u;
          return Math.sqrt(by * (above * (1 - v) + below * v));
        });
        const share = weight(roots[1], roots[2], (by - 1) * tooFine);
        total += share;
        for (let c = 0; c < 3; c++) sums[c] += share * roots[c];
      });
      [sigma[i], low[i], high[i]] = sums.map((sum) => (sum / total) ** 2);
    }
  }
  return maps;
}

/** Where a pixel lies among the larger ones: the two beside it, and the share of the second. */
function place(i, by, count) {
  const at = Math.min(Math.max((i + 0.5) / by - 0.5, 0), count - 1);
  const first = Math.floor(at);
  return [first, Math.min(first + 1, count - 1), at - first];
}
