// Charts in SVG. Each has its numbers as a table too.
import { html, useState } from '/assets/vendor/preact-htm.js';

export const colour = (index) => `var(--c${(index % 6) + 1})`;

/** About `wanted` round numbers from `low` to `high`. */
export function ticks(low, high, wanted = 5) {
  const span = high - low || 1;
  const power = 10 ** Math.floor(Math.log10(span / wanted));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => span / size <= wanted) ?? 10 * power;
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) found.push(Number(at.toPrecision(12)));
  return found;
}

/** Lines: series of { name, points: [[x, y], …], dashed }. */
export function LineChart({ series, xLabel, yLabel, xLog = false, yDomain, formatX = String, formatY = String, label }) {
  const [hovered, setHovered] = useState(null);
  const [width, height, left, right, top, bottom] = [640, 280, 52, 16, 12, 40];
  const all = series.flatMap((one) => one.points);
  if (!all.length) return null;
  const scale = xLog ? (x) => Math.log2(Math.max(x, 1e-9)) : (x) => x;
  const xs = all.map(([x]) => scale(x));
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  const ys = all.map(([, y]) => y);
  const [y0, y1] = yDomain ?? [Math.min(...ys), Math.max(...ys)];
  const px = (x) => left + ((scale(x) - x0) / (x1 - x0 || 1)) * (width - left - right);
  const py = (y) => top + (1 - (Math.min(Math.max(y, y0), y1) - y0) / (y1 - y0 || 1)) * (height - top - bottom);
  const places = [...new Set(all.map(([x]) => x))].sort((a, b) => a - b);
  const shownX = xLog ? places.filter((_, at) => at % Math.ceil(places.length / 9) === 0) : ticks(x0, x1, 7);
  const move = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * width;
    setHovered(places.reduce((best, x) => (Math.abs(px(x) - at) < Math.abs(px(best) - at) ? x : best)));
  };
  return html`<div>
    <svg class="chart" viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${label} onMouseMove=${move} onMouseLeave=${() => setHovered(null)}>
      ${ticks(y0, y1).map((y) => html`<g key=${y}><line class="gridline" x1=${left} x2=${width - right} y1=${py(y)} y2=${py(y)} /><text x=${left - 8} y=${py(y) + 4} text-anchor="end">${formatY(y)}</text></g>`)}
      <line class="axis" x1=${left} x2=${width - right} y1=${height - bottom} y2=${height - bottom} />
      ${shownX.map((x) => html`<text key=${x} x=${px(x)} y=${height - bottom + 16} text-anchor="middle">${formatX(x)}</text>`)}
      <text x=${(left + width - right) / 2} y=${height - 4} text-anchor="middle">${xLabel}</text>
      ${series.map((one, index) => html`<g key=${one.name}>
        <polyline fill="none" stroke=${one.colour ?? colour(index)} stroke-width="2" stroke-dasharray=${one.dashed ? '4 4' : undefined} points=${one.points.map(([x, y]) => `${px(x)},${py(y)}`).join(' ')} />
        ${!one.dashed && one.points.map(([x, y]) => html`<circle key=${x} cx=${px(x)} cy=${py(y)} r=${x === hovered ? 4.5 : 2.5} fill=${one.colour ?? colour(index)} />`)}
      </g>`)}
      ${hovered !== null && html`<line class="axis" x1=${px(hovered)} x2=${px(hovered)} y1=${top} y2=${height - bottom} />`}
    </svg>
    <ul class="legend" aria-live="off">${series.map((one, index) => {
      const point = hovered !== null && one.points.find(([x]) => x === hovered);
      return html`<li key=${one.name}><span class="swatch" style=${{ background: one.colour ?? colour(index), opacity: one.dashed ? 0.5 : 1 }}></span>${one.name}${point ? html` <strong>${formatY(point[1])}</strong>` : ''}</li>`;
    })}${hovered !== null && html`<li class="muted">${xLabel} ${formatX(hovered)}</li>`}</ul>
    <details><summary>As a table</summary><div class="scroll"><table>
      <thead><tr><th class="num">${xLabel}</th>${series.map((one) => html`<th class="num" key=${one.name}>${one.name}</th>`)}</tr></thead>
      <tbody>${places.map((x) => html`<tr key=${x}><td class="num">${formatX(x)}</td>${series.map((one) => { const point = one.points.find(([at]) => at === x); return html`<td class="num" key=${one.name}>${point ? formatY(point[1]) : ''}</td>`; })}</tr>`)}</tbody>
    </table></div></details>
  </div>`;
}

/** Bars: rows of { label, value, text }. */
export function BarChart({ bars, label, height = 150, xLabel }) {
  const [width, bottom, top] = [640, 36, 14];
  const most = Math.max(...bars.map((bar) => bar.value), 1e-12);
  const step = width / Math.max(bars.length, 1);
  const every = Math.ceil(bars.length / 12);
  return html`<div><svg class="chart" viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${label}>
    <line class="axis" x1="0" x2=${width} y1=${height - bottom} y2=${height - bottom} />
    ${bars.map((bar, at) => {
      const tall = (bar.value / most) * (height - bottom - top);
      return html`<g key=${at}><title>${bar.label}: ${bar.text ?? bar.value}</title>
        <rect x=${at * step + 1} width=${Math.max(step - 2, 1)} y=${height - bottom - tall} height=${tall} rx="2" fill="var(--accent)" />
        ${at % every === 0 && html`<text x=${at * step + step / 2} y=${height - bottom + 15} text-anchor="middle">${bar.label}</text>`}
        ${bars.length <= 12 && html`<text x=${at * step + step / 2} y=${height - bottom - tall - 4} text-anchor="middle">${bar.text ?? bar.value}</text>`}
      </g>`;
    })}
    ${xLabel && html`<text x=${width / 2} y=${height - 2} text-anchor="middle">${xLabel}</text>`}
  </svg></div>`;
}
