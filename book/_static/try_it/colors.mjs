/* From numbers to colors: the map, its color bar, and the mask of what is in focus. */

/** Matplotlib's magma at 17 even steps. */
const MAGMA = [
  "000004", "0a0822", "1d1147", "36106b", "51127c", "6a1c81", "832681", "9c2e7f", "b73779",
  "d0416f", "e75263", "f56b5c", "fc8961", "fea772", "fec488", "fde2a3", "fcfdbf",
];
/** Ends of the color bar, pixels: the first that holds nearly all of the map. */
const SCALES = [2, 4, 6, 8, 12, 19];

export const gradient = `linear-gradient(to right, ${MAGMA.map((color) => `#${color}`).join(", ")})`;

const PALETTE = Array.from({ length: 256 }, (_, i) => {
  const place = (i / 255) * (MAGMA.length - 1);
  const from = Math.min(Math.floor(place), MAGMA.length - 2);
  const channel = (step, c) => parseInt(MAGMA[step].slice(2 * c, 2 * c + 2), 16);
  return [0, 1, 2].map((c) => channel(from, c) + (place - from) * (channel(from + 1, c) - channel(from, c)));
});

/** The quantile of a map, in pixels. */
export function quantile(map, share) {
  const sorted = map.slice().sort();
  return sorted[Math.round(share * (sorted.length - 1))];
}

/** The end of the color bar for a map. */
export function scale(sigma) {
  const most = quantile(sigma, 0.98);
  return SCALES.find((end) => most <= end) ?? SCALES.at(-1);
}

/** A map in colors, 0 to `end` pixels. */
export function paint(sigma, width, height, end) {
  const out = new ImageData(width, height);
  for (let i = 0, j = 0; i < sigma.length; i++, j += 4) {
    const [r, g, b] = PALETTE[Math.min(Math.max((sigma[i] / end) * 255, 0), 255) | 0];
    out.data[j] = r;
    out.data[j + 1] = g;
    out.data[j + 2] = b;
    out.data[j + 3] = 255;
  }
  return out;
}

/** A photo of which what has at most the blur `most`, in pixels, keeps its color; the rest is gray and dark. */
export function mask({ data, width, height }, sigma, most) {
  const out = new Uint8ClampedArray(data);
  for (let i = 0, j = 0; i < sigma.length; i++, j += 4) {
    if (sigma[i] <= most) continue;
    out[j] = out[j + 1] = out[j + 2] = 0.3 * (0.299 * data[j] + 0.587 * data[j + 1] + 0.114 * data[j + 2]);
  }
  return new ImageData(out, width, height);
}
