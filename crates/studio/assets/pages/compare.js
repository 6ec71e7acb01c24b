// Two generations or ensembles side by side, for one user or a sample of users.
import { html, useEffect, useMemo, useState } from '/assets/vendor/preact-htm.js';
import { get, post, useLoaded } from '/assets/lib/api.js';
import { BarChart } from '/assets/lib/charts.js';
import { FilterBox } from '/assets/lib/filter.js';
import { count, counted, number, percent, score } from '/assets/lib/format.js';
import { ItemCell } from '/assets/lib/hits.js';
import { navigate } from '/assets/lib/route.js';
import { SideField, sideOf, textOf } from '/assets/lib/search.js';
import { Badge, Card, Empty, Failed, Field, Loaded, Note, Page, Stat, Tabs, Working } from '/assets/lib/ui.js';
import { randomUser } from '/assets/lib/user.js';
import { linesOf, usersOf } from '/assets/lib/users.js';

export function Compare({ params, info }) {
  return html`<${Page} title="Compare" intro="What changes for users between two generations, or between two spaces or ensembles.">
    <${Loaded} from=${info} what="Reading the database…">${(info) => (info.targets.length
      ? html`<${Content} params=${params} info=${info} />`
      : html`<${Card}><${Empty} title="Nothing can be compared yet">A space is made by a publish; two publishes make two generations.<//><//>`)}<//>
  <//>`;
}

/** The last two generations of a space that has two, otherwise two targets. */
function defaults(info) {
  const several = info.targets.find((target) => !target.is_ensemble && target.generations[target.name].numbers.length > 1);
  if (several) {
    const { active, numbers } = several.generations[several.name];
    return [`${several.name}@${numbers.find((one) => one !== active)}`, several.name];
  }
  return [info.targets[0].name, (info.targets[1] ?? info.targets[0]).name];
}

// Samples are kept by this browser, for this database.
const KEY = 'samples';
const saved = (path) => { try { return JSON.parse(localStorage.getItem(`${KEY}:${path}`)) ?? {}; } catch { return {}; } };
const save = (path, samples) => localStorage.setItem(`${KEY}:${path}`, JSON.stringify(samples));

function Content({ params, info }) {
  const [one, other] = defaults(info);
  const first = sideOf(params.a ?? one);
  const second = sideOf(params.b ?? other);
  const forms = useLoaded(async (signal) => {
    const loaded = await Promise.all([...new Set([first.name, second.name])].map((name) => get('form', { name }, signal)));
    return { ...loaded[0], takes_user: loaded.every((form) => form.takes_user), example: Object.assign({}, ...loaded.map((form) => form.example).reverse()), fields: loaded.flatMap((form) => form.fields) };
  }, [first.name, second.name]);
  return html`<${Loaded} from=${forms} what="Reading the towers…">${(form) => (form.takes_user
    ? html`<${Comparing} params=${params} info=${info} first=${first} second=${second} form=${form} />`
    : html`<div class="stack"><${Sides} params=${params} info=${info} first=${first} second=${second} /><${Note} level="warning" title="One side has no user tower">Users cannot be compared there. Choose other sides.<//></div>`)}<//>`;
}

const Sides = ({ params, info, first, second }) => html`<div class="grid2">
  <${Card} title="First"><${SideField} info=${info} side=${first} onChange=${(side) => navigate('/compare', { ...params, a: textOf(side, info), b: textOf(second, info) })} /><//>
  <${Card} title="Second"><${SideField} info=${info} side=${second} onChange=${(side) => navigate('/compare', { ...params, a: textOf(first, info), b: textOf(side, info) })} /><//>
</div>`;

