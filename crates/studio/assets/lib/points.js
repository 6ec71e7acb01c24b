// Draws points into the pixels of a canvas: no GPU is needed, and a hundred thousand points take a few milliseconds.

/** `#rrggbb` as the canvas stores a pixel: little-endian, alpha last. */
export function packed(hex) {
  const value = parseInt(hex.slice(1), 16);
  return (0xff000000 | ((value & 255) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
}

// Categories that colour-blind people can tell apart (after Okabe and Ito), then two more; the last is "others".
const LIGHT = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7a5195', '#8c6d31', '#1b7837', '#b2182b', '#9aa3b2'];
const DARK = ['#56b4e9', '#ff8a4c', '#2dd4a7', '#f0a6cf', '#f5c451', '#9ad7ff', '#c4a7ff', '#d6b66b', '#7bd389', '#ff7b7b', '#5a6475'];
export const palette = (dark) => (dark ? DARK : LIGHT);

/** A scale from low to high: 256 colours. */
export function scale(dark) {
  const stops = dark ? [[59, 66, 120], [60, 140, 160], [130, 210, 130], [253, 231, 100]] : [[68, 50, 120], [45, 115, 142], [60, 170, 110], [225, 190, 30]];
  return Array.from({ length: 256 }, (_, at) => {
    const place = (at / 255) * (stops.length - 1);
    const [from, to] = [stops[Math.floor(place)], stops[Math.min(Math.floor(place) + 1, stops.length - 1)]];
    const mix = from.map((one, part) => Math.round(one + (to[part] - one) * (place % 1)));
    return `#${mix.map((one) => one.toString(16).padStart(2, '0')).join('')}`;
  });
}

/** The view of a canvas: which part of the plane it shows. */
export class View {
  constructor([x0, y0, x1, y1], width, height) {
    this.centre = [(x0 + x1) / 2, (y0 + y1) / 2];
    this.zoom = 0.92 * Math.min(width / (x1 - x0 || 1), height / (y1 - y0 || 1));
    this.least = this.zoom / 4;
  }

  toPixel([x, y], width, height) {
    return [width / 2 + (x - this.centre[0]) * this.zoom, height / 2 - (y - this.centre[1]) * this.zoom];
  }

  toPlane([px, py], width, height) {
    return [this.centre[0] + (px - width / 2) / this.zoom, this.centre[1] - (py - height / 2) / this.zoom];
  }

  /** Zooms so that what is under a pixel stays there. */
  zoomAt(pixel, factor, width, height) {
    const before = this.toPlane(pixel, width, height);
    this.zoom = Math.min(Math.max(this.zoom * factor, this.least), this.least * 4e4);
    const after = this.toPlane(pixel, width, height);
    this.centre = [this.centre[0] + before[0] - after[0], this.centre[1] + before[1] - after[1]];
  }

  pan([dx, dy]) {
    this.centre = [this.centre[0] - dx / this.zoom, this.centre[1] + dy / this.zoom];
  }
}

/** Draws points of a size in pixels; `colours` has a packed colour for each. 0 is not drawn. */
export function drawPoints(image, points, colours, view, size, background) {
  const { width, height } = image;
  const pixels = new Uint32Array(image.data.buffer);
  pixels.fill(background);
  const [cx, cy, zoom] = [view.centre[0], view.centre[1], view.zoom];
  const [middleX, middleY, half] = [width / 2, height / 2, size >> 1];
  for (let at = 0; at < colours.length; at += 1) {
    const colour = colours[at];
    if (!colour) continue;
    const x = (middleX + (points[2 * at] - cx) * zoom - half) | 0;
    const y = (middleY - (points[2 * at + 1] - cy) * zoom - half) | 0;
    if (x < 0 || y < 0 || x + size > width || y + size > height) continue;
    let row = y * width + x;
    for (let line = 0; line < size; line += 1, row += width) {
      // Large points have no corners.
      const cut = size > 3 && (line === 0 || line === size - 1) ? 1 : 0;
      for (let column = cut; column < size - cut; column += 1) pixels[row + column] = colour;
    }
  }
}

/** Finds the point nearest to a place: a grid over the plane. */
export class Grid {
  constructor(points, [x0, y0, x1, y1]) {
    const count = points.length / 2;
    this.side = Math.max(1, Math.ceil(Math.sqrt(count / 4)));
    this.from = [x0, y0];
    this.step = [(x1 - x0) / this.side || 1, (y1 - y0) / this.side || 1];
    this.points = points;
    this.starts = new Uint32Array(this.side * this.side + 1);
    const cells = new Uint32Array(count);
    for (let at = 0; at < count; at += 1) {
      cells[at] = this.cell(points[2 * at], points[2 * at + 1]);
      this.starts[cells[at] + 1] += 1;
    }
    for (let cell = 0; cell < this.starts.length - 1; cell += 1) this.starts[cell + 1] += this.starts[cell];
    const next = this.starts.slice();
    this.order = new Uint32Array(count);
    for (let at = 0; at < count; at += 1) this.order[next[cells[at]]++] = at;
  }

  column(value, axis) {
    return Math.min(this.side - 1, Math.max(0, Math.floor((value - this.from[axis]) / this.step[axis])));
  }

  cell(x, y) {
    return this.column(y, 1) * this.side + this.column(x, 0);
  }

  /** The point nearest to x and y within a radius; −1 without a point there. */
  nearest(x, y, radius) {
    let [best, least] = [-1, radius * radius];
    const [low, high] = [this.column(x - radius, 0), this.column(x + radius, 0)];
    for (let line = this.column(y - radius, 1); line <= this.column(y + radius, 1); line += 1) {
      const [from, to] = [this.starts[line * this.side + low], this.starts[line * this.side + high + 1]];
      for (let place = from; place < to; place += 1) {
        const at = this.order[place];
        const distance = (this.points[2 * at] - x) ** 2 + (this.points[2 * at + 1] - y) ** 2;
        if (distance < least) [best, least] = [at, distance];
      }
    }
    return best;
  }
}
