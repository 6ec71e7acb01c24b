// The report of a training: loss, validation, baselines, settings, and the columns of the data. Any directory of towers can
// carry a report of any shape, so every value is checked before it is used.
import { html } from '/assets/vendor/preact-htm.js';
import { BarChart, LineChart } from '/assets/lib/charts.js';
import { count, counted, number, percent, plain, visible } from '/assets/lib/format.js';
import { Badge, Card, Empty, Facts, Note } from '/assets/lib/ui.js';

const Table = ({ head, children }) => html`<div class="scroll"><table><thead><tr>${head.map(([name, isNumber]) => html`<th key=${name} class=${isNumber ? 'num' : ''}>${name}</th>`)}</tr></thead><tbody>${children}</tbody></table></div>`;

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const object = (value) => (isObject(value) ? value : {});
const array = (value) => (Array.isArray(value) ? value : []);
const objects = (value) => array(value).filter(isObject);
const words = (value) => visible(typeof value === 'string' ? value : plain(value));
const quantity = (value) => (typeof value === 'number' ? count(value) : '–');
const figure = (value) => (typeof value === 'number' ? number(value) : '–');

/** The value of each epoch that has one: [epoch, value]. */
const epochs = (values) => array(values).map((value, at) => [at + 1, value]).filter(([, value]) => typeof value === 'number');

/** The value of a setting. */
function shown(value) {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'number') return number(value, 6);
  if (Array.isArray(value)) return value.map(shown).join(', ') || 'none';
  if (typeof value === 'object') return Object.entries(value).map(([name, inner]) => `${visible(name)}: ${shown(inner)}`).join('; ') || 'none';
  return plain(value) || 'none';
}

export function Report({ of, generation }) {
  const { recipe, settings, warnings, report } = object(of);
  if (!isObject(report)) {
    return html`<${Card} title="Training"><${Empty} title=${`The report of generation ${generation} cannot be shown`}><code>report.json</code> of its towers has another format than that of Twinspire.<//><//>`;
  }
  const [losses, validations] = [epochs(report.losses), epochs(report.validations)];
  const [deciles, columns, data] = [objects(report.deciles), objects(report.data?.columns), object(report.data)];
  const metric = words(report.metric) || 'validation';
  return html`
    <${Card} title="Training" aside=${html`<span class="muted small">${words(recipe) || 'unknown recipe'}, generation ${generation}</span>`}>
      <div class="stack">
        ${array(warnings).map((text, at) => html`<${Note} key=${at} level="warning">${words(text)}<//>`)}
        <${Facts} of=${[
          ['Epochs', html`${count(array(report.losses).length)} <span class="muted small">weights of epoch ${quantity(report.kept)}</span>`],
          ['Examples per epoch', quantity(report.examples)],
          ['Parameters', quantity(report.parameters)],
          validations.length > 0 && ['Best validation', html`${number(Math.max(...validations.map(([, value]) => value)))} <span class="muted small">${metric}</span>`],
          typeof data.repeats === 'number' && ['Repeats among events', percent(data.repeats)],
        ]} />
        <div class="grid2">
          ${losses.length > 0 && html`<div><h3>Mean loss</h3><${LineChart} series=${[{ name: 'loss', points: losses }]} xLabel="epoch" formatY=${number} label="Mean loss of each epoch" /></div>`}
          ${validations.length > 0 && html`<div><h3>Validation: ${metric}</h3><${LineChart} series=${[{ name: metric, points: validations }]} xLabel="epoch" formatY=${number} label=${`${metric} after each epoch`} /></div>`}
        </div>
      </div>
    <//>
    ${isObject(report.baselines) && html`<${Baselines} of=${report.baselines} />`}
    ${deciles.some((one) => one.held_out) && html`<${Deciles} of=${deciles} />`}
    ${isObject(report.auto) && html`<${Search} of=${report.auto} />`}
    <${Card} title="Settings"><${Facts} of=${Object.entries(object(settings)).map(([name, value]) => [html`<span class="mono">${visible(name)}</span>`, shown(value)])} /><//>
    ${columns.length > 0 && html`<${Card} title="Columns of the data">
      <${Table} head=${[['Records'], ['Column'], ['Read as'], ['Values', true], ['Missing', true], ['Of another type', true], ['Note']]}>${columns.map((one, at) => html`<tr key=${at}>
        <td>${words(one.side)}</td><td class="mono"><div class="cell">${words(one.field)}</div></td><td>${words(one.read_as) || html`<${Badge} kind="warn">unread<//>`}</td>
        <td class="num">${quantity(one.values)}</td><td class="num">${quantity(one.nulls)}</td><td class="num">${quantity(one.strays)}</td><td><div class="cell">${words(one.unread) || (one.strays ? `such as ${words(one.example)}` : '')}</div></td>
      </tr>`)}<//>
    <//>`}`;
}

function Baselines({ of }) {
  const difference = object(of.difference);
  const interval = typeof difference.low === 'number' ? `, 95 % interval ${figure(difference.low)} to ${figure(difference.high)}` : '';
  const rows = [['these towers', object(of.model)], ...objects(of.baselines).map((one) => [words(one.name), object(one.metrics)])];
  const heldOut = typeof of.held_out === 'number' ? `${counted(of.held_out, 'held-out event')}.` : '';
  const best = typeof difference.value === 'number' ? ` hit@10 differs from the best baseline by ${number(difference.value)}${interval}.` : '';
  return html`<${Card} title="Beside baselines" intro=${heldOut + best}>
    <${Table} head=${[['On the holdout'], ['hit@10', true], ['nDCG@10', true], ['hit@100', true]]}>${rows.map(([name, metrics], at) => html`<tr key=${at} class=${at === 0 ? 'selected' : ''}><td>${name}</td><td class="num">${figure(metrics['hit@10'])}</td><td class="num">${figure(metrics['ndcg@10'])}</td><td class="num">${figure(metrics['hit@100'])}</td></tr>`)}<//>
  <//>`;
}

function Deciles({ of }) {
  const hits = of.map((one) => (typeof one['hit@10'] === 'number' ? one['hit@10'] : 0));
  const bars = hits.map((value, at) => ({ label: String(at + 1), value, text: percent(value, 0) }));
  return html`<${Card} title="Recall by popularity" intro="hit@10 on the holdout by popularity decile of the items; decile 1 is the least popular."><${BarChart} bars=${bars} label="hit@10 by popularity decile" xLabel="popularity decile" /><//>`;
}

function Search({ of }) {
  const metric = words(of.metric) || 'metric';
  const label = (settings) => Object.entries(object(settings)).map(([name, value]) => `${name} ${shown(value)}`).join(', ') || 'defaults';
  const heldOut = typeof of.held_out === 'number' ? ` on ${counted(of.held_out, 'held-out event')}` : '';
  const epochs = typeof of.epochs === 'number' ? `; ${counted(of.epochs, 'epoch')} chosen` : '';
  return html`<${Card} title="Search for settings" intro=${`Judged by ${metric}${heldOut}${epochs}.`}>
    <${Table} head=${[['Settings'], ['Epochs', true], [metric, true]]}>${objects(of.candidates).slice(0, 12).map((one, at) => html`<tr key=${at}><td><div class="cell wide">${visible(label(one.settings))}</div></td><td class="num">${quantity(one.trained)}</td><td class="num">${figure(one.metric)}</td></tr>`)}<//>
  <//>`;
}
