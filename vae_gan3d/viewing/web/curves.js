// Curves over steps as SVG, with the values under the mouse.
"use strict";
const Curves = (() => {
  const WIDTH = 440;
  const HEIGHT = 240;
  const MARGIN = { left: 62, right: 14, top: 12, bottom: 34 };
  const LOG_RATIO = 20; // of a curve's largest value to its smallest: from here on its axis is logarithmic
  const MOST_TICKS = 6;

  function make(name, attributes, text) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function number(value) {
    const size = Math.abs(value);
    if (value === 0) return "0";
    if (size >= 1e6 || size < 1e-3) return value.toExponential(1).replace("e+", "e");
    return String(Number(value.toPrecision(4)));
  }

  /** Round numbers in a range, at most MOST_TICKS. */
  function ticks(low, high, log) {
    if (log) {
      const first = Math.ceil(Math.log10(low) - 1e-9);
      const last = Math.floor(Math.log10(high) + 1e-9);
      if (last > first) {
        const every = Math.ceil((last - first + 1) / MOST_TICKS);
        return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, at) => 10 ** (first + at * every));
      }
    }
    const rough = (high - low) / (MOST_TICKS - 1);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
    const found = [];
    for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-9; tick += step) found.push(tick);
    return found.map((tick) => Number(tick.toPrecision(12)));
  }

  function scale(low, high, start, end, log) {
    const [from, to] = log ? [Math.log(low), Math.log(high)] : [low, high];
    return (value) => start + (((log ? Math.log(value) : value) - from) / (to - from)) * (end - start);
  }

  function range(values, bounds) {
    if (bounds) return bounds;
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return low < high ? [low, high] : [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  }

  /** Draws `{title, steps, values, bounds}` into an element. */
  function draw(element, curve) {
    const { title, steps, values, bounds } = curve;
    const [low, high] = range(values, bounds);
    const log = !bounds && low > 0 && high / low >= LOG_RATIO;
    const [first, last] = range(steps);
    const x = scale(first, last, MARGIN.left, WIDTH - MARGIN.right, false);
    const y = scale(low, high, HEIGHT - MARGIN.bottom, MARGIN.top, log);
    const label =
      `${title}: from ${number(values[0])} at step ${steps[0]} to ${number(values.at(-1))} at step ${steps.at(-1)}`;
    const picture = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
    for (const tick of ticks(low, high, log)) {
      picture.append(make("line", { class: "rule", x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: y(tick), y2: y(tick) }));
      picture.append(make("text", { x: MARGIN.left - 6, y: y(tick) + 4, "text-anchor": "end" }, number(tick)));
    }
    for (const tick of ticks(first, last, false))
      picture.append(make("text", { x: x(tick), y: HEIGHT - 14, "text-anchor": "middle" }, String(tick)));
    picture.append(make("text", { x: WIDTH - MARGIN.right, y: HEIGHT - 1, "text-anchor": "end" }, "step"));
    const points = steps.map((step, at) => `${x(step).toFixed(1)},${y(values[at]).toFixed(1)}`);
    picture.append(make("polyline", { class: "curve", points: points.join(" ") }));
    if (steps.length === 1) picture.append(make("circle", { class: "point", cx: x(steps[0]), cy: y(values[0]), r: 3 }));
    const caption = document.createElement("figcaption");
    caption.textContent = `${title}: ${number(values.at(-1))}`;
    followMouse(picture, caption, curve, { x, y });
    element.append(caption, picture);
  }

  function followMouse(picture, caption, { title, steps, values }, { x, y }) {
    const point = make("circle", { class: "point", r: 4, visibility: "hidden" });
    picture.append(point);
    picture.addEventListener("pointermove", (event) => {
      const box = picture.getBoundingClientRect();
      const wanted = ((event.clientX - box.left) / box.width) * WIDTH;
      let at = 0;
      steps.forEach((step, other) => {
        if (Math.abs(x(step) - wanted) < Math.abs(x(steps[at]) - wanted)) at = other;
      });
      point.setAttribute("cx", x(steps[at]));
      point.setAttribute("cy", y(values[at]));
      point.setAttribute("visibility", "visible");
      caption.textContent = `${title}: ${number(values[at])} at step ${Math.round(steps[at])}`;
    });
    picture.addEventListener("pointerleave", () => {
      point.setAttribute("visibility", "hidden");
      caption.textContent = `${title}: ${number(values.at(-1))}`;
    });
  }

  return { draw };
})();
