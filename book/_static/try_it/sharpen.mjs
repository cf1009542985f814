/* Adaptive unsharp masking, eqs. 7 to 10: what is slightly soft is sharpened, what is out of focus is left alone. */

/** Sigma in pixels that the paper's parameters call 1. */
export const FULL_SCALE = 19;
const LOW_PASS = 3; // sigma of B, pixels
const STEPS = 256; // of the gain, a pixel

/** The gain at a defocus, eqs. 8 to 10. */
export function gain(sigma, { alpha1, beta1, alpha2, beta2, strength }) {
  const M = sigma / FULL_SCALE;
  return strength / ((1 + Math.exp(-alpha1 * (M - beta1))) * (1 + Math.exp(alpha2 * (M - beta2))));
}

/** What does not depend on the sliders: the luma I of a photo, and Z = I - B of eq. 7. */
export function prepare({ data, width, height }) {
  const luma = new Float32Array(width * height);
  for (let i = 0, j = 0; i < luma.length; i++, j += 4) {
    luma[i] = (0.299 * data[j] + 0.587 * data[j + 1] + 0.114 * data[j + 2]) / 255;
  }
  const low = lowPass(luma, width, height);
  return { luma, detail: low.map((value, i) => luma[i] - value) };
}

/** A Gaussian, borders mirrored: along the rows, then along the columns. */
function lowPass(plane, width, height) {
  const reach = Math.floor(4 * LOW_PASS + 0.5);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-(((i - reach) / LOW_PASS) ** 2) / 2));
  const total = weights.reduce((sum, weight) => sum + weight);
  const pass = (values, length, step, lines, stride) => {
    const out = new Float32Array(values.length);
    const line = new Float32Array(length + 2 * reach);
    for (let l = 0; l < lines; l++) {
      for (let i = -reach; i < length + reach; i++) line[i + reach] = values[l * stride + step * mirrored(i, length)];
      for (let i = 0; i < length; i++) {
        let sum = 0;
        for (let k = 0; k <= 2 * reach; k++) sum += weights[k] * line[i + k];
        out[l * stride + step * i] = sum / total;
      }
    }
    return out;
  };
  return pass(pass(plane, width, 1, height, width), height, width, width, 1);
}

/** The mirror image beyond a border, the last pixel repeated. */
export function mirrored(place, length) {
  const within = ((place % (2 * length)) + 2 * length) % (2 * length);
  return Math.min(within, 2 * length - 1 - within);
}

/**
 * Sharpen the luma of a photo by its map; hues stay.
 *
 * @param {ImageData} photo
 * @param {{luma: Float32Array, detail: Float32Array}} prepared
 * @param {Float32Array} sigma Pixels.
 * @param {object} curve As for `gain`.
 * @returns {ImageData}
 */
export function sharpen(photo, { luma, detail }, sigma, curve) {
  const { data, width, height } = photo;
  const out = new Uint8ClampedArray(data); // rounds
  const gains = Float32Array.from({ length: 2 * FULL_SCALE * STEPS }, (_, i) => gain((i + 0.5) / STEPS, curve));
  for (let i = 0, j = 0; i < luma.length; i++, j += 4) {
    const old = luma[i];
    const strength = gains[Math.min(sigma[i] * STEPS, gains.length - 1) | 0];
    const gray = Math.min(Math.max(old + strength * detail[i], 0), 1);
    // Where a color would leave [0, 1], it is mixed with its gray until it fits.
    let room = 1;
    for (let c = 0; c < 3; c++) {
      const chroma = data[j + c] / 255 - old;
      if (gray + chroma > 1) room = Math.min(room, (1 - gray) / chroma);
      else if (gray + chroma < 0) room = Math.min(room, -gray / chroma);
    }
    for (let c = 0; c < 3; c++) out[j + c] = 255 * (gray + room * (data[j + c] / 255 - old));
  }
  return new ImageData(out, width, height);
}
