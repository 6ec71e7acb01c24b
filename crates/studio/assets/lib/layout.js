// Layouts of the map: start, progress and cancel; and the transition between two layouts.
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

const STAGES = { waiting: 'Waiting for another layout…', neighbours: 'Finding the neighbours of each item…', layout: 'Moving neighbours together…' };

/** Switches between the layouts, and shows the progress of the layout by neighbours. */
export function LayoutChoice({ space, map, state, wanted, choose }) {
  const [failed, setFailed] = useState(null);
  const start = () => { setFailed(null); choose('neighbours'); };
  const cancel = async () => {
    choose('');
    try { await post('map/neighbours/cancel', { space }); } catch (problem) { setFailed(problem); }
  };
  const warning = failed && html`<${Failed} problem=${failed} />`;
  if (!wanted) return html`<div class="stack">${warning}<div><button disabled=${!map?.count} onClick=${start}>Lay out by neighbours</button><p class="hint">Places items near their nearest neighbours in the space. Computed in the background.</p></div></div>`;
  const { layout, share: done, stage, since, problem, cancelled } = state;
  return html`<div class="stack">
    ${warning}
    ${problem && html`<${Failed} problem=${problem} />`}
    ${cancelled && html`<p class="hint">The layout was cancelled on another page.</p>`}
    ${stage && html`<${Working} what=${STAGES[stage]} since=${since} share=${done} />`}
    <div class="row">${stage ? html`<button onClick=${cancel}>Cancel</button>` : html`<button onClick=${() => choose('')}>Principal components</button>`}</div>
    ${layout && html`<p class="hint">Neighbours preserved: ${share(layout.neighbour_recall)} of the ${layout.compared} nearest in the space; by principal components ${share(layout.component_neighbour_recall)}. Distances between groups have little meaning.</p>`}
  </div>`;
}

/** Duration of the transition from one layout to another, in milliseconds. */
export const TRANSITION_MS = 900;

/** The points of one view's layout, moved so that another view draws them at the same pixels. */
export function reproject(points, before, after) {
  const factor = before.zoom / after.zoom;
  const moved = new Float32Array(points.length);
  for (let at = 0; at < points.length; at += 1) moved[at] = (points[at] - before.centre[at & 1]) * factor + after.centre[at & 1];
  return moved;
}

/** Interpolates between two layouts with easing; `part` from 0 to 1. */
export function interpolate(from, to, part, into) {
  const eased = part * part * (3 - 2 * part);
  for (let at = 0; at < into.length; at += 1) into[at] = from[at] + (to[at] - from[at]) * eased;
}
