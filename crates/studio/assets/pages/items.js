// Items: browse, search, filter; and one item with its neighbours.
import { html, useEffect, useState } from '/assets/vendor/preact-htm.js';
import { get, useLoaded } from '/assets/lib/api.js';
import { FilterBox } from '/assets/lib/filter.js';
import { count, counted, number, plain, title, visible } from '/assets/lib/format.js';
import { HitsTable, ItemLink, RecordCells, columnsOf } from '/assets/lib/hits.js';
import { Link, navigate } from '/assets/lib/route.js';
import { Badge, Card, Empty, Facts, Field, Loaded, Note, Page, Record } from '/assets/lib/ui.js';

const PAGE = 50;

export function Items({ params, info }) {
  return params.id === undefined ? html`<${Browse} params=${params} />` : html`<${One} id=${params.id} info=${info} />`;
}

function Browse({ params }) {
  const [search, setSearch] = useState(params.search ?? '');
  const [filter, setFilter] = useState(params.filter ?? '');
  const offset = Math.max(0, Number(params.offset ?? 0) || 0);
  useEffect(() => { setSearch(params.search ?? ''); setFilter(params.filter ?? ''); }, [params.search, params.filter]);
  const loaded = useLoaded((signal) => get('items', { search: params.search, filter: params.filter, offset, limit: PAGE }, signal), [params.search, params.filter, offset]);
  const run = (event) => { event.preventDefault(); navigate('/items', { search: search.trim(), filter }); };
  const turn = (to) => navigate('/items', { ...params, offset: to || '' });
  return html`<${Page} title="Items">
    <${Card}>
      <form class="stack" role="search" onSubmit=${run}>
        <div class="grid2">
          <${Field} label="Search" hint="A part of an id or of any text">${(id, hint) => html`<input id=${id} type="search" aria-describedby=${hint} value=${search} onInput=${(event) => setSearch(event.target.value)} />`}<//>
          <${FilterBox} value=${filter} onChange=${setFilter} problem=${loaded.problem} />
        </div>
        <div class="row"><button class="primary" type="submit">Find</button>${(params.search || params.filter) && html`<button type="button" onClick=${() => navigate('/items')}>All items</button>`}</div>
      </form>
    <//>
    <${Card}>
      ${loaded.problem?.part === 'filter' ? html`<${Empty} title="The filter cannot be used">It is marked where it goes wrong.<//>` : html`<${Loaded} from=${loaded} what=${params.search ? 'Searching the records…' : 'Reading items…'}>${(page) => html`<${Table} page=${page} offset=${offset} params=${params} turn=${turn} />`}<//>`}
    <//>
  <//>`;
}

function Table({ page, offset, params, turn }) {
  const { items, matches, searched, total } = page;
  if (!total) return html`<${Empty} title="The database has no items yet"><code>twinspire import DB FILE</code> reads JSON lines, CSV and Parquet.<//>`;
  if (!items.length) return html`<${Empty} title=${offset ? 'No more items' : 'No item matches'}>${offset ? html`<button onClick=${() => turn(0)}>To the first page</button>` : matches === null ? `${count(searched)} of ${counted(total, 'item')} were searched in the time there is.` : `${counted(total, 'item')} were searched.`}<//>`;
  const columns = columnsOf(items, 6);
  const last = offset + items.length;
  return html`<div class="stack">
    <p class="muted small">${matches === null ? `Items ${count(offset + 1)} to ${count(last)}; ${count(searched)} of ${count(total)} were searched in the time there is` : `Items ${count(offset + 1)} to ${count(last)} of ${count(matches)}${matches !== total ? `, among ${count(total)}` : ''}`}</p>
    <div class="scroll"><table>
      <thead><tr><th>Id</th>${columns.map((name) => html`<th key=${name} class=${items.some((item) => typeof item[name] === 'number') ? 'num' : ''}>${visible(name)}</th>`)}</tr></thead>
      <tbody>${items.map((item) => html`<tr key=${item.id}><td><div class="cell"><${ItemLink} id=${item.id} /></div></td><${RecordCells} record=${item} columns=${columns} /></tr>`)}</tbody>
    </table></div>
    <div class="row end" style=${{ marginTop: '.6rem' }}>
      <button disabled=${offset === 0} onClick=${() => turn(Math.max(0, offset - PAGE))}>Earlier</button>
      <button disabled=${matches !== null && last >= matches} onClick=${() => turn(last)}>Later</button>
    </div>
  </div>`;
}

