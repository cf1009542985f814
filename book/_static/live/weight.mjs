/* Equation 12, live: the weight of the sharpened photo over the blur. */

import { axes, live, svg } from "./live.mjs";

const PEAK = 10;
const [W0, W1] = [0.999, 0.001];
const SIZE = [640, 260];
const { frame, curve, place } = axes({ size: SIZE, x: [0, 20], y: [0, 1], names: ["blur M", "weight W"] });

/** Sigma and gamma of eq. 12 from its two points. */
function solve(c0, c1) {
  const [e0, e1] = [-Math.log1p(-W0), -Math.log1p(-W1)];
  const gamma = Math.log(e0 / e1) / Math.log((PEAK - c0) / (PEAK - c1));
  return { sigma: (PEAK - c0) / e0 ** (1 / gamma), gamma };
}

function draw({ c0, c1 }) {
  if (c0 >= c1) return { shapes: frame, text: "c0 must be less than c1: in focus is the smaller blur." };
  const { sigma, gamma } = solve(c0, c1);
  const printed = (M) => 1 - Math.exp(-((Math.abs(M - PEAK) / sigma) ** gamma));
  const point = ([u, v]) => svg("circle", { cx: u, cy: v, r: 5, class: "dot" });
  const shapes = [
    ...frame,
    curve(printed, "second dashed"),
    curve((M) => (M < PEAK ? printed(M) : 0), "first thick"),
    point(place(c0, W0)),
    point(place(c1, W1)),
  ];
  return { shapes, text: `sigma = ${sigma.toFixed(3)}, gamma = ${gamma.toFixed(3)}. Dashed, the formula as printed.` };
}

live(
  "live-weight",
  {
    title: "Choose the two points: it begins with the paper's example",
    size: SIZE,
    sliders: {
      c0: { label: "c0, in focus up to", min: 0, max: 9, step: 0.05, value: 1 },
      c1: { label: "c1, out of focus from", min: 0.1, max: 9.9, step: 0.05, value: 7 },
    },
  },
  draw,
);