function Comparing({ params, info, first, second, form }) {
  const [text, setText] = useState(() => params.users ?? linesOf(Array.from({ length: 50 }, () => randomUser(form))));
  const [asked, setAsked] = useState({ text, k: 10, filter: '' });
  const [k, setK] = useState('10');
  const [filter, setFilter] = useState('');
  const [samples, setSamples] = useState(() => saved(info.path));
  const [name, setName] = useState('');
  const [shown, setShown] = useState(0);
  const keep = (next) => { setSamples(next); save(info.path, next); };
  const run = (event) => { event?.preventDefault(); setShown(0); setAsked({ text, k: Math.max(1, Number(k) || 10), filter }); };
  const loaded = useLoaded(async (signal) => post('compare', { first, second, users: usersOf(asked.text), search: { k: asked.k, filter: asked.filter }, shown }, signal), [textOf(first, info), textOf(second, info), asked, shown]);
  const parsed = useMemo(() => { try { return { users: usersOf(text) }; } catch (error) { return { error: error.message }; } }, [text]);
  return html`
    <${Sides} params=${params} info=${info} first=${first} second=${second} />
    <${Card} title="Users">
      <form class="stack" onSubmit=${run}>
        <${Field} label="Features of users: a line of JSON each, or a list" hint=${parsed.error ?? counted(parsed.users.length, 'user')}>${(id, hint) => html`<textarea id=${id} rows="5" spellcheck="false" aria-describedby=${hint} aria-invalid=${String(Boolean(parsed.error))} value=${text} onInput=${(event) => setText(event.target.value)}></textarea>`}<//>
        <div class="row">
          <button type="button" onClick=${() => setText(linesOf(Array.from({ length: 50 }, () => randomUser(form))))}>50 users at random</button>
          <button type="button" onClick=${() => setText(linesOf([form.example]))}>One example</button>
          <label class="visually-hidden" for="sample">Name of the sample</label>
          <input id="sample" style=${{ width: '11rem' }} placeholder="name of the sample" value=${name} onInput=${(event) => setName(event.target.value)} />
          <button type="button" disabled=${!name.trim() || Boolean(parsed.error)} onClick=${() => { keep({ ...samples, [name.trim()]: text }); setName(''); }}>Save</button>
          ${Object.keys(samples).map((key) => html`<span class="row" style=${{ gap: 0 }} key=${key}><button type="button" class="plain" onClick=${() => setText(samples[key])}>${key}</button><button type="button" class="plain" aria-label=${`Forget ${key}`} onClick=${() => { const { [key]: _, ...rest } = samples; keep(rest); }}>×</button></span>`)}
        </div>
        <p class="hint">Histories of random users are items at random: they show what changed, not what real users get. Paste users of a log for that. Saved samples stay in this browser.</p>
        <div class="grid2"><${FilterBox} value=${filter} onChange=${setFilter} problem=${loaded.problem} />
          <${Field} label="Items for each user">${(id) => html`<input id=${id} type="number" min="1" max="1000" value=${k} onInput=${(event) => setK(event.target.value)} />`}<//></div>
        <div><button class="primary" type="submit" disabled=${Boolean(parsed.error) || !parsed.users.length}>Compare</button></div>
      </form>
    <//>
    ${loaded.problem && !loaded.loading ? html`<${Card} title="Result"><${Failed} problem=${loaded.problem} /><//>`
      : loaded.value ? html`<${Result} result=${loaded.value} shown=${shown} setShown=${setShown} />`
      : html`<${Card} title="Result"><${Working} what="Comparing…" since=${loaded.since} /><//>`}`;
}

function Result({ result: { summary, users, failed, shown: detail, records }, shown, setShown }) {
  const [view, setView] = useState('user');
  const shares = useMemo(() => {
    const bins = Array.from({ length: 11 }, (_, at) => ({ label: `${at * 10} %`, value: 0 }));
    for (const user of users) bins[Math.round(user.overlap_share * 10)].value += 1;
    return bins.map((bin) => ({ ...bin, text: count(bin.value) }));
  }, [users]);
  return html`
    ${failed.length > 0 && html`<${Note} level="warning" title=${`${counted(failed.length, 'user')} cannot be answered`}>${`User ${failed[0].at + 1}: ${failed[0].message}`}<//>`}
    ${users.length > 0 && html`<dl class="stats" style=${{ margin: 0 }}>
      <${Stat} label="Users" value=${count(summary.users)} />
      <${Stat} label="Shared items" value=${percent(summary.mean_overlap_share)} more="mean over users" />
      <${Stat} label="Rank-biased overlap" value=${number(summary.mean_rbo, 3)} more="mean; 1 is the same list" />
      <${Stat} label="Same first item" value=${percent(summary.same_first)} more="of users" />
      <${Stat} label="Same list" value=${percent(summary.same_order)} more="of users" />
    </dl>
    <${Card}>
      <div class="stack">
        <${Tabs} label="What to show" value=${view} onChange=${setView} tabs=${[['user', 'One user'], ['users', 'All users'], ['movers', 'Items that moved']]} />
        ${view === 'user' && html`<${One} detail=${detail} users=${users} shown=${shown} setShown=${setShown} />`}
        ${view === 'users' && html`<h3>Users by shared items</h3><${BarChart} bars=${shares} label="Number of users by the share of items that both answers have" xLabel="share of items in both answers" />
          <div class="scroll"><table><thead><tr><th class="num">User</th><th class="num">Shared items</th><th class="num">Rank-biased overlap</th><th>First item</th><th></th></tr></thead>
          <tbody>${[...users].sort((one, other) => one.rbo - other.rbo).slice(0, 100).map((user) => html`<tr key=${user.at}><td class="num">${user.at + 1}</td><td class="num">${percent(user.overlap_share, 0)}</td><td class="num">${number(user.rbo, 3)}</td><td>${user.same_first ? 'the same' : 'another'}</td><td><button class="plain" onClick=${() => { setShown(user.at); setView('user'); }}>Show</button></td></tr>`)}</tbody></table></div>
          ${users.length > 100 && html`<p class="hint">The 100 users whose answers differ most.</p>`}`}
        ${view === 'movers' && (summary.movers.length ? html`<div class="scroll"><table>
          <thead><tr><th>Item</th><th class="num">Change</th><th class="num">Entered</th><th class="num">Left</th><th class="num">Rose</th><th class="num">Fell</th></tr></thead>
          <tbody>${summary.movers.map((mover) => html`<tr key=${mover.id}><${ItemCell} id=${mover.id} record=${records[mover.id]} /><td class="num">${mover.change > 0 ? '+' : ''}${number(mover.change, 3)}</td><td class="num">${count(mover.entered)}</td><td class="num">${count(mover.left)}</td><td class="num">${count(mover.rose)}</td><td class="num">${count(mover.fell)}</td></tr>`)}</tbody>
        </table></div><p class="hint">Change: the sum over users of 1/rank in the second answer minus 1/rank in the first. The other columns count users.</p>` : html`<${Empty} title="No item moved">Every user gets the same list from both.<//>`)}
      </div>
    <//>`}`;
}

