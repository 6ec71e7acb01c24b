// What a query gets and why.
import { html, useEffect, useMemo, useState } from '/assets/vendor/preact-htm.js';
import { get, post, useLoaded } from '/assets/lib/api.js';
import { FilterBox } from '/assets/lib/filter.js';
import { count, counted, micros, percent } from '/assets/lib/format.js';
import { Explanation, HitsTable } from '/assets/lib/hits.js';
import { navigate } from '/assets/lib/route.js';
import { EffortField, SideField, effortOf, effortText, sideOf, textOf } from '/assets/lib/search.js';
import { Card, Code, Empty, Failed, Field, Loaded, Note, Page, Tabs, Working } from '/assets/lib/ui.js';
import { UserForm } from '/assets/lib/user.js';

export function Recall({ params, info }) {
  return html`<${Page} title="Recall" intro="What a user, an item or a vector gets, how it was found, and what the exact answer has beside it.">
    <${Loaded} from=${info} what="Reading the database…">${(info) => (info.targets.length
      ? html`<${Content} params=${params} info=${info} />`
      : html`<${Card}><${Empty} title="Nothing can be recalled yet">A space is made by a publish.<//><//>`)}<//>
  <//>`;
}

/** The query of an address. */
function queryOf(params, form) {
  if (params.similar !== undefined) return { kind: 'similar', text: params.similar };
  if (params.vector !== undefined) return { kind: 'vector', text: params.vector };
  if (params.user !== undefined) return { kind: 'user', text: params.user };
  if (form.takes_user) return { kind: 'user', text: JSON.stringify(form.example) };
  return { kind: 'similar', text: form.items[0] ?? '' };
}

function asked({ kind, text }) {
  if (kind === 'similar') return { similar: text.trim() };
  if (kind === 'vector') return { vector: text.split(/[\s,]+/).filter(Boolean).map(Number) };
  return { user: JSON.parse(text) };
}

function Content({ params, info }) {
  const side = sideOf(params.from ?? info.targets[0].name);
  const form = useLoaded((signal) => get('form', { name: side.name }, signal), [side.name]);
  return html`<div class="grid2 side">
    <${Loaded} from=${form} what="Reading the towers…">${(loaded) => html`<${Asking} key=${loaded.name} params=${params} info=${info} side=${side} form=${loaded} />`}<//>
    <${Answered} params=${params} side=${side} form=${form.value} />
  </div>`;
}

