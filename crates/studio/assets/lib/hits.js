// Answers: a table of hits, and how they were found.
import { html } from '/assets/vendor/preact-htm.js';
import { colour } from '/assets/lib/charts.js';
import { count, counted, micros, number, percent, plain, score, title, visible } from '/assets/lib/format.js';
import { Link } from '/assets/lib/route.js';
import { Badge, Facts } from '/assets/lib/ui.js';

export const ItemLink = ({ id }) => html`<${Link} to="/items" params=${{ id }} class="mono">${visible(id)}<//>`;

/** The cell of an item: its id, and its title below. */
export const ItemCell = ({ id, record }) => html`<td><div class="cell"><${ItemLink} id=${id} />${title(record) && html`<br /><span class="small">${title(record)}</span>`}</div></td>`;

/** The fields of records that a table has columns for: those that most records have, short ones first. */
export function columnsOf(records, most = 4) {
  const seen = new Map();
  for (const record of records) {
    for (const [name, value] of Object.entries(record ?? {})) {
      if (name === 'id' || value === null || (typeof value === 'object' && !Array.isArray(value))) continue;
      const field = seen.get(name) ?? { name, count: 0, length: 0, titles: 0 };
      field.count += 1;
      field.length += plain(value).length;
      field.titles += typeof value === 'string' && title(record) === plain(value);
      seen.set(name, field);
    }
  }
  const enough = records.length / 10;
  const fields = [...seen.values()].filter((field) => field.length / field.count <= 120 && field.count >= enough);
  fields.sort((one, other) => (other.titles > other.count / 2) - (one.titles > one.count / 2) || other.count - one.count || one.length / one.count - other.length / other.count);
  return fields.slice(0, most).map((field) => field.name);
}

export const RecordCells = ({ record, columns }) => columns.map((column) => {
  const value = record?.[column];
  return typeof value === 'number' ? html`<td key=${column} class="num">${number(value, 6)}</td>` : html`<td key=${column}><div class="cell">${plain(value)}</div></td>`;
});

/** The answer beside the exact one: rows of { hit, rank, exactRank }. */
export function merged(hits, exact) {
  const rows = hits.map((hit, at) => ({ hit, rank: at + 1 }));
  if (!exact) return rows;
  const exactRanks = new Map(exact.hits.map((hit, at) => [hit.id, at + 1]));
  for (const row of rows) row.exactRank = exactRanks.get(row.hit.id);
  const found = new Set(hits.map((hit) => hit.id));
  exact.hits.forEach((hit, at) => { if (!found.has(hit.id)) rows.push({ hit, exactRank: at + 1 }); });
  // A missed item stands where the exact answer has it.
  const place = (row) => row.exactRank ?? row.rank + 0.5;
  return exact ? rows.sort((one, other) => place(one) - place(other)) : rows;
}

