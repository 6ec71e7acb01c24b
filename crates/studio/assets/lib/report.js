// The report of a training: loss, validation, baselines, settings, and what was read of the data.
import { html } from '/assets/vendor/preact-htm.js';
import { BarChart, LineChart } from '/assets/lib/charts.js';
import { count, counted, number, percent, plain, visible } from '/assets/lib/format.js';
import { Badge, Card, Facts, Note } from '/assets/lib/ui.js';

const Table = ({ head, children }) => html`<div class="scroll"><table><thead><tr>${head.map(([name, isNumber]) => html`<th key=${name} class=${isNumber ? 'num' : ''}>${name}</th>`)}</tr></thead><tbody>${children}</tbody></table></div>`;

const epochs = (values) => values.map((value, at) => [at + 1, value]).filter(([, value]) => typeof value === 'number');

/** The value of a setting. */
function shown(value) {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'number') return number(value, 6);
  if (Array.isArray(value)) return value.map(shown).join(', ') || 'none';
  if (typeof value === 'object') return Object.entries(value).map(([name, inner]) => `${visible(name)}: ${shown(inner)}`).join('; ') || 'none';
  return plain(value) || 'none';
}

export function Report({ of: { recipe, settings, warnings = [], report }, generation }) {
  const { losses = [], validations = [], metric, kept, baselines, deciles = [], auto, data } = report ?? {};
  return html`
    <${Card} title="Training" aside=${html`<span class="muted small">${visible(String(recipe))}, generation ${generation}</span>`}>
      <div class="stack">
        ${warnings.map((text) => html`<${Note} key=${text} level="warning">${visible(text)}<//>`)}
        <${Facts} of=${[
          ['Epochs', html`${count(losses.length)} <span class="muted small">weights of epoch ${kept}</span>`],
          ['Examples an epoch', count(report.examples ?? 0)],
          ['Trained weights', count(report.parameters ?? 0)],
          metric && ['Best validation', html`${number(Math.max(...validations))} <span class="muted small">${metric}</span>`],
          data && ['Repeats among events', percent(data.repeats ?? 0)],
        ]} />
        <div class="grid2">
          <div><h3>Mean loss</h3><${LineChart} series=${[{ name: 'loss', points: epochs(losses) }]} xLabel="epoch" formatY=${number} label="Mean loss of each epoch" /></div>
          ${validations.length > 0 && html`<div><h3>Validation: ${metric}</h3><${LineChart} series=${[{ name: metric, points: epochs(validations) }]} xLabel="epoch" formatY=${number} label=${`${metric} after each epoch`} /></div>`}
        </div>
      </div>
    <//>
    ${baselines && html`<${Baselines} of=${baselines} />`}
    ${deciles.some((one) => one.held_out) && html`<${Deciles} of=${deciles} />`}
    ${auto && html`<${Search} of=${auto} />`}
    <${Card} title="Settings"><${Facts} of=${Object.entries(settings ?? {}).map(([name, value]) => [html`<span class="mono">${visible(name)}</span>`, shown(value)])} /><//>
    ${data?.columns?.length > 0 && html`<${Card} title="Data that was read">
      <${Table} head=${[['Of'], ['Column'], ['Read as'], ['Values', true], ['Missing', true], ['Of another type', true], ['Note']]}>${data.columns.map((one, at) => html`<tr key=${at}>
        <td>${one.side}</td><td class="mono"><div class="cell">${visible(one.field)}</div></td><td>${one.read_as ?? html`<${Badge} kind="warn">unread<//>`}</td>
        <td class="num">${count(one.values)}</td><td class="num">${count(one.nulls)}</td><td class="num">${count(one.strays)}</td><td><div class="cell">${visible(one.unread ?? (one.strays ? `such as ${one.example}` : ''))}</div></td>
      </tr>`)}<//>
    <//>`}`;
}

function Baselines({ of: { model, baselines, held_out: heldOut, difference } }) {
  const rows = [['these towers', model], ...baselines.map((one) => [one.name, one.metrics])];
  const interval = difference?.low !== null && difference?.low !== undefined ? `, 95 % interval ${number(difference.low)} to ${number(difference.high)}` : '';
  return html`<${Card} title="Beside baselines" intro=${`${counted(heldOut, 'held-out event')}.${difference ? ` hit@10 differs from the best baseline by ${number(difference.value)}${interval}.` : ''}`}>
    <${Table} head=${[['On the holdout'], ['hit@10', true], ['nDCG@10', true], ['hit@100', true]]}>${rows.map(([name, of]) => html`<tr key=${name} class=${of === model ? 'selected' : ''}><td>${name}</td><td class="num">${number(of['hit@10'])}</td><td class="num">${number(of['ndcg@10'])}</td><td class="num">${number(of['hit@100'])}</td></tr>`)}<//>
  <//>`;
}

function Deciles({ of }) {
  const bars = of.map((one, at) => ({ label: String(at + 1), value: one['hit@10'] ?? 0, text: percent(one['hit@10'] ?? 0, 0) }));
  return html`<${Card} title="Recall by popularity" intro="hit@10 on the holdout; items in ten parts, the least popular first."><${BarChart} bars=${bars} label="hit@10 by tenth of the items" xLabel="tenth of the items, by popularity" /><//>`;
}

function Search({ of: { metric, candidates, held_out: heldOut, epochs: kept } }) {
  const label = (settings) => Object.entries(settings).map(([name, value]) => `${name} ${shown(value)}`).join(', ') || 'defaults';
  return html`<${Card} title="Search for settings" intro=${`Judged by ${metric} on ${counted(heldOut, 'held-out event')}; ${counted(kept, 'epoch')} chosen.`}>
    <${Table} head=${[['Settings'], ['Epochs', true], [metric, true]]}>${candidates.slice(0, 12).map((one, at) => html`<tr key=${at}><td><div class="cell wide">${visible(label(one.settings))}</div></td><td class="num">${count(one.trained)}</td><td class="num">${number(one.metric)}</td></tr>`)}<//>
  <//>`;
}
