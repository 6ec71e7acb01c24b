// The items of a space as points of a plane.
import { html, useEffect, useMemo, useRef, useState } from '/assets/vendor/preact-htm.js';
import { get, post, useLoaded } from '/assets/lib/api.js';
import { useFields } from '/assets/lib/filter.js';
import { count, counted, number, percent, plain, score, title, visible } from '/assets/lib/format.js';
import { ItemLink } from '/assets/lib/hits.js';
import { LayoutChoice, TRANSITION_MS, interpolate, reproject, useLayout } from '/assets/lib/layout.js';
import { Grid, View, drawPoints, packed, palette, scale } from '/assets/lib/points.js';
import { Link, navigate } from '/assets/lib/route.js';
import { vectorSpaces } from '/assets/lib/search.js';
import { Card, Empty, Failed, Field, Loaded, Note, Page, Record, Select, Working } from '/assets/lib/ui.js';
import { UserForm } from '/assets/lib/user.js';

export function Map({ params, info }) {
  return html`<${Page} title="Map" intro="Items near each other have similar vectors, as far as two dimensions can show it.">
    <${Loaded} from=${info} what="Reading the database…">${(info) => {
      const spaces = vectorSpaces(info);
      const space = params.space ?? spaces[0];
      return spaces.length ? html`<${Content} key=${space} space=${space} spaces=${spaces} params=${params} />` : html`<${Card}><${Empty} title="No space yet">A map shows the vectors of a space, which a publish makes.<//><//>`;
    }}<//>
  <//>`;
}

/** Asks until the map is there. */
function useMap(space) {
  const [state, setState] = useState({ share: 0, since: Date.now() });
  useEffect(() => {
    const controller = new AbortController();
    (async () => {
      for (;;) {
        const view = await get('map', { space }, controller.signal);
        if (view.state === 'ready') {
          const points = new Float32Array(await get('map/points', { space }, controller.signal));
          setState({ map: { ...view, points } });
          return;
        }
        setState((last) => ({ ...last, share: view.share }));
        await new Promise((done) => setTimeout(done, 120));
      }
    })().catch((problem) => { if (!controller.signal.aborted) setState({ problem }); });
    return () => controller.abort();
  }, [space]);
  return state;
}

const isDark = () => document.documentElement.dataset.theme === 'dark' || (document.documentElement.dataset.theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);

/** Whether the page is dark, as it changes. */
function useDark() {
  const [dark, setDark] = useState(isDark);
  useEffect(() => {
    const update = () => setDark(isDark());
    const observer = new MutationObserver(update);
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    const query = matchMedia('(prefers-color-scheme: dark)');
    query.addEventListener('change', update);
    return () => { observer.disconnect(); query.removeEventListener('change', update); };
  }, []);
  return dark;
}

