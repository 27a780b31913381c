// The explorer: two shapes, the one between them, and what can be asked of it. The places in the latent space stay here.
"use strict";
(async () => {
  const COLOR = 0x5c99d9;
  const REAL = 0xa8a8a8;
  const WALK_STEPS = 20;
  const POOR_IOU = 0.5;
  const byId = (id) => document.getElementById(id);
  const trouble = byId("trouble");
  const ends = {};
  let model, stage, middle, moves = [];

  function make(parent, name, attributes = {}, text) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  }

  function complain(message) {
    trouble.textContent = message;
    trouble.hidden = !message;
  }

  /** An answer of the server; its refusal is an error with its line. */
  async function ask(path, options) {
    let answer;
    try {
      answer = await fetch(path, options);
    } catch {
      throw new Error("the explorer does not answer: is it still running?");
    }
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error ?? `the explorer answers ${answer.status}`);
    return answer;
  }

  const post = (path, fields) => ask(path, { method: "POST", body: JSON.stringify(fields) });

  /** Does something that may be refused, once at a time for each control, and says what went wrong. */
  async function attempt(control, action) {
    if (control) control.disabled = true;
    try {
      await action();
      complain("");
    } catch (error) {
      complain(error.message);
    } finally {
      if (control) control.disabled = false;
    }
  }

  function show(tile, shape) {
    tile.shape?.geometry?.dispose();
    tile.show(shape);
  }

  const emptyShape = (label) => ({ side: 1, bits: "AA==", label });

  function addTile(canvas, color, shape = emptyShape("nothing yet")) {
    return stage.add(canvas, color, shape);
  }

  /** What is asked about: the place between the ends, moved along the main directions. */
  const place = () => ({
    ends: [ends.first.point, ends.second.point],
    alpha: 1 - byId("position").valueAsNumber,
    path: byId("kind").value,
    moves: moves.map((input) => input.valueAsNumber),
  });

  function writeNumbers() {
    byId("alpha").textContent = `alpha = ${(1 - byId("position").valueAsNumber).toFixed(2)}, the share of the first shape`;
    for (const input of moves) input.nextElementSibling.textContent = input.valueAsNumber.toFixed(1);
  }

  let asked = false;
  let working = null;

  /** Draws the shape between; while one is under way the newest wish alone waits. */
  function redraw() {
    writeNumbers();
    byId("neighbors").classList.add("of-before");
    asked = true;
    working ??= (async () => {
      while (asked) {
        asked = false;
        const answer = await (await post("/api/shape", place())).json();
        middle.point = answer.point;
        show(middle.tile, answer.shape);
        byId("between").dataset.alpha = byId("position").value;
      }
    })().finally(() => (working = null));
    return working;
  }

  const redrawn = () => attempt(null, redraw);

  async function setEnd(end, answer, file = null) {
    end.point = answer.point;
    end.file = file; // what another up axis reads again
    end.title.textContent = answer.iou === undefined ? answer.title
      : `${answer.title}: IoU ${answer.iou.toFixed(2)} between the file and what the model makes of it` +
        (answer.iou < POOR_IOU ? ". Is another axis up, or does the shape face another way than the training shapes?" : "");
    show(end.tile, answer.shape);
    if (ends.first.point && ends.second.point) await redraw();
  }

  async function sample(end) {
    await setEnd(end, await (await post("/api/sample", { class: end.drawn?.value ?? "" })).json());
  }

  function classChoice(row, text, names, any) {
    const choice = make(make(row, "label", {}, text), "select");
    if (any) make(choice, "option", { value: "" }, "any");
    for (const name of names) make(choice, "option", { value: name }, name);
    return choice;
  }

  async function upload(end, file) {
    if (!file) return;
    if (file.size > model.uploadMb * 1e6) throw new Error(`${file.name} is too large: give a file of at most ${model.uploadMb} MB`);
    const query = new URLSearchParams({ name: file.name, up: end.up.value, class: end.given?.value ?? "" });
    await setEnd(end, await (await ask(`/api/upload?${query}`, { method: "POST", body: file })).json(), file);
  }

  /** The controls of one end: a sample, a training shape, an upload. */
  function buildEnd(id) {
    const parent = byId(id);
    const end = (ends[id] = { point: null });
    end.tile = addTile(make(parent, "canvas", { role: "img" }), COLOR);
    end.title = make(parent, "p", { class: "title" });
    const drawing = make(parent, "div", { class: "row" });
    const draw = make(drawing, "button", { type: "button", class: "sample" }, "Sample");
    draw.addEventListener("click", () => attempt(draw, () => sample(end)));
    if (model.classes.length > 1) end.drawn = classChoice(drawing, "of", model.classes, true);
    if (model.records) {
      const row = make(parent, "div", { class: "row" });
      const label = make(row, "label", {}, "Training shape");
      const number = make(label, "input", { type: "number", class: "record", min: 0, max: model.records - 1, value: 0 });
      const choose = make(row, "button", { type: "button" }, "Show");
      const chosen = () => attempt(choose, async () =>
        setEnd(end, await (await post("/api/record", { index: number.valueAsNumber })).json()));
      choose.addEventListener("click", chosen);
      number.addEventListener("change", chosen);
    }
    if (!model.canEncode) return;
    const row = make(parent, "div", { class: "row" });
    const input = make(make(row, "label", {}, "Upload"), "input", { type: "file", accept: model.extensions.join(",") });
    input.addEventListener("change", () => attempt(input, async () => {
      const file = input.files[0];
      try {
        await upload(end, file);
      } finally {
        input.value = ""; // the same file can be chosen again, after it was mended
      }
    }));
    const details = make(parent, "div", { class: "row" });
    end.up = make(make(details, "label", {}, "up axis"), "select");
    for (const [value, text] of [["", "as usual"], ["x", "x"], ["y", "y"], ["z", "z"]]) make(end.up, "option", { value }, text);
    end.up.addEventListener("change", () => attempt(end.up, () => upload(end, end.file)));
    if (model.givenClasses.length) end.given = classChoice(details, "class", model.givenClasses, false);
  }

  function buildMiddle() {
    middle = { tile: addTile(byId("between"), COLOR), point: null };
    byId("position").addEventListener("input", redrawn);
    byId("kind").addEventListener("change", redrawn);
    for (const extension of model.downloads) {
      const button = make(byId("downloads"), "button", { type: "button" }, `Download ${extension.toUpperCase()}`);
      button.addEventListener("click", () => attempt(button, () => download(extension)));
    }
    for (const id of ["first", "second"]) {
      const button = byId(`as-${id}`);
      button.addEventListener("click", () => attempt(button, async () => {
        await redraw(); // whatever was asked for last
        const answer = { point: middle.point, title: "taken from between", shape: { ...middle.tile.shape, geometry: undefined } };
        for (const input of moves) input.value = 0;
        byId("position").value = id === "first" ? 0 : 1;
        await setEnd(ends[id], answer);
      }));
    }
  }

  async function download(extension) {
    const contents = await (await post("/api/download", { ...place(), format: extension })).blob();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(contents);
    link.download = `shape.${extension}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function buildWalk() {
    const button = byId("walk");
    let walking = false;
    async function walk() {
      while (walking) {
        await sample(ends.second);
        for (let step = 1; walking && step <= WALK_STEPS; step++) {
          byId("position").value = step / WALK_STEPS;
          await redraw();
          await new Promise((done) => setTimeout(done, 60));
        }
        if (!walking) break;
        const { point, tile, title } = ends.second;
        byId("position").value = 0;
        await setEnd(ends.first, { point, title: title.textContent, shape: { ...tile.shape, geometry: undefined } });
      }
    }
    button.addEventListener("click", async () => {
      walking = !walking;
      button.setAttribute("aria-pressed", walking);
      button.textContent = walking ? "Stop" : "Random walk";
      if (!walking) return;
      byId("position").value = 0;
      await attempt(null, walk);
      walking = false;
      button.setAttribute("aria-pressed", false);
      button.textContent = "Random walk";
    });
  }

  function buildDirections() {
    if (!model.directions.length) return;
    byId("directions").hidden = false;
    moves = model.directions.map((share, number) => {
      const row = make(byId("moves"), "div", { class: "slider" });
      make(row, "label", { for: `move-${number}` }, `${number + 1} (${(100 * share).toFixed(0)} %)`);
      const input = make(row, "input", { type: "range", id: `move-${number}`, min: -3, max: 3, step: 0.1, value: 0 });
      make(row, "output", { for: input.id });
      input.addEventListener("input", redrawn);
      return input;
    });
    byId("unmoved").addEventListener("click", () => {
      for (const input of moves) input.value = 0;
      redrawn();
    });
  }

  function buildNearest() {
    if (!model.records) return;
    byId("nearest").hidden = false;
    const tiles = [];
    byId("find").addEventListener("click", () => attempt(byId("find"), async () => {
      const found = await (await post("/api/nearest", place())).json();
      byId("neighbors").classList.remove("of-before");
      found.forEach((neighbor, number) => {
        if (!tiles[number]) {
          const figure = make(byId("neighbors"), "figure");
          tiles.push({ tile: addTile(make(figure, "canvas", { role: "img" }), REAL), caption: make(figure, "figcaption") });
        }
        show(tiles[number].tile, neighbor.shape);
        tiles[number].caption.textContent =
          `record ${neighbor.index}, ${neighbor.class}: cosine ${neighbor.cosine.toFixed(2)}, IoU ${neighbor.iou.toFixed(2)}` +
          (neighbor.source ? `, ${neighbor.source}` : "");
      });
    }));
  }

  await attempt(null, async () => {
    model = await (await ask("/api/model")).json();
    byId("model").textContent = `${model.name}: ${model.model}`;
    for (const note of model.notes) make(byId("notes"), "p", {}, note);
    try {
      stage = new VoxelShapes.Stage(byId("stage"), model.frame);
    } catch {
      throw new Error("this browser cannot draw shapes (no WebGL): switch on hardware acceleration, or use another");
    }
    buildEnd("first");
    buildEnd("second");
    buildMiddle();
    buildWalk();
    buildDirections();
    buildNearest();
    writeNumbers();
    await setEnd(ends.first, model.opening[0]);
    await setEnd(ends.second, model.opening[1]);
    document.body.dataset.ready = "yes";
  });
})();
