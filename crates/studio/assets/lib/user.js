// The form of a user, made from what the towers read.
import { html, useMemo, useState } from '/assets/vendor/preact-htm.js';
import { Field, Tabs } from '/assets/lib/ui.js';

/** The text of a value in its field. */
function shown(value, input) {
  if (value === undefined || value === null) return '';
  if (input === 'json') return JSON.stringify(value);
  if (input === 'list') return Array.isArray(value) ? value.join(', ') : String(value);
  if (input === 'place') return typeof value === 'object' ? `${value.lat}, ${value.lon ?? value.lng}` : String(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The value of a field's text; undefined if it is empty, and a text that is no value stays a text. */
function parsed(text, input, before) {
  const trimmed = text.trim();
  if (!trimmed) return undefined;
  if (input === 'number') return Number.isNaN(Number(trimmed)) ? trimmed : Number(trimmed);
  if (input === 'list') {
    const numbers = Array.isArray(before) && before.length > 0 && before.every((one) => typeof one === 'number');
    return trimmed.split(',').map((one) => one.trim()).filter(Boolean).map((one) => (numbers && !Number.isNaN(Number(one)) ? Number(one) : one));
  }
  if (input === 'place') {
    const [lat, lon] = trimmed.split(',').map(Number);
    return Number.isFinite(lat) && Number.isFinite(lon) ? { lat, lon } : trimmed;
  }
  if (input === 'json') { try { return JSON.parse(trimmed); } catch { return trimmed; } }
  return typeof before === 'number' && !Number.isNaN(Number(trimmed)) ? Number(trimmed) : text;
}

/** Another user like the example: its histories are items at random. */
export function randomUser(form) {
  const user = structuredClone(form.example);
  for (const field of form.fields) {
    if (!field.is_items || form.items.length === 0) continue;
    const wanted = Math.max(1, Math.min(field.limit ?? 5, 5, form.items.length));
    const chosen = new Set();
    while (chosen.size < wanted) chosen.add(form.items[Math.floor(Math.random() * form.items.length)]);
    user[field.name] = [...chosen];
  }
  return user;
}

const INPUTS = {
  text: 'text', long_text: 'text', number: 'a number', list: 'separated by commas', place: 'latitude, longitude', time: 'such as 2026-01-31T18:30:00Z', json: 'JSON',
};

function hint(field) {
  const parts = [field.is_items ? 'ids of items, oldest first, separated by commas' : INPUTS[field.input]];
  if (field.limit) parts.push(`the last ${field.limit} count`);
  parts.push(field.optional ? 'may be empty' : 'required');
  return parts.join('; ');
}

/** Edits the text of a user's JSON, by fields or as it is. */
export function UserForm({ form, text, onChange, problem }) {
  const [view, setView] = useState('fields');
  const user = useMemo(() => { try { const value = JSON.parse(text || '{}'); return value && typeof value === 'object' && !Array.isArray(value) ? value : null; } catch { return null; } }, [text]);
  const set = (field, value) => {
    const next = { ...user };
    const given = parsed(value, field.input, form.example[field.name]);
    if (given === undefined) delete next[field.name]; else next[field.name] = given;
    onChange(JSON.stringify(next));
  };
  const bad = problem?.part === 'user';
  return html`<div class="stack">
    <${Tabs} label="How to give the user" value=${view} onChange=${setView} tabs=${[['fields', 'Fields'], ['json', 'JSON']]} />
    ${view === 'fields' && user && html`<div class="fields">${form.fields.map((field) => html`<${UserField} key=${field.name} field=${field} value=${user[field.name]} onInput=${(value) => set(field, value)} />`)}</div>`}
    ${view === 'fields' && !user && html`<p class="hint">The JSON of the user is not an object. Correct it under JSON.</p>`}
    ${view === 'json' && html`<${Field} label="Features of the user, as JSON">${(id) => html`<textarea id=${id} rows="10" spellcheck="false" aria-invalid=${String(!user || bad)} value=${user ? JSON.stringify(user, null, 2) : text} onChange=${(event) => onChange(compact(event.target.value))}></textarea>`}<//>`}
    ${bad && html`<p class="hint" role="alert" style=${{ color: 'var(--bad)' }}>${problem.message}</p>`}
    <div class="row"><button type="button" onClick=${() => onChange(JSON.stringify(randomUser(form)))}>Another example</button><button type="button" onClick=${() => onChange('{}')}>Empty</button></div>
  </div>`;
}

const compact = (text) => { try { return JSON.stringify(JSON.parse(text)); } catch { return text; } };

/** A field keeps what is typed; what it means goes to the user as it is typed. */
function UserField({ field, value, onInput }) {
  const [typed, setTyped] = useState(null);
  const props = { value: typed ?? shown(value, field.input), spellcheck: false, autocomplete: 'off', onInput: (event) => { setTyped(event.target.value); onInput(event.target.value); }, onBlur: () => setTyped(null) };
  const long = field.input === 'json' || field.is_items;
  return html`<${Field} label=${html`<span class="mono">${field.name}</span>`} hint=${hint(field)}>${(id, described) => (long
    ? html`<textarea id=${id} rows="3" aria-describedby=${described} ...${props}></textarea>`
    : html`<input id=${id} aria-describedby=${described} inputmode=${field.input === 'number' ? 'decimal' : undefined} ...${props} />`)}<//>`;
}