/** The form. Running it changes the address, and the answer follows the address. */
function Asking({ params, info, side, form }) {
  const [query, setQuery] = useState(() => queryOf(params, form));
  const [k, setK] = useState(params.k ?? '10');
  const [filter, setFilter] = useState(params.filter ?? '');
  const [effort, setEffort] = useState(effortOf(params.effort));
  const [exclude, setExclude] = useState(params.exclude ?? '');
  const [beside, setBeside] = useState(params.exact !== '0');
  useEffect(() => { setQuery(queryOf(params, form)); setFilter(params.filter ?? ''); setK(params.k ?? '10'); setEffort(effortOf(params.effort)); }, [location.search]);
  const problem = lastProblem.use();
  const run = (event) => {
    event?.preventDefault();
    navigate('/recall', { from: textOf(side, info), [query.kind]: query.text, k: k === '10' ? '' : k, filter, effort: effortText(effort), exclude, exact: beside ? '' : '0' });
    rerun.notify();
  };
  const keys = (event) => { if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) run(event); };
  const kinds = [form.takes_user && ['user', 'User'], ['similar', 'Like an item'], form.dimension && ['vector', 'Vector']].filter(Boolean);
  const change = (kind) => setQuery({ kind, text: kind === 'user' ? JSON.stringify(form.example) : kind === 'similar' ? form.items[0] ?? '' : '' });
  return html`<form class="card stack" onSubmit=${run} onKeyDown=${keys}>
    <${SideField} info=${info} side=${side} onChange=${(next) => navigate('/recall', { from: textOf(next, info) })} />
    <${Tabs} label="What to search for" tabs=${kinds} value=${query.kind} onChange=${change} />
    ${query.kind === 'user' && html`<${UserForm} form=${form} text=${query.text} onChange=${(text) => setQuery({ kind: 'user', text })} problem=${problem} />`}
    ${query.kind === 'similar' && html`<${Field} label="Id of the item" hint="The item itself is not among its hits.">${(id, hint) => html`<input id=${id} class="mono" aria-describedby=${hint} value=${query.text} onInput=${(event) => setQuery({ kind: 'similar', text: event.target.value })} />`}<//>`}
    ${query.kind === 'vector' && html`<${Field} label="Vector" hint=${`${counted(form.dimension, 'number')}, separated by commas or spaces`}>${(id, hint) => html`<textarea id=${id} aria-describedby=${hint} value=${query.text} onInput=${(event) => setQuery({ kind: 'vector', text: event.target.value })}></textarea>`}<//>`}
    <${FilterBox} value=${filter} onChange=${setFilter} problem=${problem} />
    <div class="fields two">
      <${Field} label="Items">${(id) => html`<input id=${id} type="number" min="1" max="1000" step="1" value=${k} onInput=${(event) => setK(event.target.value)} />`}<//>
      <${Field} label="Leave out">${(id) => html`<input id=${id} class="mono" placeholder="ids, by commas" value=${exclude} onInput=${(event) => setExclude(event.target.value)} />`}<//>
    </div>
    <${EffortField} effort=${effort} onChange=${setEffort} />
    <label class="check"><input type="checkbox" checked=${beside} onChange=${(event) => setBeside(event.target.checked)} />Compare with the exact answer</label>
    <div class="row"><button class="primary" type="submit">Recall</button><span class="muted small">Ctrl + Enter</span></div>
  </form>`;
}

/** A value that a form and an answer share without being parent and child. */
function channel(initial) {
  const listeners = new Set();
  let value = initial;
  return {
    notify(next = {}) { value = next; listeners.forEach((listener) => listener(next)); },
    use() {
      const [seen, setSeen] = useState(value);
      useEffect(() => { listeners.add(setSeen); return () => listeners.delete(setSeen); }, []);
      return seen;
    },
  };
}

const rerun = channel({});
const lastProblem = channel(null);

function Answered({ params, side, form }) {
  const ran = rerun.use();
  const query = useMemo(() => form && queryOf(params, form), [form, location.search]);
  const loaded = useLoaded(async (signal) => {
    if (!query || form.name !== side.name) return null;
    let parsed;
    try { parsed = asked(query); } catch (error) { throw new Error(`The JSON of the user cannot be read: ${error.message}`); }
    const exclude = (params.exclude ?? '').split(',').map((id) => id.trim()).filter(Boolean);
    const answer = await post('recall', {
      side, query: parsed, exact_beside: params.exact !== '0',
      search: { k: Math.max(1, Number(params.k ?? 10) || 10), effort: effortOf(params.effort), filter: params.filter ?? '', exclude },
    }, signal);
    lastProblem.notify(null);
    return answer;
  }, [query, location.search, ran]);
  useEffect(() => { lastProblem.notify(loaded.problem ?? null); }, [loaded.problem]);
  if (loaded.problem && !loaded.loading) {
    return html`<${Card} title="Answer"><${Failed} problem=${loaded.problem} /><//>`;
  }
  if (!loaded.value) return html`<${Card} title="Answer"><${Working} what="Searching…" since=${loaded.since} /><//>`;
  return html`<${Answer} answer=${loaded.value} params=${params} />`;
}

function promiseText(promise) {
  if (promise.kind === 'exact') return 'exact: every item was scored';
  if (promise.kind === 'measured') return `measured at this width: ${percent(promise.detail.recall)}, at least ${percent(promise.detail.lower)} with ${percent(promise.detail.confidence, 0)} confidence`;
  return `not measured: ${String(promise.detail).replaceAll('_', ' ')}`;
}

function Answer({ answer }) {
  const [language, setLanguage] = useState('python');
  const { hits, exact, explain, code } = answer;
  const found = exact && exact.hits.length - exact.missed.length;
  const generations = Object.entries(answer.generations).map(([space, number]) => `${space} generation ${number}`).join(', ');
  return html`<div class="stack">
    <${Card} title="Answer" aside=${html`<span class="muted small">${generations}</span>`}>
      <div class="stack">
        ${answer.remarks.map((remark) => html`<${Note} level="warning" key=${remark} title=${remark} />`)}
        ${exact && html`<${Note} level=${exact.missed.length ? 'warning' : 'good'} title=${exact.missed.length
          ? `${count(found)} of the ${count(exact.hits.length)} items of the exact answer were found`
          : exact.hits.length ? `All ${count(exact.hits.length)} items of the exact answer were found` : 'The exact answer is empty too'}>
          ${`The search took ${micros(answer.micros.recall)}, the exact one ${micros(exact.micros)}.${exact.missed.length ? ' Missed items are marked.' : ''}`}<//>`}
        ${answer.promise && html`<p class="muted small">Recall target: ${promiseText(answer.promise)}.</p>`}
        ${hits.length || exact?.hits.length ? html`<${HitsTable} hits=${hits} exact=${exact} />` : html`<${Empty} title="No items">No item passes the filter and the exclusions.<//>`}
      </div>
    <//>
    ${explain && html`<${Card} title="How it was found"><${Explanation} explain=${explain} json=${answer.micros.json} /><//>`}
    <${Card} title="As a program">
      <div class="stack">
        <${Tabs} label="Language" value=${language} onChange=${setLanguage} tabs=${[['python', 'Python'], ['rust', 'Rust'], code.shell && ['shell', 'Shell']].filter(Boolean)} />
        <${Code} text=${code[language] ?? code.python} label=${`The recall in ${language}`} />
      </div>
    <//>
  </div>`;
}
