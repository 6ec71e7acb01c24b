// How good a space is.
import { html, useEffect, useMemo, useState } from '/assets/vendor/preact-htm.js';
import { get, post, useLoaded } from '/assets/lib/api.js';
import { BarChart, LineChart } from '/assets/lib/charts.js';
import { useFields } from '/assets/lib/filter.js';
import { count, counted, kindOfQuery, number, percent, score, visible } from '/assets/lib/format.js';
import { ItemCell, ItemLink } from '/assets/lib/hits.js';
import { Link, navigate } from '/assets/lib/route.js';
import { Badge, Card, Empty, Facts, Failed, Field, Loaded, Note, Page, Select, Stat, Tabs, Working } from '/assets/lib/ui.js';
import { vectorSpaces } from '/assets/lib/search.js';
import { linesOf, usersOf } from '/assets/lib/users.js';
import { randomUser } from '/assets/lib/user.js';

export function Quality({ params, info }) {
  return html`<${Page} title="Quality" intro="How much of the exact answer recalls find, what the vectors are like, and where the model has nothing to learn from.">
    <${Loaded} from=${info} what="Reading the database…">${(info) => {
      const spaces = vectorSpaces(info);
      const space = params.space ?? spaces[0];
      if (!spaces.length) return html`<${Card}><${Empty} title="No space yet">A publish makes one and measures it.<//><//>`;
      return html`
        ${spaces.length > 1 && html`<div style=${{ maxWidth: '22rem' }}><${Field} label="Space">${(id) => html`<${Select} id=${id} value=${space} options=${spaces} onChange=${(next) => navigate('/quality', { space: next })} />`}<//></div>`}
        <${Content} key=${space} space=${space} />`;
    }}<//>
  <//>`;
}

function Content({ space }) {
  const loaded = useLoaded((signal) => get('quality', { space }, signal), [space]);
  return html`<${Loaded} from=${loaded} what="Reading the measurements…">${(quality) => html`
    <${RecallCard} calibration=${quality.calibration} targets=${quality.targets} space=${space} />
    <${UsersCard} space=${space} />
    <${VectorsCard} space=${space} calibration=${quality.calibration} />
    <${FeaturesCard} features=${quality.features} sampled=${quality.sampled} />`}<//>`;
}

function RecallCard({ calibration, targets, space }) {
  const [depth, setDepth] = useState('10');
  if (!calibration.samples.length) {
    return html`<${Card} title="Recall by beam width"><${Empty} title="Not measured yet"><code>twinspire audit DB ${space} --store</code> measures it. A publish does so too.<//><//>`;
  }
  const points = calibration.samples.flatMap((sample) => sample.points);
  const lowest = Math.min(...points.map((point) => point[`lower_at_${depth}`]));
  const from = Math.min(Math.floor(lowest * 10) / 10, 0.9);
  const series = calibration.samples.flatMap((sample, at) => [
    { name: kindOfQuery(sample.kind), colour: `var(--c${at + 1})`, points: sample.points.map((point) => [point.ef, point[`recall_at_${depth}`]]) },
    { name: `${kindOfQuery(sample.kind)}: at least`, colour: `var(--c${at + 1})`, dashed: true, points: sample.points.map((point) => [point.ef, point[`lower_at_${depth}`]]) },
  ]);
  const queries = calibration.samples.map((sample) => `${count(sample.queries)} ${kindOfQuery(sample.kind)}${sample.left_out ? ` (${count(sample.left_out)} could not be embedded)` : ''}`).join('; ');
  return html`<${Card} title="Recall by beam width" intro=${`Share of the exact answer that recalls find. Queries: ${queries}. The dashed lines hold with 95 % confidence.`}>
    <div class="stack">
      <${Tabs} label="Number of items" value=${depth} onChange=${setDepth} tabs=${[['1', 'recall@1'], ['10', 'recall@10'], ['100', 'recall@100']]} />
      ${points.length ? html`<${LineChart} series=${series} xLog xLabel="beam width (efSearch)" yDomain=${[from, 1]} formatY=${(share) => percent(share, share > 0.99 && share < 1 ? 2 : 1)} label=${`recall@${depth} by beam width`} />`
        : html`<${Empty} title="Every width is exact">The space has so few vectors that scoring all of them is faster than a search.<//>`}
      ${targets.length > 0 && html`<div class="scroll"><table><thead><tr><th class="num">Recall target</th><th class="num">Width for 10 items</th><th class="num">Width for 100 items</th></tr></thead>
        <tbody>${targets.map((one) => html`<tr key=${one.target}><td class="num">${percent(one.target, 0)}</td><td class="num">${one.at_10 === null ? 'every item is scored' : count(one.at_10)}</td><td class="num">${one.at_100 === null ? 'every item is scored' : count(one.at_100)}</td></tr>`)}</tbody></table></div>`}
    </div>
  <//>`;
}

