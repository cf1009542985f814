/* Equation 2, live: the optical model of Figure 1, drawn to scale in millimetres. */

import { live, svg } from "./live.mjs";

const F = 50; // focal length
const Q = 200; // S2, the distance of q
const [LEFT, MIDDLE, SCALE] = [310, 45, 1.7]; // millimetres left of the lens and above the axis; units a millimetre
const SIZE = [SCALE * 460, SCALE * 90];

const at = (x, y) => [SCALE * (LEFT + x), SCALE * (MIDDLE - y)];
const line = (points, kind) => svg("polyline", { points: points.map((point) => at(...point)).join(" "), class: kind });

function label(content, x, y) {
  const [left, top] = at(x, y);
  return svg("text", { x: left, y: top, "text-anchor": "middle" }, content);
}

function draw({ number, focus }) {
  const A = F / number;
  const image = (distance) => 1 / (1 / F - 1 / distance); // eq. 1
  const f1 = image(focus);
  const d = (A * F * Math.abs(Q - focus)) / (Q * Math.abs(focus - F)); // eq. 2
  const spot = (A / 2) * (f1 / image(Q) - 1); // where the upper ray arrives, below the axis
  const rays = (x, hit, kind) => [1, -1].map((side) => line([[-x, 0], [0, (side * A) / 2], [f1, -side * hit]], kind));
  const [lensX, lensY] = at(0, 0);
  const shapes = [
    line([[-LEFT, 0], [f1, 0]], "grid"),
    svg("ellipse", { cx: lensX, cy: lensY, rx: 4 * SCALE, ry: (A / 2) * SCALE, class: "lens" }),
    line([[-focus, 32], [-focus, -32]], "first dashed"),
    line([[f1, 32], [f1, -32]], "frame"),
    ...rays(focus, 0, "first"),
    ...rays(Q, spot, "second"),
    line([[f1 + 2, spot], [f1 + 2, -spot]], "second thick"),
    label("p", -focus, 34),
    label("q", -Q, 3),
    label("lens", 0, 36),
    label("sensor", f1, 34),
  ];
  const side = focus < Q ? "q is behind the focal plane" : "q is in front of the focal plane";
  const place = focus === Q ? "q is in focus" : side;
  const text = `A = ${A.toFixed(1)} mm, f1 = ${f1.toFixed(1)} mm, d = ${d.toFixed(2)} mm: ${place}.`;
  return { shapes, text };
}

live(
  "live-thin-lens",
  {
    title: "Turn the rings: the lens of 50 mm, with q at 200 mm",
    size: SIZE,
    sliders: {
      number: { label: "f-number", min: 0.8, max: 8, step: 0.1, value: 0.8 },
      focus: { label: "focus distance S1", min: 90, max: 300, step: 1, value: 120, unit: " mm" },
    },
  },
  draw,
);