function One({ detail, users, shown, setShown }) {
  const at = users.findIndex((user) => user.at === shown);
  const turn = (step) => setShown(users[(at + step + users.length) % users.length].at);
  if (!detail) return html`<${Empty} title=${`User ${shown + 1} has no answer`}><button onClick=${() => setShown(users[0].at)}>Show another</button><//>`;
  const { comparison, records } = detail;
  const list = (which) => comparison.items.filter((item) => item[which]).sort((one, other) => one[which].rank - other[which].rank);
  const side = (which, name) => html`<div><h3>${name}</h3><div class="scroll" style=${{ margin: 0, padding: 0 }}><table>
    <thead><tr><th class="num">Rank</th><th>Item</th><th class="num">Score</th><th>${which === 'first' ? 'In the second' : 'Moved'}</th></tr></thead>
    <tbody>${list(which).map((item) => html`<tr key=${item.id}>
      <td class="num">${item[which].rank}</td>
      <${ItemCell} id=${item.id} record=${records[item.id]} />
      <td class="num">${score(item[which].score)}</td>
      <td class="nowrap">${which === 'first' ? (item.second ? `rank ${item.second.rank}` : html`<${Badge} kind="bad">left<//>`) : item.first ? moved(item.rise) : html`<${Badge} kind="good">entered<//>`}</td>
    </tr>`)}</tbody></table></div></div>`;
  return html`<div class="stack">
    <div class="row"><button onClick=${() => turn(-1)} aria-label="The user before">←</button><span>User ${shown + 1}</span><button onClick=${() => turn(1)} aria-label="The next user">→</button>
      <span class="muted">${count(comparison.overlap)} of ${count(comparison.depth)} items in both, rank-biased overlap ${number(comparison.rbo, 3)}</span></div>
    <div class="grid2">${side('first', 'First')}${side('second', 'Second')}</div>
  </div>`;
}

const moved = (rise) => (rise === 0 ? html`<span class="muted">stays</span>` : rise > 0 ? html`<${Badge} kind="good">↑ ${rise}<//>` : html`<${Badge} kind="warn">↓ ${-rise}<//>`);
