/* Equations 8 to 10, live: the gain of the sharpening over the defocus. */

import { gain } from "../try_it/sharpen.mjs";
import { axes, live } from "./live.mjs";

const SIZE = [640, 260];
const { frame, curve } = axes({ size: SIZE, x: [0, 20], y: [0, 4], names: ["defocus M, sigma in pixels", "gain λ"] });

function draw(values) {
  const most = Array.from({ length: 2001 }, (_, i) => i / 100).filter((M) => gain(M, values) >= values.strength / 2);
  const text = most.length
    ? `Half of λmax or more from ${most[0].toFixed(1)} to ${most.at(-1).toFixed(1)} pixels.`
    : "The gain never reaches half of λmax: the fall comes before the rise.";
  return { shapes: [...frame, curve((M) => gain(M, values), "first thick")], text };
}

live(
  "live-gain",
  {
    title: "Shape the gain: it begins with the parameters of the paper's Figure 11",
    size: SIZE,
    sliders: {
      alpha1: { label: "α1, speed of the rise", min: 2, max: 100, step: 1, value: 30 },
      beta1: { label: "β1, place of the rise", min: 0, max: 1, step: 0.01, value: 0.15 },
      alpha2: { label: "α2, speed of the fall", min: 2, max: 100, step: 1, value: 92 },
      beta2: { label: "β2, place of the fall", min: 0, max: 1, step: 0.01, value: 0.4 },
      strength: { label: "λmax", min: 0, max: 4, step: 0.1, value: 2 },
    },
  },
  draw,
);