function Content({ space, spaces, params }) {
  const { map, share, since, problem } = useMap(space);
  const wanted = params.layout === 'neighbours';
  const layoutState = useLayout(space, map, wanted);
  const { layout } = layoutState;
  // Shows the principal components until the layout is ready.
  const shown = useMemo(() => (map && layout ? { ...map, points: layout.points, bounds: layout.bounds } : map), [map, layout]);
  const fields = useFields();
  const choices = fields.filter((field) => field.path !== 'id');
  // A field of few values tells most at once.
  const preferred = choices.find((field) => field.distinct > 1 && field.distinct <= 10 && !field.kinds.includes('number')) ?? choices.find((field) => field.distinct > 1 && field.distinct <= 60) ?? choices[0];
  const field = params.colour ?? preferred?.path ?? '';
  const colours = useLoaded((signal) => (map && field ? get('map/colour', { space, field }, signal) : null), [map, space, field]);
  const [chosen, setChosen] = useState(null);
  const [query, setQuery] = useState(null);
  const [hidden, setHidden] = useState(new Set());
  useEffect(() => setHidden(new Set()), [field]);
  return html`<div class="grid2 side map-page">
    <div class="stack">
      <${Card}><div class="fields">
        <${Field} label="Space">${(id) => html`<${Select} id=${id} value=${space} options=${spaces} onChange=${(next) => navigate('/map', { space: next })} />`}<//>
        <${LayoutChoice} space=${space} map=${map} state=${layoutState} wanted=${wanted} choose=${(layout) => navigate('/map', { ...params, space, layout })} />
        <${Field} label="Colour by">${(id) => html`<${Select} id=${id} value=${field} options=${choices.map((one) => one.path)} onChange=${(colour) => navigate('/map', { ...params, space, colour })} />`}<//>
        ${colours.problem && html`<${Failed} problem=${colours.problem} />`}
        ${map && html`<${Legend} of=${colours.value} hidden=${hidden} setHidden=${setHidden} />`}
      </div><//>
      <${QueryCard} space=${space} map=${map} layout=${layout ? 'neighbours' : ''} query=${query} setQuery=${setQuery} setChosen=${setChosen} />
    </div>
    <div class="stack">
      ${problem ? html`<${Card}><${Failed} problem=${problem} /><//>`
        : !map ? html`<${Card}><${Working} what="Computing the map…" since=${since} share=${share} /><//>`
        : !map.count ? html`<${Card}><${Empty} title="No vectors yet">The space has no items.<//><//>`
        : html`<${Plot} space=${space} map=${shown} isByNeighbours=${Boolean(layout)} colours=${colours.value} hidden=${hidden} chosen=${chosen} setChosen=${setChosen} query=${query} />`}
      ${chosen !== null && map && html`<${Chosen} space=${space} at=${chosen} setChosen=${setChosen} />`}
    </div>
  </div>`;
}

function Legend({ of, hidden, setHidden }) {
  const dark = useDark();
  if (!of) return null;
  if (of.kind === 'number') {
    const stops = scale(dark).filter((_, at) => at % 51 === 0).join(', ');
    return html`<div><div style=${{ height: '12px', borderRadius: '6px', background: `linear-gradient(to right, ${stops})` }}></div><div class="row small muted" style=${{ justifyContent: 'space-between' }}><span>${number(of.least)}</span><span>${number(of.most)}</span></div></div>`;
  }
  const toggle = (code) => { const next = new Set(hidden); if (!next.delete(code)) next.add(code); setHidden(next); };
  const entries = of.labels.map((label, code) => [code, visible(label.text) || '(empty)', label.count]);
  if (of.others) entries.push([of.labels.length, 'other values', of.others]);
  return html`<ul class="legend column">${entries.map(([code, text, points]) => html`<li key=${code}><label class="check"><input type="checkbox" checked=${!hidden.has(code)} onChange=${() => toggle(code)} /><span class="swatch" style=${{ background: palette(dark)[Math.min(code, 10)], margin: 0, flex: 'none' }}></span><span class="clip grow" title=${text}>${text}</span><span class="muted">${count(points)}</span></label></li>`)}</ul>`;
}

/** The colour of each point. */
function colourArray(map, colours, hidden, dark) {
  const all = new Uint32Array(map.count);
  const plainColour = packed(palette(dark)[colours ? 10 : 0]);
  if (!colours) return all.fill(plainColour);
  if (colours.kind === 'number') {
    const ramp = scale(dark).map(packed);
    const span = colours.most - colours.least || 1;
    colours.values.forEach((value, at) => { all[at] = value === null ? plainColour : ramp[Math.round(((value - colours.least) / span) * 255)]; });
    return all;
  }
  const shades = palette(dark).map(packed);
  colours.codes.forEach((code, at) => { all[at] = hidden.has(code) ? 0 : code < 0 ? plainColour : shades[Math.min(code, 10)]; });
  return all;
}

function Plot({ space, map, isByNeighbours, colours, hidden, chosen, setChosen, query }) {
  const canvas = useRef(null);
  const over = useRef(null);
  const box = useRef(null);
  const view = useRef(null);
  const dark = useDark();
  const [hovered, setHovered] = useState(null);
  const grid = useMemo(() => new Grid(map.points, map.bounds), [map]);
  const shades = useMemo(() => colourArray(map, colours, hidden, dark), [map, colours, hidden, dark]);
  // The points as drawn. During a transition between layouts they lie between both.
  const drawn = useRef({ points: map.points });
  const state = useRef({});
  state.current = { shades, chosen, query, dark, hovered };

  // One picture a frame, however many events ask for it.
  const draw = useRef(null);
  useEffect(() => {
    let waiting = false;
    let image = null;
    draw.current = () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        const started = performance.now();
        const element = canvas.current;
        if (!element) return;
        const ratio = Math.min(devicePixelRatio || 1, 2);
        const [width, height] = [Math.round(element.clientWidth * ratio), Math.round(element.clientHeight * ratio)];
        if (!width || !height) return;
        for (const layer of [element, over.current]) if (layer.width !== width || layer.height !== height) { layer.width = width; layer.height = height; image = null; }
        const context = element.getContext('2d');
        image ??= context.createImageData(width, height);
        if (drawn.current.goal !== map.points) startTransition(width, height);
        view.current ??= new View(map.bounds, width, height);
        const transition = drawn.current;
        if (transition.from) {
          const part = Math.min(1, (started - transition.since) / TRANSITION_MS);
          interpolate(transition.from, map.points, part, transition.points);
          if (part < 1) draw.current();
          else drawn.current = { points: map.points, goal: map.points };
        }
        const { points } = drawn.current;
        const grown = view.current.zoom / (view.current.least * 4);
        const size = Math.round(ratio * Math.min(9, (map.count > 20_000 ? 2 : map.count > 3_000 ? 3 : 5) * Math.max(1, grown ** 0.35)));
        drawPoints(image, points, state.current.shades, view.current, size, packed(state.current.dark ? '#161b23' : '#ffffff'));
        context.putImageData(image, 0, 0);
        marks(over.current, points, view.current, state.current, ratio);
        element.dataset.milliseconds = (performance.now() - started).toFixed(2);
        element.dataset.frames = Number(element.dataset.frames ?? 0) + 1;
      });
    };
    // The transition begins where the points are drawn now.
    const startTransition = (width, height) => {
      const before = view.current;
      const { points, goal } = drawn.current;
      view.current = null;
      drawn.current = { points: map.points, goal: map.points };
      if (!goal || !before || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
      view.current = new View(map.bounds, width, height);
      drawn.current = { points: new Float32Array(points.length), goal: map.points, from: reproject(points, before, view.current), since: performance.now() };
    };
    const observer = new ResizeObserver(() => draw.current());
    observer.observe(canvas.current);
    // A wheel over the map zooms it and does not scroll the page, so the listener may not be passive.
    const wheel = (event) => {
      event.preventDefault();
      const ratio = canvas.current.width / canvas.current.clientWidth;
      view.current.zoomAt([event.offsetX * ratio, event.offsetY * ratio], 1.0015 ** -event.deltaY, canvas.current.width, canvas.current.height);
      draw.current();
    };
    box.current.addEventListener('wheel', wheel, { passive: false });
    const element = box.current;
    return () => { observer.disconnect(); element.removeEventListener('wheel', wheel); draw.current = () => {}; };
  }, [map]);
  useEffect(() => draw.current(), [shades, chosen, query, hovered, dark]);

  const pointers = useRef(new globalThis.Map());
  const ratio = () => canvas.current.width / canvas.current.clientWidth;
  const at = (event) => {
    const area = box.current.getBoundingClientRect();
    return [(event.clientX - area.left) * ratio(), (event.clientY - area.top) * ratio()];
  };
  const find = (event) => {
    const { width, height } = canvas.current;
    const [x, y] = view.current.toPlane(at(event), width, height);
    const found = grid.nearest(x, y, (10 * ratio()) / view.current.zoom);
    return found >= 0 && shades[found] ? found : null;
  };
  const down = (event) => { box.current.setPointerCapture(event.pointerId); pointers.current.set(event.pointerId, { at: at(event), moved: 0 }); };
  const move = (event) => {
    const pointer = pointers.current.get(event.pointerId);
    if (!pointer) { const found = find(event); if (found !== hovered) setHovered(found); return; }
    const now = at(event);
    const delta = [now[0] - pointer.at[0], now[1] - pointer.at[1]];
    const others = [...pointers.current.entries()].filter(([id]) => id !== event.pointerId);
    if (others.length === 1) {
      const other = others[0][1].at;
      const span = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]) || 1;
      view.current.zoomAt(other, span(now) / span(pointer.at), canvas.current.width, canvas.current.height);
    } else view.current.pan(delta);
    pointer.at = now;
    pointer.moved += Math.abs(delta[0]) + Math.abs(delta[1]);
    draw.current();
  };
  const up = (event) => {
    const pointer = pointers.current.get(event.pointerId);
    pointers.current.delete(event.pointerId);
    if (pointer && pointer.moved < 5 * ratio()) setChosen(find(event));
  };
  const keys = (event) => {
    const { width, height } = canvas.current;
    const pan = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    if (pan) view.current.pan(pan);
    else if (event.key === '+' || event.key === '=') view.current.zoomAt([width / 2, height / 2], 1.4, width, height);
    else if (event.key === '-') view.current.zoomAt([width / 2, height / 2], 1 / 1.4, width, height);
    else if (event.key === '0') view.current = new View(map.bounds, width, height);
    else if (event.key === 'Enter' || event.key === ' ') { const found = grid.nearest(...view.current.centre, width / view.current.zoom); setChosen(found >= 0 ? found : null); }
    else if (event.key === 'Escape') setChosen(null);
    else return;
    event.preventDefault();
    draw.current();
  };
  const zoom = (factor) => { const { width, height } = canvas.current; view.current.zoomAt([width / 2, height / 2], factor, width, height); draw.current(); };
  const [first, second] = map.explained;
  return html`<${Card}>
    <div class="plot" ref=${box} tabindex="0" role="application" aria-label=${`Map of ${counted(map.count, 'item')}. Arrows move it, plus and minus zoom, Enter chooses the point in the middle, 0 shows all.`}
      onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${(event) => pointers.current.delete(event.pointerId)} onPointerLeave=${() => setHovered(null)} onKeyDown=${keys}>
      <canvas ref=${canvas}></canvas><canvas ref=${over}></canvas>
      ${hovered !== null && html`<${Hovered} space=${space} at=${hovered} map=${map} view=${view.current} canvas=${canvas.current} />`}
    </div>
    <div class="row" style=${{ marginTop: '.6rem' }}>
      <button onClick=${() => zoom(1.5)} aria-label="Zoom in">+</button><button onClick=${() => zoom(1 / 1.5)} aria-label="Zoom out">−</button><button onClick=${() => { view.current = null; draw.current(); }}>Show all</button>
      <span class="muted small caption">${map.count < map.total ? `${count(map.count)} of ${counted(map.total, 'item')}, evenly chosen` : counted(map.count, 'item')}; ${isByNeighbours ? 'laid out by neighbours in' : 'principal components of'} ${counted(map.dimension, 'dimension')}${isByNeighbours ? '' : `, ${percent(first)} and ${percent(second)} of the variance`}</span>
    </div>
  <//>`;
}

