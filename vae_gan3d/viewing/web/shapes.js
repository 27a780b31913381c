// Voxel grids as solid shapes: bits to triangles, and many shapes on one page with one WebGL context.
"use strict";
const VoxelShapes = (() => {
  const FIRST_VIEW = { azimuth: 38, elevation: 27, zoom: 1 };
  const FIELD = 24; // of view, degrees
  const DEGREES_A_PIXEL = 0.5;
  const DEGREES_A_KEY = 10;
  const ZOOM_A_KEY = 1.15;
  // The brightness of a face's corner by how many of the three voxels around it stand out over the face.
  const CORNER_LIGHT = [255, 212, 176, 150];
  const CORNERS = [[0, 0], [1, 0], [1, 1], [0, 1]];

  /** Bits in C order, highest first (numpy.packbits), in base64 as a grid with an empty border of one voxel. */
  function unpack(text, side) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const padded = side + 2;
    const grid = new Uint8Array(padded ** 3);
    for (let x = 0, bit = 0; x < side; x++)
      for (let y = 0; y < side; y++) {
        const row = ((x + 1) * padded + y + 1) * padded + 1;
        for (let z = 0; z < side; z++, bit++) grid[row + z] = (bytes[bit >> 3] >> (7 - (bit & 7))) & 1;
      }
    return grid;
  }

  function countFaces(grid, strides) {
    let faces = 0;
    for (let cell = 0; cell < grid.length; cell++)
      if (grid[cell]) for (const stride of strides) faces += 2 - grid[cell + stride] - grid[cell - stride];
    return faces;
  }

  /** The faces between occupied and empty voxels; positions are shares of the grid's side. */
  function geometry(grid, side) {
    const padded = side + 2;
    const strides = [padded * padded, padded, 1];
    const faces = countFaces(grid, strides);
    const positions = new Float32Array(faces * 12);
    const normals = new Int8Array(faces * 12);
    const lights = new Uint8Array(faces * 12);
    const indices = new Uint32Array(faces * 6);
    let face = 0;
    const addFace = (cell, place, axis, sign) => {
      const [u, v] = [(axis + 1) % 3, (axis + 2) % 3];
      const outside = cell + sign * strides[axis];
      const hidden = [];
      CORNERS.forEach(([cornerU, cornerV], corner) => {
        const alongU = (cornerU ? 1 : -1) * strides[u];
        const alongV = (cornerV ? 1 : -1) * strides[v];
        const sides = grid[outside + alongU] + grid[outside + alongV];
        hidden.push(sides === 2 ? 3 : sides + grid[outside + alongU + alongV]);
        const at = face * 12 + corner * 3;
        positions[at + axis] = (place[axis] + (sign > 0 ? 1 : 0)) / side;
        positions[at + u] = (place[u] + cornerU) / side;
        positions[at + v] = (place[v] + cornerV) / side;
        normals[at + axis] = sign * 127;
        lights.fill(CORNER_LIGHT[hidden[corner]], at, at + 3);
      });
      // The diagonal that keeps a dark corner's shade in its corner.
      const order = hidden[0] + hidden[2] > hidden[1] + hidden[3] ? [1, 2, 3, 1, 3, 0] : [0, 1, 2, 0, 2, 3];
      if (sign < 0) order.reverse();
      indices.set(order.map((corner) => face * 4 + corner), face * 6);
      face++;
    };
    for (let x = 0; x < side; x++)
      for (let y = 0; y < side; y++)
        for (let z = 0; z < side; z++) {
          const cell = (x + 1) * strides[0] + (y + 1) * strides[1] + z + 1;
          if (!grid[cell]) continue;
          for (let axis = 0; axis < 3; axis++)
            for (const sign of [-1, 1])
              if (!grid[cell + sign * strides[axis]]) addFace(cell, [x, y, z], axis, sign);
        }
    const made = new THREE.BufferGeometry();
    made.setAttribute("position", new THREE.BufferAttribute(positions, 3));
    made.setAttribute("normal", new THREE.BufferAttribute(normals, 3, true));
    made.setAttribute("color", new THREE.BufferAttribute(lights, 3, true));
    made.setIndex(new THREE.BufferAttribute(indices, 1));
    return made;
  }

  /** Draws into canvases, one at a time, by way of one WebGL canvas that is never shown. */
  class Painter {
    constructor() {
      this.renderer = new THREE.WebGLRenderer({ antialias: true, alpha: true });
      this.renderer.setPixelRatio(1);
      this.scene = new THREE.Scene();
      const sky = new THREE.HemisphereLight(0xffffff, 0x708090, 2.6);
      sky.position.set(0, 0, 1);
      this.lamp = new THREE.DirectionalLight(0xffffff, 1.2);
      this.scene.add(sky, this.lamp, this.lamp.target);
      this.camera = new THREE.PerspectiveCamera(FIELD, 1, 0.01, 100);
      this.camera.up.set(0, 0, 1);
    }

    /** Takes a picture of a mesh in a view; `frame` is the middle and the radius of what is to be seen. */
    paint(canvas, mesh, view, frame) {
      const [width, height] = [canvas.width, canvas.height];
      const size = this.renderer.domElement;
      if (size.width !== width || size.height !== height) this.renderer.setSize(width, height, false);
      const [turn, rise] = [view.azimuth, view.elevation].map((angle) => (angle * Math.PI) / 180);
      const forward = new THREE.Vector3(
        Math.cos(rise) * Math.cos(turn), Math.cos(rise) * Math.sin(turn), -Math.sin(rise));
      const middle = new THREE.Vector3(...frame.middle);
      const distance = frame.radius / Math.sin((FIELD * Math.PI) / 360) / view.zoom;
      this.camera.position.copy(middle).addScaledVector(forward, -distance);
      this.camera.lookAt(middle);
      this.camera.aspect = width / height;
      this.camera.updateProjectionMatrix();
      const right = new THREE.Vector3(Math.sin(turn), -Math.cos(turn), 0);
      this.lamp.position.copy(forward).multiplyScalar(-1).addScaledVector(right, -0.9).add(middle);
      this.lamp.position.z += 0.6;
      this.lamp.target.position.copy(middle);
      this.scene.add(mesh);
      this.renderer.render(this.scene, this.camera);
      this.scene.remove(mesh);
      const target = canvas.getContext("2d");
      target.clearRect(0, 0, width, height);
      target.drawImage(size, 0, 0);
    }
  }

  /** A canvas that shows one shape at a time; drawn when it is in sight and something has changed. */
  class Tile {
    constructor(canvas, stage, color) {
      Object.assign(this, { canvas, stage, color, shape: null, changes: 0, visible: false, drawn: "" });
      canvas.tile = this;
    }

    /** Shows a shape: `{side, bits, label}`. */
    show(shape) {
      this.shape = shape;
      this.changes++;
      this.canvas.setAttribute("aria-label", shape.label);
      this.stage.redraw();
    }

    mesh() {
      const { shape, color } = this;
      shape.geometry ??= geometry(unpack(shape.bits, shape.side), shape.side);
      return new THREE.Mesh(shape.geometry, new THREE.MeshLambertMaterial({ color, vertexColors: true }));
    }

    draw(painter, view, frame) {
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      const { clientWidth, clientHeight } = this.canvas;
      const wanted = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
      const state = JSON.stringify([wanted, view, this.changes]);
      if (state === this.drawn || !wanted[0] || !wanted[1]) return;
      [this.canvas.width, this.canvas.height] = wanted;
      const mesh = this.mesh();
      painter.paint(this.canvas, mesh, view, frame);
      mesh.material.dispose();
      if (!mesh.geometry.index.count) this.writeEmpty(ratio);
      this.drawn = state;
    }

    writeEmpty(ratio) {
      const target = this.canvas.getContext("2d");
      target.font = `${Math.min(14 * ratio, this.canvas.width / 4)}px sans-serif`;
      target.textAlign = "center";
      target.fillStyle = "#888888";
      target.fillText("empty", this.canvas.width / 2, this.canvas.height / 2);
    }
  }

  let painter = null;

  /** Shapes that turn together, under the mouse, a finger and the keys. */
  class Stage {
    /** `element` holds the canvases and takes the keys; `frame` is `{middle: [x, y, z], radius}` in shares of the side. */
    constructor(element, frame) {
      painter ??= new Painter();
      Object.assign(this, { element, frame, view: { ...FIRST_VIEW }, tiles: [], waiting: false });
      this.sight = new IntersectionObserver((entries) => {
        for (const entry of entries) entry.target.tile.visible = entry.isIntersecting;
        this.redraw();
      }, { rootMargin: "100px" });
      this.sizes = new ResizeObserver(() => this.redraw());
      this.listen();
    }

    add(canvas, color, shape) {
      const tile = new Tile(canvas, this, color);
      this.tiles.push(tile);
      this.sight.observe(canvas);
      this.sizes.observe(canvas);
      tile.show(shape);
      return tile;
    }

    redraw() {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        this.draw(this.tiles.filter((tile) => tile.visible));
      });
    }

    draw(tiles) {
      for (const tile of tiles) tile.draw(painter, this.view, this.frame);
    }

    turn(azimuth, elevation) {
      this.view.azimuth -= azimuth;
      this.view.elevation = Math.max(-89, Math.min(89, this.view.elevation + elevation));
      this.redraw();
    }

    zoom(factor) {
      this.view.zoom = Math.max(0.5, Math.min(5, this.view.zoom * factor));
      this.redraw();
    }

    listen() {
      const { element } = this;
      const held = new Map(); // where the mouse or each finger is
      const spread = () => {
        const [first, second] = held.values();
        return Math.hypot(first.x - second.x, first.y - second.y);
      };
      element.addEventListener("pointerdown", (event) => {
        if (event.button !== 0 || !event.target.tile) return;
        if (event.isPrimary) held.clear(); // of a gesture whose end went elsewhere
        held.set(event.pointerId, { x: event.clientX, y: event.clientY });
      });
      element.addEventListener("pointermove", (event) => {
        const before = held.get(event.pointerId);
        if (!before) return;
        element.setPointerCapture(event.pointerId); // not before: a click must reach the canvas
        const now = { x: event.clientX, y: event.clientY };
        const apart = held.size === 2 && spread();
        held.set(event.pointerId, now);
        if (held.size === 1) this.turn((now.x - before.x) * DEGREES_A_PIXEL, (now.y - before.y) * DEGREES_A_PIXEL);
        else if (apart) this.zoom(spread() / apart);
      });
      for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, (event) => held.delete(event.pointerId));
      // One finger scrolls the page up and down; two are for the shapes.
      element.addEventListener("touchmove", (event) => {
        if (held.size > 1 && event.cancelable) event.preventDefault();
      }, { passive: false });
      element.addEventListener("dblclick", () => this.reset());
      // Browsers give the pinch of a touch pad as a wheel with Ctrl.
      element.addEventListener("wheel", (event) => {
        if (!event.ctrlKey) return;
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY / 300));
      }, { passive: false });
      window.addEventListener("beforeprint", () => this.draw(this.tiles));
      element.addEventListener("keydown", (event) => {
        if (event.target !== element || event.ctrlKey || event.altKey || event.metaKey) return;
        const actions = {
          ArrowLeft: () => this.turn(-DEGREES_A_KEY, 0),
          ArrowRight: () => this.turn(DEGREES_A_KEY, 0),
          ArrowUp: () => this.turn(0, -DEGREES_A_KEY),
          ArrowDown: () => this.turn(0, DEGREES_A_KEY),
          "+": () => this.zoom(ZOOM_A_KEY),
          "=": () => this.zoom(ZOOM_A_KEY),
          "-": () => this.zoom(1 / ZOOM_A_KEY),
          Home: () => this.reset(),
        };
        if (!(event.key in actions)) return;
        event.preventDefault();
        actions[event.key]();
      });
    }

    reset() {
      Object.assign(this.view, FIRST_VIEW);
      this.redraw();
    }
  }

  return { Stage, geometry, unpack };
})();
