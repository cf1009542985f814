/* What the live figures share: sliders, a drawing that follows them, and a line that says what it shows. */

const XML = "http://www.w3.org/2000/svg";

/** An SVG element. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(XML, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/**
 * Start a live figure in the page's element `id`, which is empty and hidden until then.
 *
 * @param {string} id
 * @param {{title: string, size: number[], sliders: Object}} about Width and height of the drawing; of each slider
 *   label, min, max, step, value and unit.
 * @param {(values: Object) => {shapes: SVGElement[], text: string}} draw From the sliders' values to the drawing.
 */
export function live(id, { title, size, sliders }, draw) {
  const root = document.getElementById(id);
  const picture = svg("svg", { viewBox: `0 0 ${size.join(" ")}`, role: "img" });
  const text = document.createElement("output");
  const controls = Object.entries(sliders).map(([name, slider]) => control(name, slider));
  const update = () => {
    const values = Object.fromEntries(controls.map(({ name, input }) => [name, Number(input.value)]));
    for (const { tell } of controls) tell();
    const drawn = draw(values);
    picture.replaceChildren(...drawn.shapes);
    picture.setAttribute("aria-label", drawn.text);
    text.textContent = drawn.text;
  };
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", title);
  const heading = Object.assign(document.createElement("p"), { textContent: title });
  root.replaceChildren(heading, ...controls.map(({ label }) => label), picture, text);
  root.addEventListener("input", update);
  root.hidden = false;
  update();
}

function control(name, { label, unit = "", ...range }) {
  const input = Object.assign(document.createElement("input"), { type: "range", name });
  for (const [key, value] of Object.entries(range)) input.setAttribute(key, value);
  const shown = document.createElement("span");
  const element = document.createElement("label");
  element.append(label, input, shown);
  const tell = () => {
    shown.textContent = `${input.value}${unit}`;
    input.setAttribute("aria-valuetext", shown.textContent);
  };
  return { name, input, label: element, tell };
}

/** Axes of a plot, and how its values become places in the drawing. */
export function axes({ size: [width, height], x, y, names: [across, up] }) {
  const [left, right, top, bottom] = [48, width - 12, 26, height - 40];
  const at = (value, [from, to], start, end) => start + ((value - from) / (to - from)) * (end - start);
  const place = (u, v) => [at(u, x, left, right), at(v, y, bottom, top)];
  const ticks = ([from, to], count) => Array.from({ length: count + 1 }, (_, i) => from + ((to - from) * i) / count);
  const label = (content, [u, v], anchor) => svg("text", { x: u, y: v, "text-anchor": anchor }, content);
  const number = (value) => String(Math.round(value * 100) / 100);
  const frame = [
    ...ticks(y, 4).flatMap((v) => [
      svg("line", { x1: left, x2: right, y1: place(0, v)[1], y2: place(0, v)[1], class: "grid" }),
      label(number(v), [left - 6, place(0, v)[1] + 4], "end"),
    ]),
    ...ticks(x, 4).map((u) => label(number(u), [place(u, 0)[0], bottom + 16], "middle")),
    label(across, [(left + right) / 2, height - 6], "middle"),
    label(up, [left - 40, 14], "start"),
  ];
  const curve = (f, kind) => {
    const points = ticks(x, 400).map((u) => place(u, Math.min(Math.max(f(u), y[0]), y[1])).join());
    return svg("polyline", { points: points.join(" "), class: kind });
  };
  return { frame, curve, place };
}