function One({ id }) {
  const loaded = useLoaded((signal) => get('item', { id }, signal), [id]);
  const name = loaded.value?.id === id ? title(loaded.value.record) : '';
  return html`<${Page} title=${html`<span style=${{ overflowWrap: 'anywhere' }}>${name || visible(id)}</span>`} aside=${html`<${Link} to="/items">All items<//>`}>
    <${Loaded} from=${loaded} what="Reading the item…">${({ id, record, history, spaces }) => html`
      ${record ? html`<${Card} title="Record" aside=${html`<span class="mono muted">${visible(id)}</span>`}><${Record} value=${record} /><//>`
        : html`<${Note} level="warning" title="The item is deleted">What is still stored of it is below.<//>`}
      <${History} of=${history} />
      ${spaces.map((space) => html`<${Card} key=${space.space} title=${html`Neighbours in <span class="mono">${space.space}</span>`}
        aside=${html`<${Link} to="/recall" params=${{ from: space.space, similar: id }}>Recall like this<//>`}>
        ${space.norm === null && !space.is_lexical ? html`<${Note} level="warning" title=${space.problem ?? 'The item has no vector in this space'}>Recalls of this space do not find it.<//>` : html`<div class="stack">
          <${Facts} of=${[space.is_lexical ? ['Compared by', 'the words that say most about the item'] : ['Length of its vector', number(space.norm)]]} />
          ${space.neighbours.length ? html`<${HitsTable} hits=${space.neighbours} />` : html`<${Empty} title="No other items" />`}
        </div>`}
      <//>`)}
      ${record && !spaces.length && html`<${Card}><${Empty} title="No space yet">Neighbours are those of a space, which a publish makes.<//><//>`}`}
    <//>
  <//>`;
}

/** The versions that are still stored, newest first. */
function History({ of: { revisions, total } }) {
  return html`<${Card} title="Revisions kept" intro="The journal keeps every version until a seal, a segment the newest of its time until a merge." aside=${html`<span class="muted small">${total > revisions.length ? `${count(revisions.length)} of ${count(total)}` : counted(total, 'version')}</span>`}>
    <div class="scroll"><table>
      <thead><tr><th class="num">Revision</th><th>What</th><th>Stored in</th><th>Changed since the version below</th></tr></thead>
      <tbody>${revisions.map((one) => html`<tr key=${one.revision}>
        <td class="num">${count(one.revision)}</td>
        <td class="nowrap">${one.deleted ? html`<${Badge} kind="bad">deleted<//>` : html`<${Badge} kind=${one.replaced ? '' : 'good'}>${one.replaced ? 'replaced' : 'current'}<//>`}</td>
        <td>${one.sealed ? 'segment' : 'journal'}</td>
        <td>${one.deleted ? html`<span class="muted">the whole record</span>` : one.changes === null ? html`<span class="muted">oldest that is stored</span>` : one.changes.length ? html`<ul class="changes">${one.changes.map((change) => html`<${Changed} key=${change.field} ...${change} />`)}</ul>` : html`<span class="muted">nothing</span>`}</td>
      </tr>`)}</tbody>
    </table></div>
  <//>`;
}

const short = (value) => { const text = value === null ? 'null' : plain(value) || '""'; return text.length > 160 ? `${text.slice(0, 160)}…` : text; };

const Changed = ({ field, before, after }) => html`<li><span class="mono">${visible(field)}</span> ${before !== undefined && html`<del>${short(before)}</del>`} ${after !== undefined && html`<ins>${short(after)}</ins>`}</li>`;
