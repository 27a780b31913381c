// The page of a run: fills its sections from the data that stand in it.
"use strict";
(() => {
  const MADE = 0x5c99d9;
  const REAL = 0xa8a8a8;
  const data = JSON.parse(document.getElementById("data").textContent);

  function make(name, attributes = {}, text) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  }

  /** A canvas that says of itself that it is a picture. */
  function canvas(parent) {
    const made = make("canvas", { role: "img" });
    parent.append(made);
    return made;
  }

  function figure(parent, caption) {
    const made = make("figure");
    parent.append(made);
    made.append(make("figcaption", {}, caption));
    return made;
  }

  function showCurves() {
    for (const curve of data.curves) {
      const element = make("figure");
      document.getElementById("curve-list").append(element);
      Curves.draw(element, curve);
    }
  }

  function showSamples(samples) {
    const list = document.getElementById("sample-list");
    const stage = new VoxelShapes.Stage(list, samples.frame);
    for (const shape of samples.shapes) {
      const holder = figure(list, shape.caption);
      stage.add(canvas(holder), MADE, shape);
    }
  }

  function showPairs(pairs) {
    const list = document.getElementById("pair-list");
    const stage = new VoxelShapes.Stage(list, pairs.frame);
    pairs.originals.forEach((original, place) => {
      const reconstruction = pairs.reconstructions[place];
      const holder = figure(list, reconstruction.caption);
      stage.add(canvas(holder), REAL, original);
      stage.add(canvas(holder), MADE, reconstruction);
    });
  }

  function showPath(path) {
    const slider = document.getElementById("alpha");
    const words = document.getElementById("alpha-words");
    const element = document.getElementById("path-list");
    const stage = new VoxelShapes.Stage(element, path.frame);
    const last = path.shapes.length - 1;
    slider.max = last;
    const large = stage.add(canvas(document.getElementById("path-large")), MADE, path.shapes[last]);
    const strip = document.getElementById("path-strip");
    const small = path.shapes.map((shape, place) => {
      const tile = stage.add(canvas(strip), MADE, shape);
      tile.canvas.addEventListener("click", () => choose(place));
      return tile;
    });
    function choose(place) {
      const alpha = (place / last).toFixed(2);
      slider.value = place;
      slider.setAttribute("aria-valuetext", `alpha ${alpha}`);
      words.textContent = `α = ${alpha}`;
      large.show(path.shapes[place]);
      small.forEach((tile, other) => tile.canvas.classList.toggle("chosen", other === place));
    }
    slider.addEventListener("input", () => choose(Number(slider.value)));
    choose(Math.ceil(last / 2));
  }

  showCurves();
  try {
    if (data.samples) showSamples(data.samples);
    if (data.pairs) showPairs(data.pairs);
    if (data.path) showPath(data.path);
  } catch (error) {
    const note = document.getElementById("no-shapes");
    note.textContent = `The shapes cannot be drawn here (${error.message}): open this page in a browser with WebGL.`;
    note.hidden = false;
  }
})();
