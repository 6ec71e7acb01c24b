// The towers of a space, and what is kept of their training.
import { html } from '/assets/vendor/preact-htm.js';
import { get, useLoaded } from '/assets/lib/api.js';
import { bytes, count, counted, plain, visible, when } from '/assets/lib/format.js';
import { Report } from '/assets/lib/report.js';
import { navigate } from '/assets/lib/route.js';
import { vectorSpaces } from '/assets/lib/search.js';
import { Badge, Card, Empty, Facts, Field, Loaded, Page, Record, Select } from '/assets/lib/ui.js';

export function Training({ params, info }) {
  return html`<${Page} title="Training" intro="The towers that a space answers with: what they read, how they are built, and what is kept of their training.">
    <${Loaded} from=${info} what="Reading the database…">${(info) => {
      const spaces = vectorSpaces(info);
      const space = params.space ?? spaces[0];
      if (!spaces.length) return html`<${Card}><${Empty} title="No space yet"><code>twinspire train</code> makes towers, and <code>twinspire publish</code> makes a space of them.<//><//>`;
      return html`
        ${spaces.length > 1 && html`<div style=${{ maxWidth: '22rem' }}><${Field} label="Space">${(id) => html`<${Select} id=${id} value=${space} options=${spaces} onChange=${(next) => navigate('/training', { space: next })} />`}<//></div>`}
        <${Content} key=${space} space=${space} params=${params} />`;
    }}<//>
  <//>`;
}

function Content({ space, params }) {
  const loaded = useLoaded((signal) => get('training', { space }, signal), [space]);
  return html`<${Loaded} from=${loaded} what="Reading the towers…">${({ generation, towers, can_continue: continues, self_test: selfTest, reports }) => html`
    <${Reports} of=${reports} space=${space} params=${params} />
    <${Card} title="Model" aside=${html`<span class="muted small">generation ${generation}</span>`}>
      <div class="stack">
        <${Facts} of=${[
          ['Name', html`<span class="mono">${towers.name}</span>`],
          ['Vectors', `${counted(towers.dimension, 'component')}, compared by ${towers.metric}`],
          ['Learned weights', count(towers.parameters)],
          ['Files', `${bytes(Object.values(towers.files).reduce((sum, size) => sum + size, 0))} in ${counted(Object.keys(towers.files).length, 'file')}`],
          ['Self-test', selfTest ? `passed: ${counted(selfTest.cases, 'record')}` : 'none'],
          ['Training can go on', continues ? html`<${Badge} kind="good">yes<//>` : html`<${Badge}>no<//>`],
        ]} />
      </div>
    <//>
    <${Tower} name="User tower" of=${towers.user} />
    <${Tower} name="Item tower" of=${towers.item} />
    ${towers.tables.length > 0 && html`<${Card} title="Embedding tables">
      <div class="scroll"><table><thead><tr><th>Table</th><th>Rows found by</th><th class="num">Rows</th><th class="num">Components</th><th>Precision</th><th>Read by</th></tr></thead>
      <tbody>${towers.tables.map((table) => html`<tr key=${table.name}><td class="mono"><div class="cell">${visible(table.name)}</div></td><td>${table.lookup}</td><td class="num">${count(table.rows)}</td><td class="num">${count(table.dimension)}</td><td>${table.precision}</td><td>${table.shared ? 'both towers' : 'one tower'}</td></tr>`)}</tbody></table></div>
    <//>`}`}<//>`;
}

/** The report of one generation's training; the active one's unless the address names another. */
function Reports({ of, space, params }) {
  const chosen = of.find((one) => String(one.generation) === params.generation) ?? of.find((one) => one.active) ?? of[0];
  if (!chosen) return null;
  const name = (one) => `${one.generation}${one.active ? ' (active)' : ''}, ${when(one.created_unix_ms)}`;
  return html`
    ${of.length > 1 && html`<div style=${{ maxWidth: '22rem' }}><${Field} label="Training of generation">${(id) => html`<${Select} id=${id} value=${String(chosen.generation)} options=${of.map((one) => [String(one.generation), name(one)])} onChange=${(generation) => navigate('/training', { space, generation })} />`}<//></div>`}
    ${chosen.report ? html`<${Report} key=${chosen.generation} of=${chosen.report} generation=${chosen.generation} />`
      : html`<${Card} title="Training"><${Empty} title=${`Generation ${chosen.generation} has no report`}>${html`Towers that <code>twinspire train</code> or <code>twinspire loop</code> trains carry one.`}<//><//>`}`;
}

/** The settings of a part, without what its other columns show. */
const settings = (description) => Object.entries(description).filter(([name]) => !['kind', 'field', 'fields', 'table', 'ids'].includes(name)).map(([name, value]) => `${name.replaceAll('_', ' ')} ${plain(value)}`).join(', ');

function Tower({ name, of }) {
  if (!of) return html`<${Card} title=${name}><${Empty} title=${`No ${name.toLowerCase()}`}>${name === 'User tower' ? 'Recalls take a vector or an item.' : 'Vectors of items are given at a publish.'}<//><//>`;
  return html`<${Card} title=${name} aside=${html`<span class="muted small">${counted(of.parameters, 'weight')} without tables</span>`}>
    <div class="stack">
      <div class="scroll"><table><thead><tr><th>Reads</th><th>As</th><th class="num">Width</th><th>Settings</th></tr></thead>
        <tbody>${of.features.map((feature, at) => html`<tr key=${at}><td class="mono"><div class="cell">${visible(feature.fields.join(', '))}</div></td><td>${feature.kind}${feature.table && html`<br /><span class="muted small mono">${visible(feature.table)}</span>`}</td><td class="num">${count(feature.width)}</td><td class="small muted"><div class="cell">${settings(feature.description)}</div></td></tr>`)}</tbody></table></div>
      <div class="flow" style=${{ marginTop: '.6rem' }}>${of.layers.map((layer, at) => html`${at > 0 && html`<span class="arrow" aria-hidden="true">→</span>`}<div class="node" key=${at}>${layer.kind.replaceAll('_', ' ')} ${layer.width}<small>${plain(layer.description.activation)}${layer.parameters ? ` ${counted(layer.parameters, 'weight')}` : ''}</small></div>`)}</div>
      <details><summary>An example record</summary><${Record} value=${of.example} /></details>
    </div>
  <//>`;
}