function VectorsCard({ space, calibration }) {
  const [state, setState] = useState({ share: 0, since: Date.now() });
  useEffect(() => {
    const controller = new AbortController();
    (async () => {
      for (;;) {
        const view = await get('quality/vectors', { space }, controller.signal);
        if (view.state === 'ready') { setState({ report: view }); return; }
        setState((last) => ({ ...last, share: view.share }));
        await new Promise((done) => setTimeout(done, 150));
      }
    })().catch((problem) => { if (!controller.signal.aborted) setState({ problem }); });
    return () => controller.abort();
  }, [space]);
  const { report, problem } = state;
  const step = report && (report.most_norm - report.least_norm) / Math.max(report.norms.length, 1);
  const same = report && report.most_norm - report.least_norm < 1e-3;
  return html`<${Card} title="Vectors">
    ${problem ? html`<${Failed} problem=${problem} />` : !report ? html`<${Working} what="Reading the vectors…" since=${state.since} share=${state.share} />`
      : !report.read ? html`<${Empty} title="No vectors yet" />` : html`<div class="stack">
      <dl class="stats" style=${{ margin: 0 }}>
        <${Stat} label="Vectors read" value=${count(report.read)} more=${report.missing ? `${count(report.missing)} items have none` : 'every item has one'} />
        <${Stat} label="Length" value=${number(report.mean_norm)} more=${same ? 'the same for all' : `${number(report.least_norm)} to ${number(report.most_norm)}`} />
        <${Stat} label="Share a vector" value=${count(report.in_groups)} more=${`${percent(report.in_groups / report.read)} of items`} />
        <${Stat} label="Near copies" value=${percent(calibration.near_copies)} more="of sampled vectors" />
      </dl>
      ${!same && html`<h3>Items by the length of their vector</h3><${BarChart} label="Number of items by length of the vector" bars=${report.norms.map((value, at) => ({ label: number(report.least_norm + (at + 0.5) * step, 3), value, text: count(value) }))} xLabel="length" />`}
      ${report.groups.length > 0 && html`<h3>Items with the same vector</h3><p class="hint">The item tower cannot tell them apart: their features are equal as far as it reads them.</p>
        <div class="scroll"><table><thead><tr><th class="num">Items</th><th>Some of them</th></tr></thead><tbody>${report.groups.map((group) => html`<tr key=${group.ids[0]}><td class="num">${count(group.items)}</td><td><div class="cell wide">${group.ids.map((id, at) => html`${at ? ', ' : ''}<${ItemLink} id=${id} key=${id} />`)}${group.items > group.ids.length ? ', …' : ''}</div></td></tr>`)}</tbody></table></div>`}
    </div>`}
  <//>`;
}

const REMARKS = {
  missing: ['bad', 'never there', 'No sampled item has it: the tower reads a default.'],
  rare: ['warn', 'mostly missing', 'Fewer than one item in twenty has it.'],
  constant: ['warn', 'never varies', 'All items have the same value, so it tells nothing.'],
};