/** The chosen point, the query and its hits, above the points. */
function marks(layer, points, view, { chosen, query, hovered, dark }, ratio) {
  const context = layer.getContext('2d');
  context.clearRect(0, 0, layer.width, layer.height);
  const place = (x, y) => view.toPixel([x, y], layer.width, layer.height);
  const ring = (at, radius, colour, width = 2) => {
    const [x, y] = place(points[2 * at], points[2 * at + 1]);
    context.beginPath();
    context.arc(x, y, radius * ratio, 0, 2 * Math.PI);
    context.lineWidth = width * ratio;
    context.strokeStyle = colour;
    context.stroke();
  };
  const ink = dark ? '#ffffff' : '#000000';
  if (query?.point) {
    const [x, y] = place(...query.point);
    context.strokeStyle = dark ? 'rgb(255 255 255 / .45)' : 'rgb(0 0 0 / .35)';
    context.lineWidth = ratio;
    for (const hit of query.hits) {
      if (hit.at === null) continue;
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(...place(points[2 * hit.at], points[2 * hit.at + 1]));
      context.stroke();
    }
    for (const hit of query.hits) if (hit.at !== null) ring(hit.at, 6, ink);
    context.fillStyle = dark ? '#ffd166' : '#b3261e';
    context.beginPath();
    for (let corner = 0; corner < 10; corner += 1) {
      const radius = (corner % 2 ? 4 : 10) * ratio;
      const angle = (corner * Math.PI) / 5 - Math.PI / 2;
      context.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
    }
    context.fill();
  }
  if (chosen !== null) ring(chosen, 9, ink, 3);
  if (hovered !== null) ring(hovered, 7, ink);
}

