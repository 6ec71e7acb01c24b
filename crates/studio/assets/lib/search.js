// What recalls share: what to recall from, and how to search.
import { html } from '/assets/vendor/preact-htm.js';
import { Field, Select } from '/assets/lib/ui.js';

/** `name`, and `name@3` or `name,space@3` with other generations: as in `twinspire diff`. */
export function sideOf(text) {
  const [first, ...rest] = (text ?? '').split(',');
  const [name, own] = first.split('@');
  const generations = Object.fromEntries(rest.map((part) => part.split('@')).map(([space, number]) => [space, Number(number)]));
  if (own) generations[name] = Number(own);
  return { name, generations };
}

export function textOf({ name, generations = {} }, info) {
  const target = info.targets.find((one) => one.name === name);
  const given = Object.entries(generations).filter(([space, number]) => target?.generations[space]?.active !== number);
  return [given.filter(([space]) => space === name).map(([, number]) => `${name}@${number}`)[0] ?? name, ...given.filter(([space]) => space !== name).map(([space, number]) => `${space}@${number}`)].join(',');
}

/** The names of the spaces that have vectors. */
export const vectorSpaces = (info) => info.targets.filter((target) => !target.is_ensemble && !target.is_lexical).map((target) => target.name);

const titleOf = (target) => (target.is_ensemble ? `${target.name} (ensemble of ${target.spaces.join(', ')})` : target.is_lexical ? `${target.name} (words)` : target.name);

/** Chooses a space or an ensemble and the generations of its spaces. */
export function SideField({ info, side, onChange, label = 'Recall from' }) {
  const target = info.targets.find((one) => one.name === side.name);
  const several = Object.entries(target?.generations ?? {}).filter(([, kept]) => kept.numbers.length > 1);
  return html`<div class="fields">
    <${Field} label=${label}>${(id) => html`<${Select} id=${id} value=${side.name} onChange=${(name) => onChange({ name, generations: {} })}
      options=${info.targets.map((one) => [one.name, titleOf(one)])} />`}<//>
    ${several.map(([space, kept]) => html`<${Field} key=${space} label=${target.is_ensemble ? html`Generation of <span class="mono">${space}</span>` : 'Generation'}>${(id) => html`<${Select} id=${id} value=${String(side.generations[space] ?? kept.active)}
      onChange=${(number) => onChange({ ...side, generations: { ...side.generations, [space]: Number(number) } })}
      options=${kept.numbers.map((number) => [String(number), number === kept.active ? `${number} (active)` : String(number)])} />`}<//>`)}
  </div>`;
}

const EFFORTS = [['default', 'Default: wider where users need it'], ['target', 'Recall target'], ['ef', 'Beam width (efSearch)'], ['exact', 'Exact: score every item']];

/** The effort as it stands in an address: `ef:128`, `target:0.95`, `exact`. */
export function effortOf(text) {
  const [kind, value] = (text ?? '').split(':');
  if (kind === 'ef' || kind === 'target') return { kind, value: Number(value) };
  return { kind: kind === 'exact' ? 'exact' : 'default' };
}

export const effortText = ({ kind, value }) => (kind === 'default' ? '' : kind === 'exact' ? 'exact' : `${kind}:${value}`);

export function EffortField({ effort, onChange }) {
  const choose = (kind) => onChange(kind === 'ef' ? { kind, value: 128 } : kind === 'target' ? { kind, value: 0.95 } : { kind });
  return html`<div class="fields two">
    <${Field} label="Effort">${(id) => html`<${Select} id=${id} value=${effort.kind} onChange=${choose} options=${EFFORTS} />`}<//>
    ${effort.kind === 'ef' && html`<${Field} label="Width">${(id) => html`<input id=${id} type="number" min="1" step="1" value=${effort.value} onChange=${(event) => onChange({ kind: 'ef', value: Math.max(1, Math.round(Number(event.target.value)) || 1) })} />`}<//>`}
    ${effort.kind === 'target' && html`<${Field} label="Share of the exact answer">${(id) => html`<input id=${id} type="number" min="0.01" max="1" step="0.01" value=${effort.value} onChange=${(event) => onChange({ kind: 'target', value: Number(event.target.value) })} />`}<//>`}
  </div>`;
}