function FeaturesCard({ features, sampled }) {
  const dead = features.filter((feature) => feature.remark);
  return html`<${Card} title="What the item tower reads" intro=${`From ${counted(sampled, 'item')} all over the database.`}>
    ${!features.length ? html`<${Empty} title="No item tower">The vectors of this space were computed elsewhere.<//>` : html`<div class="stack">
      ${dead.length ? html`<${Note} level="warning" title=${`${counted(dead.length, 'feature')} the model learns nothing from`}>${[...new Set(dead.map((feature) => REMARKS[feature.remark][2]))].join(' ')}<//>` : html`<${Note} level="good" title="Every feature varies" />`}
      <div class="scroll"><table><thead><tr><th>Field</th><th>Read as</th><th class="num">Present</th><th class="num">Distinct values</th><th></th></tr></thead>
        <tbody>${features.flatMap((feature, at) => feature.fields.map((field) => html`<tr key=${`${at} ${field.name}`}><td class="mono"><div class="cell">${visible(field.name)}</div></td><td>${feature.kind}</td><td class="num">${sampled ? percent(field.present / sampled) : '–'}</td><td class="num">${count(field.distinct)}</td><td>${feature.remark && html`<${Badge} kind=${REMARKS[feature.remark][0]}>${REMARKS[feature.remark][1]}<//>`}</td></tr>`))}</tbody></table></div>
    </div>`}
  <//>`;
}

function UsersCard({ space }) {
  const form = useLoaded((signal) => get('form', { name: space }, signal), [space]);
  const [text, setText] = useState(null);
  const [state, setState] = useState({});
  const [popularity, setPopularity] = useState('');
  const numbers = useFields().filter((field) => field.kinds.includes('number')).map((field) => field.path);
  const shown = text ?? (form.value?.takes_user ? linesOf(Array.from({ length: 200 }, () => randomUser(form.value))) : '');
  const parsed = useMemo(() => { try { return { users: usersOf(shown) }; } catch (error) { return { error: error.message }; } }, [shown]);
  const run = async (event) => {
    event.preventDefault();
    setState({ since: Date.now() });
    try { setState({ report: await post('quality/users', { side: { name: space }, users: parsed.users, k: 10, popularity }), users: parsed.users }); } catch (problem) { setState({ problem }); }
  };
  if (form.value && !form.value.takes_user) return null;
  return html`<${Card} title="What users get" intro="Coverage of the catalogue, and the users with the poorest answers. Each user is answered twice: as recalls do, and exactly.">
    <${Loaded} from=${form} what="Reading the towers…">${() => html`<div class="stack">
      <form class="stack" onSubmit=${run}>
        <${Field} label="Users: a line of JSON each, or a list" hint=${parsed.error ?? `${counted(parsed.users.length, 'user')}. Histories of these examples are items at random; paste users of a log for real figures.`}>${(id, hint) => html`<textarea id=${id} rows="4" spellcheck="false" aria-describedby=${hint} aria-invalid=${String(Boolean(parsed.error))} value=${shown} onInput=${(event) => setText(event.target.value)}></textarea>`}<//>
        ${numbers.length > 0 && html`<${Field} label="How popular an item is" hint="A field of the items, such as how often they were sold.">${(id, hint) => html`<${Select} id=${id} aria-describedby=${hint} value=${popularity} onChange=${setPopularity} options=${[['', 'no field says it'], ...numbers.map((path) => [path, visible(path)])]} />`}<//>`}
        <div><button class="primary" disabled=${Boolean(parsed.error) || !parsed.users.length || state.since}>Answer them</button></div>
      </form>
      ${state.since && html`<${Working} what="Answering the users…" since=${state.since} />`}
      ${state.problem && html`<${Failed} problem=${state.problem} />`}
      ${state.report && html`<${UsersResult} report=${state.report} users=${state.users} space=${space} />`}
    </div>`}<//>
  <//>`;
}

/** Which items answers are made of. Without a preference each tenth would get a tenth. */
function Popularity({ of: { field, tenths, cold, cold_items: coldItems, sampled }, places }) {
  return html`<h3>Places in answers, by tenth of the catalogue</h3>
    <${BarChart} label="Share of places in answers by popularity of the item" bars=${tenths.map((value, at) => ({ label: String(at + 1), value, text: percent(value / places, 0) }))} xLabel=${`tenth of the items by ${field}, most popular first`} />
    <p class="hint">${`Items without ${field} (cold start) take ${percent(cold / places)} of the places, and are ${percent(coldItems)} of the items. From ${counted(sampled, 'item')} all over the database.`}</p>`;
}

function UsersResult({ report, users, space }) {
  const places = report.tenths.reduce((sum, one) => sum + one, 0) || 1;
  return html`<div class="stack">
    ${report.failed.length > 0 && html`<${Note} level="warning" title=${`${counted(report.failed.length, 'user')} cannot be answered`}>${`User ${report.failed[0].at + 1}: ${report.failed[0].message}`}<//>`}
    <dl class="stats" style=${{ margin: 0 }}>
      <${Stat} label="recall@10" value=${percent(report.mean_recall)} more=${`${percent(report.whole)} of users get all`} />
      <${Stat} label="Coverage" value=${percent(report.recalled / Math.max(report.items, 1))} more=${`${count(report.recalled)} of ${counted(report.items, 'item')}`} />
      <${Stat} label="Most frequent tenth" value=${percent(report.top_tenth)} more="of all places in answers" />
    </dl>
    ${report.tenths.length > 1 && html`<h3>Places in answers, by tenth of the recalled items</h3><${BarChart} label="Share of places in answers by popularity" bars=${report.tenths.map((value, at) => ({ label: String(at + 1), value, text: percent(value / places, 0) }))} xLabel="tenth of the recalled items, most frequent first" />`}
    ${report.popularity && html`<${Popularity} of=${report.popularity} places=${places} />`}
    <div class="grid2">
      <div><h3>Users with the poorest answers</h3><div class="scroll" style=${{ margin: 0, padding: 0 }}><table><thead><tr><th class="num">User</th><th class="num">recall@10</th><th class="num">Best score</th><th></th></tr></thead>
        <tbody>${report.hard.map((user) => html`<tr key=${user.at}><td class="num">${user.at + 1}</td><td class="num">${percent(user.recall, 0)}</td><td class="num">${score(user.best)}</td><td><${Link} to="/recall" params=${{ from: space, user: JSON.stringify(users[user.at]) }}>Explain<//></td></tr>`)}</tbody></table></div></div>
      <div><h3>Most frequent items</h3><div class="scroll" style=${{ margin: 0, padding: 0 }}><table><thead><tr><th>Item</th><th class="num">Answers</th></tr></thead>
        <tbody>${report.frequent.map((item) => html`<tr key=${item.id}><${ItemCell} id=${item.id} record=${item.record} /><td class="num">${count(item.count)}</td></tr>`)}</tbody></table></div></div>
    </div>
  </div>`;
}