const remembered = new globalThis.Map();

/** The record of a point, cached. */
function usePoint(space, at) {
  const key = `${space} ${at}`;
  return useLoaded((signal) => {
    if (!remembered.has(key)) {
      if (remembered.size > 500) remembered.clear();
      remembered.set(key, get('map/point', { space, at }).catch((error) => { remembered.delete(key); throw error; }));
    }
    return remembered.get(key);
  }, [key]);
}

function Hovered({ space, at, map, view, canvas }) {
  const { value } = usePoint(space, at);
  const ratio = canvas.width / canvas.clientWidth;
  const [x, y] = view.toPixel([map.points[2 * at], map.points[2 * at + 1]], canvas.width, canvas.height).map((one) => one / ratio);
  const style = { left: `${Math.min(Math.max(x, 110), canvas.clientWidth - 110)}px`, top: `${y}px`, transform: `translate(-50%, ${y > 170 ? 'calc(-100% - 12px)' : '12px'})` };
  const rest = value ? Object.entries(value.record ?? {}).filter(([name, inner]) => name !== 'id' && plain(inner) && plain(inner) !== title(value.record)).slice(0, 4) : [];
  return html`<div class="tip" style=${style}>${value ? html`<strong>${title(value.record) || visible(value.id)}</strong><div class="mono small muted">${visible(value.id)}</div>${rest.map(([name, inner]) => html`<div class="small clip" key=${name}><span class="muted">${visible(name)}</span> ${plain(inner)}</div>`)}` : '…'}</div>`;
}

