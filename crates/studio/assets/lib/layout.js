// Layouts of the map: asked for, watched and cancelled; and the way from one to another.
import { html, useEffect, useState } from '/assets/vendor/preact-htm.js';
import { get, post } from '/assets/lib/api.js';
import { percent } from '/assets/lib/format.js';
import { Failed, Working } from '/assets/lib/ui.js';

const pause = (time) => new Promise((done) => setTimeout(done, time));

/** The layout by neighbours of a map, started if it is `wanted`. Gives { layout, share, stage, since, problem }. */
export function useLayout(space, map, wanted) {
  const [state, setState] = useState({});
  useEffect(() => {
    setState({});
    if (!map?.count || !wanted) return undefined;
    const controller = new AbortController();
    (async () => {
      const since = Date.now();
      setState({ share: 0, since });
      let view = await post('map/neighbours', { space }, controller.signal);
      while (view.state === 'working') {
        const { share, stage } = view;
        setState({ share, stage, since });
        await pause(200);
        view = await get('map/neighbours', { space }, controller.signal);
      }
      if (view.state === 'ready') {
        const points = new Float32Array(await get('map/points', { space, layout: 'neighbours' }, controller.signal));
        setState({ layout: { ...view, points } });
      } else setState({ cancelled: true });
    })().catch((problem) => { if (!controller.signal.aborted) setState({ problem }); });
    return () => controller.abort();
  }, [space, map, wanted]);
  return state;
}

const share = (part) => percent(part, part < 0.1 ? 1 : 0);

const STAGES = { neighbours: 'Finding the neighbours of each item…', layout: 'Moving neighbours together…' };

/** Switches between the layouts, and shows how far the one by neighbours is. */
export function LayoutChoice({ space, map, state, wanted, choose }) {
  const cancel = async () => { choose(''); await post('map/neighbours/cancel', { space }); };
  if (!wanted) return html`<div><button disabled=${!map?.count} onClick=${() => choose('neighbours')}>Lay out by neighbours</button><p class="hint">Places items near their nearest neighbours in the space. Computed in the background.</p></div>`;
  const { layout, share: done, stage, since, problem, cancelled } = state;
  return html`<div class="stack">
    ${problem && html`<${Failed} problem=${problem} />`}
    ${cancelled && html`<p class="hint">The layout was cancelled elsewhere.</p>`}
    ${!layout && done !== undefined && html`<${Working} what=${STAGES[stage] ?? 'Waiting for another layout…'} since=${since} share=${done} />`}
    <div class="row">${!layout && done !== undefined ? html`<button onClick=${cancel}>Cancel</button>` : html`<button onClick=${() => choose('')}>Principal components</button>`}</div>
    ${layout && html`<p class="hint">Of the ${layout.compared} nearest neighbours of an item in the space, ${share(layout.kept)} are its nearest here, and ${share(layout.kept_by_components)} by principal components. Distances between groups say little.</p>`}
  </div>`;
}

/** Time of the way from one layout to another, in milliseconds. */
export const WAY = 900;

/** The points of a layout where another view shows them at the same pixels. */
export function seenFrom(points, before, after) {
  const factor = before.zoom / after.zoom;
  const seen = new Float32Array(points.length);
  for (let at = 0; at < points.length; at += 1) seen[at] = (points[at] - before.centre[at & 1]) * factor + after.centre[at & 1];
  return seen;
}

/** Points on the way from some to others; `part` from 0 to 1. */
export function onTheWay(from, to, part, into) {
  const eased = part * part * (3 - 2 * part);
  for (let at = 0; at < into.length; at += 1) into[at] = from[at] + (to[at] - from[at]) * eased;
}