export function HitsTable({ hits, exact, onChoose }) {
  const rows = merged(hits, exact);
  const columns = columnsOf(rows.map((row) => row.hit.record));
  const channels = [...new Set(hits.flatMap((hit) => Object.keys(hit.channels ?? {})))].sort();
  return html`<div class="scroll"><table>
    <thead><tr>
      <th class="num">Rank</th>${exact && html`<th class="num">Exact</th>`}<th>Item</th><th class="num">Score</th>${channels.map((name) => html`<th class="num" key=${name}><span class="mono">${name}</span></th>`)}
      ${columns.map((name) => html`<th key=${name} class=${typeof rows.find((row) => row.hit.record?.[name] !== undefined)?.hit.record[name] === 'number' ? 'num' : ''}>${visible(name)}</th>`)}
    </tr></thead>
    <tbody>${rows.map(({ hit, rank, exactRank }) => html`<tr key=${hit.id} class=${rank === undefined ? 'missed' : ''} onMouseEnter=${onChoose && (() => onChoose(hit.id))}>
      <td class="num">${rank ?? html`<${Badge} kind="warn">missed<//>`}</td>
      ${exact && html`<td class="num">${exactRank ?? '–'}</td>`}
      <td><div class="cell"><${ItemLink} id=${hit.id} /></div></td>
      <td class="num">${score(hit.score)}</td>
      ${channels.map((name) => html`<td class="num" key=${name}>${score(hit.channels?.[name])}${hit.ranks?.[name] ? html` <span class="muted">#${hit.ranks[name]}</span>` : ''}</td>`)}
      <${RecordCells} record=${hit.record} columns=${columns} />
    </tr>`)}</tbody>
  </table></div>`;
}

const PLANS = {
  full_scan: 'scan of all vectors', code_scan: 'scan of all codes, re-ranked', graph_search: 'graph search', radius_search: 'radius search',
  filtered_scan: 'filtered scan of all nodes', column_scan: 'scan of the matching items', cached_scan: 'scan of the matching items, from the filter cache',
  filtered_graph_search: 'filtered graph search', cached_graph_search: 'filtered graph search, from the filter cache',
  abandoned_graph_search: 'graph search given up; scan of the matching items', filtered_radius_search: 'filtered radius search',
  leaf_search: 'search of leaves', abandoned_leaf_search: 'search of leaves given up; scan of all', leaf_radius_search: 'radius search of leaves',
  filtered_leaf_search: 'filtered search of leaves', cached_leaf_search: 'filtered search of leaves, from the filter cache', filtered_leaf_radius_search: 'filtered radius search of leaves',
};

/** Where the time went: one lane a stage, each beginning where the one before ended. */
export function Timeline({ explain, json }) {
  const { prepare, query, search, answer } = explain.micros;
  const inside = explain.searches.flatMap((one) => one.segments.map((segment) => [one.space, segment]));
  const stages = [
    ['JSON', json, 'parsing the text of the user'],
    ['Filter, exclusions', prepare, 'resolving the filter and excluded items'],
    explain.words?.length && !explain.searches.length ? ['Words', query, 'from the text to its terms'] : ['User tower', query, 'from features to the query vector'],
    [explain.fusion?.length ? 'Search and fusion' : 'Search', search, 'search, re-ranking and fusion'],
    ['Records', answer, 'looking up ids and records'],
  ].filter(([, time]) => time > 0);
  const total = stages.reduce((sum, [, time]) => sum + time, 0) || 1;
  let from = 0;
  return html`<div class="timeline">
    ${stages.map(([name, time, what], at) => {
      const start = from;
      from += time;
      return html`<div class="lane" key=${name} title=${what}><span class="clip">${name}</span><div class="track" role="img" aria-label=${`${name}: ${micros(time)}, ${what}`}><span style=${{ left: `${(100 * start) / total}%`, width: `${(100 * time) / total}%`, background: colour(at) }}></span></div><span class="num">${micros(time)}</span></div>`;
    })}
    <div class="lane"><strong>Total</strong><span class="muted small">${inside.length > 1 ? `${counted(inside.length, 'segment search', 'segment searches')}` : ''}</span><strong class="num">${micros(total)}</strong></div>
  </div>`;
}

export function Explanation({ explain, json }) {
  return html`<div class="stack">
    <${Timeline} explain=${explain} json=${json} />
    ${explain.searches.map((search, at) => html`<div class="stack" key=${at}>
      <${Facts} of=${[
        ['Space', html`<span class="mono">${search.space}</span>, generation ${search.generation}`],
        ['Beam width (efSearch)', search.ef ?? 'none: every item was scored'],
        search.selectivity !== null && ['Items that pass the filter', `about ${percent(search.selectivity, 2)}`],
        ['Unsealed items scanned', count(search.fresh)],
        search.measured && ['Measured at this width', `${percent(search.measured.recall)}, at least ${percent(search.measured.lower)}`],
      ]} />
      <div class="scroll"><table>
        <thead><tr><th>Segment</th><th>How</th><th class="num">Vectors</th><th class="num">Expanded</th><th class="num">Scored</th><th class="num">Re-ranked</th><th class="num">Time</th></tr></thead>
        <tbody>${search.segments.map((segment) => html`<tr key=${segment.file}><td>${segment.file}</td><td>${PLANS[segment.plan] ?? segment.plan}</td><td class="num">${count(segment.nodes)}</td><td class="num">${count(segment.expanded)}</td><td class="num">${count(segment.scored)}</td><td class="num">${count(segment.ranked)}</td><td class="num">${micros(segment.micros)}</td></tr>`)}</tbody>
      </table></div>
    </div>`)}
    ${explain.words?.map((search, at) => html`<div class="stack" key=${`words${at}`}>
      <${Facts} of=${[
        ['Lexical space', html`<span class="mono">${search.space}</span>, definition ${search.generation}`],
        ['Indexes searched', `${count(search.indexes)}, exactly`],
        !search.terms.length && ['Words', 'no item has a word of the text'],
      ]} />
      ${search.terms.length > 0 && html`<div class="scroll"><table>
        <thead><tr><th>Word (stem)</th><th class="num">Items with it</th><th class="num">Weight</th></tr></thead>
        <tbody>${search.terms.map((term) => html`<tr key=${term.term}><td class="mono">${visible(term.term)}</td><td class="num">${count(term.items)}</td><td class="num">${number(term.weight)}</td></tr>`)}</tbody>
      </table></div>`}
    </div>`)}
    ${explain.fusion?.length > 0 && html`<div class="scroll"><table>
      <thead><tr><th>Step of the fusion</th><th>Space</th><th class="num">Items in</th><th class="num">Items out</th></tr></thead>
      <tbody>${explain.fusion.map((step, at) => html`<tr key=${at}><td>${step.step.replaceAll('_', ' ')}</td><td class="mono">${step.space}</td><td class="num">${step.of === undefined ? '' : count(step.of)}</td><td class="num">${count(step.kept)}</td></tr>`)}</tbody>
    </table></div>`}
  </div>`;
}