function Chosen({ space, at, setChosen }) {
  const loaded = usePoint(space, at);
  return html`<${Card} title="Chosen item" aside=${html`<button class="plain" onClick=${() => setChosen(null)}>Close</button>`}>
    <${Loaded} from=${loaded} what="Reading the item…">${(item) => html`<div class="grid2">
      <div class="stack"><p><strong>${title(item.record)}</strong> <${ItemLink} id=${item.id} /></p><${Record} value=${item.record} /></div>
      <div><h3>Neighbours</h3><${PlacedHits} hits=${item.neighbours} setChosen=${setChosen} /></div>
    </div>`}<//>
  <//>`;
}

const PlacedHits = ({ hits, setChosen }) => html`<div class="scroll" style=${{ margin: 0, padding: 0 }}><table>
  <thead><tr><th class="num">Rank</th><th>Item</th><th class="num">Score</th></tr></thead>
  <tbody>${hits.map((hit, at) => html`<tr key=${hit.id}><td class="num">${at + 1}</td><td><div class="cell">${setChosen && hit.at !== null ? html`<button type="button" class="plain" style=${{ padding: 0, whiteSpace: 'normal', textAlign: 'left', overflowWrap: 'anywhere' }} onClick=${() => setChosen(hit.at)}>${title(hit.record) || visible(hit.id)}</button>` : title(hit.record) || visible(hit.id)}${hit.at === null && html` <span class="muted small">not on the map</span>`}</div></td><td class="num">${score(hit.score)}</td></tr>`)}</tbody>
</table></div>`;

function QueryCard({ space, map, layout, query, setQuery, setChosen }) {
  const form = useLoaded((signal) => get('form', { name: space }, signal), [space]);
  const [text, setText] = useState(null);
  const [problem, setProblem] = useState(null);
  const run = async (event) => {
    event?.preventDefault();
    try {
      setQuery(await post('map/query', { space, layout, query: { user: JSON.parse(text ?? JSON.stringify(form.value.example)) }, k: 10 }));
      setProblem(null);
    } catch (error) { setProblem(error); setQuery(null); }
  };
  // The place of a query in one layout is meaningless in another: remove it until the answer arrives.
  useEffect(() => {
    if (!query) return;
    setQuery(null);
    run();
  }, [layout]);
  if (form.value && !form.value.takes_user) return null;
  return html`<${Card} title="A user on the map" aside=${query && html`<button class="plain" onClick=${() => setQuery(null)}>Clear</button>`}>
    <${Loaded} from=${form} what="Reading the towers…">${(form) => html`<form class="stack" onSubmit=${run}>
      <details><summary>Features</summary><${UserForm} form=${form} text=${text ?? JSON.stringify(form.example)} onChange=${setText} problem=${problem} /></details>
      ${problem && problem.part !== 'user' && html`<${Note} level="error" title=${problem.message} />`}
      <div class="row"><button class="primary" disabled=${!map}>Show</button><${Link} to="/recall" params=${{ from: space, user: text ?? JSON.stringify(form.example) }}>Explain this recall<//></div>
      ${query && html`<${PlacedHits} hits=${query.hits} setChosen=${setChosen} /><p class="hint">${query.point ? '★ is the user, rings are the hits.' : 'None of the hits is on the map.'}${layout && query.point ? ' The user is at the weighted centroid of the hits.' : ''} Distances in the plane are not those of the space.</p>`}
    </form>`}<//>
  <//>`;
}
