// What the database holds, and how it is.
import { html, useEffect, useState } from '/assets/vendor/preact-htm.js';
import { get, post, useLoaded } from '/assets/lib/api.js';
import { colour } from '/assets/lib/charts.js';
import { bytes, count, counted, kindOfQuery, micros, number, percent, short, visible, when } from '/assets/lib/format.js';
import { Badge, Card, Empty, Facts, Failed, Loaded, Note, Page, Stat, Working } from '/assets/lib/ui.js';

export function Overview() {
  const loaded = useLoaded((signal) => get('overview', {}, signal), []);
  return html`<${Page} title="Overview" aside=${html`<button onClick=${loaded.reload}>Refresh</button>`}>
    <${Loaded} from=${loaded} what="Reading the database…">${(overview) => html`<${Content} of=${overview} />`}<//>
  <//>`;
}

function Content({ of: { stats, generations, ensembles, disk, findings, path } }) {
  const spaces = Object.entries(stats.spaces);
  const words = Object.entries(stats.lexical);
  return html`
    <dl class="stats" style=${{ margin: 0 }}>
      <${Stat} label="Items" value=${count(stats.items)} more=${bytes(stats.items_bytes)} />
      <${Stat} label="Unsealed items" value=${count(stats.fresh)} more=${`journal ${bytes(stats.journal_bytes)}`} />
      <${Stat} label="Spaces" value=${count(spaces.length + words.length)} more=${counted(Object.values(generations).flat().length, 'generation')} />
      <${Stat} label="Ensembles" value=${count(Object.keys(ensembles).length)} />
      <${Stat} label="On disk" value=${bytes(disk.bytes)} more=${counted(disk.files, 'file')} />
    </dl>
    <${Card} title="Health">
      <div class="stack">${findings.length
        ? findings.map((finding) => html`<${Note} key=${finding.title} level=${finding.level} title=${finding.title}>${finding.advice}<//>`)
        : html`<${Note} level="good" title="Nothing needs attention">${'The figures are those of the last measurements. `twinspire check` reads every byte.'}<//>`}
        <${Check} />
      </div>
    <//>
    ${spaces.map(([name, space]) => html`<${Space} key=${name} name=${name} space=${space} generations=${generations[name] ?? []} />`)}
    ${words.map(([name, space]) => html`<${Words} key=${name} name=${name} space=${space} />`)}
    ${!spaces.length && !words.length && html`<${Card} title="Spaces"><${Empty} title="No space yet">A publish embeds the items with trained towers and makes one.<//><//>`}
    ${Object.keys(ensembles).length > 0 && html`<${Card} title="Ensembles" intro="Recipes that fuse the scores of several spaces.">
      <div class="stack">${Object.entries(ensembles).map(([name, ensemble]) => html`<${Ensemble} key=${name} name=${name} of=${ensemble} />`)}</div>
    <//>`}
    <${Disk} disk=${disk} path=${path} kernels=${stats.kernels} />`;
}

/** Reads every byte when asked to, and tells what it found. */
function Check() {
  const [view, setView] = useState(null);
  const [problem, setProblem] = useState(null);
  const [run, setRun] = useState(0);
  useEffect(() => {
    const controller = new AbortController();
    (async () => {
      if (run) setView(await post('check', {}, controller.signal));
      for (;;) {
        const next = await get('check', {}, controller.signal);
        setView(next);
        if (next.state !== 'working') return;
        await new Promise((done) => setTimeout(done, 200));
      }
    })().catch((error) => { if (!controller.signal.aborted) setProblem(error); });
    return () => controller.abort();
  }, [run]);
  const start = () => { setProblem(null); setRun(run + 1); };
  const found = view?.state === 'ready' && [...view.problems, ...view.unsupported];
  return html`
    ${problem && html`<${Failed} problem=${problem} />`}
    ${view?.state === 'working' && html`<${Working} what="Reading every byte…" share=${view.share} />`}
    ${found && (found.length
      ? html`<${Note} level="error" title=${`The check found ${counted(found.length, 'problem')}`}>
          <ul>${found.slice(0, 20).map((one, at) => html`<li key=${at}><span class="mono">${visible(one.file)}</span>, ${one.section}: ${visible(one.what)}</li>`)}</ul>
          <code>twinspire repair DB</code> keeps what can be read.
        <//>`
      : html`<${Note} level="good" title=${`Every byte of ${counted(view.files, 'file')} is as it was written`}>${`Checked in ${number(view.seconds)} s. Files are compared with their checksums and with each other.`}<//>`)}
    ${view?.state !== 'working' && html`<div class="row"><button onClick=${start}>${found ? 'Check again' : 'Check every byte'}</button><span class="muted small">Reads all files once.</span></div>`}`;
}

function recallBadge(measured) {
  if (!measured) return html`<${Badge}>not measured<//>`;
  const kind = measured.lower >= 0.9 ? 'good' : measured.lower >= 0.7 ? 'warn' : 'bad';
  return html`<${Badge} kind=${kind}>${percent(measured.recall)}<//>`;
}

function reason(reason) {
  if (reason.kind === 'requested') return 'as requested';
  if (reason.kind === 'few_vectors') return 'few vectors';
  const { graph_micros: graph, graph_estimate_micros: estimate, partitions_micros: partitions } = reason.detail ?? {};
  const time = (value) => (value === null || value === undefined ? 'not reached' : micros(value));
  return `measured: graph ${time(graph ?? estimate)}, partitions ${time(partitions)} a query`;
}

function Space({ name, space, generations }) {
  const measured = space.recall;
  return html`<${Card} title=${html`Space <span class="mono">${name}</span>`}>
    <div class="stack">
      <${Facts} of=${[
        ['Items found by recalls', count(space.items)],
        ['recall@10 of recalls by user', html`${recallBadge(measured)}${measured && html` <span class="muted small">at the default beam width; at least ${percent(measured.lower)} with ${percent(measured.confidence, 0)} confidence; ${count(measured.queries)} ${kindOfQuery(measured.kind)}</span>`}`, true],
        ['Index', html`${space.index} <span class="muted small">${reason(space.index_reason)}</span>`],
        ['Vectors', `${counted(space.dimension, 'component')}, ${space.metric}, ${space.storage} precision`],
        ['Vectors and index', bytes(space.bytes)],
        ['Learned weights', space.parameters ? short(space.parameters) : 'none'],
        ['Segments', count(space.segments)],
        ['Scanned by every recall', counted(space.late, 'unsealed item')],
      ]} />
      <div class="scroll"><table>
        <thead><tr><th>Generation</th><th>Published</th><th class="num">Items</th><th class="num">Left out</th><th class="num">recall@10</th><th>Index</th><th class="num">Up to revision</th></tr></thead>
        <tbody>${[...generations].reverse().map((one) => html`<tr key=${one.number}>
          <td class="nowrap">${one.number} ${one.active && html`<${Badge} kind="accent">active<//>`}</td>
          <td class="nowrap">${when(one.created_unix_ms)}</td>
          <td class="num">${count(one.items)}</td>
          <td class="num">${count(one.left_out)}</td>
          <td class="num">${one.measured ? percent(one.measured.recall) : percent(one.recall)}</td>
          <td>${one.index}${Object.keys(one.members ?? {}).length > 0 && html` <span class="muted">fused of ${Object.entries(one.members).map(([member, of]) => `${member}@${of}`).join(', ')}</span>`}</td>
          <td class="num">${number(one.cut)}</td>
        </tr>`)}</tbody>
      </table></div>
    </div>
  <//>`;
}

function Words({ name, space: { lexical, ...space } }) {
  const fields = Object.entries(lexical.fields).map(([field, boost]) => (boost === 1 ? field : `${field} × ${number(boost)}`));
  return html`<${Card} title=${html`Lexical space <span class="mono">${name}</span>`} aside=${html`<span class="muted small">definition ${space.generation}</span>`}>
    <${Facts} of=${[
      ['Reads of items', html`<span class="mono">${fields.join(', ')}</span>`],
      ['Reads of users', html`<span class="mono">${lexical.query}</span>`],
      ['Language', lexical.language],
      ['Index', html`${bytes(space.bytes)}${space.unindexed_segments > 0 && html` <${Badge} kind="warn">${counted(space.unindexed_segments, 'segment')} without<//>`}`],
      ['Definitions kept', count(space.generations)],
    ]} />
  <//>`;
}

const METHODS = { weighted: 'Weighted sum', cascade: 'Cascade', rank_fusion: 'Rank fusion', normalised: 'Normalised sum', quotas: 'Quotas' };

/** The spaces of a recipe with what the method takes of each. */
function inputs(recipe) {
  if (recipe.stages) return recipe.stages.map((stage) => [stage.space, `best ${count(stage.take)}${stage.at_least !== undefined && stage.at_least !== null ? ` from ${stage.at_least}` : ''}`]);
  if (recipe.channels) return recipe.channels.map((channel) => [channel.space, channel.share !== undefined ? percent(channel.share, 0) : counted(channel.count, 'item')]);
  return Object.entries(recipe.spaces ?? {}).map(([space, weight]) => [space, `× ${number(weight)}`]);
}

function Ensemble({ name, of: { text, recipe } }) {
  const from = inputs(recipe);
  const node = ([space, what]) => html`<div class="node" key=${space}><span class="mono">${space}</span><small>${what}</small></div>`;
  const arrow = html`<span class="arrow" aria-hidden="true">→</span>`;
  return html`<div>
    <h3 class="mono" style=${{ marginBottom: '.4rem' }}>${name}</h3>
    <div class="flow" role="img" aria-label=${text}>
      <div class="node">user</div>${arrow}
      ${recipe.stages ? from.map((one, at) => html`${at > 0 && arrow}${node(one)}`) : html`<div class="inputs">${from.map(node)}</div>`}
      ${arrow}<div class="node method">${METHODS[recipe.method] ?? recipe.method}</div>
      ${recipe.business && html`${arrow}<div class="node">× <span class="mono">${recipe.business.field}</span><small>business weight</small></div>`}
      ${recipe.diversity && html`${arrow}<div class="node">diversity<small>by ${recipe.diversity.space}, λ ${number(recipe.diversity.lambda)}</small></div>`}
      ${arrow}<div class="node">answer</div>
    </div>
    <p class="hint mono">${text}</p>
  </div>`;
}

const FOLDERS = { segments: 'segments (records, vectors, indexes)', towers: 'towers', journal: 'journal', catalog: 'index of the journal', damaged: 'damaged files, kept for inspection' };

function Disk({ disk, path, kernels }) {
  const folders = Object.entries(disk.folders).sort(([, one], [, other]) => other.bytes - one.bytes);
  return html`<${Card} title="Disk" intro=${html`<span class="mono">${path}</span>`}>
    <div class="bar" role="img" aria-label=${folders.map(([name, folder]) => `${name} ${bytes(folder.bytes)}`).join(', ')}>
      ${folders.map(([name, folder], at) => html`<span key=${name} style=${{ width: `${(100 * folder.bytes) / Math.max(disk.bytes, 1)}%`, background: colour(at) }}></span>`)}
    </div>
    <ul class="legend">${folders.map(([name, folder], at) => html`<li key=${name}><span class="swatch" style=${{ background: colour(at) }}></span>${FOLDERS[name] ?? name} <strong>${bytes(folder.bytes)}</strong> <span class="muted">${counted(folder.files, 'file')}</span></li>`)}</ul>
    <p class="hint">Vectors are compared by ${kernels}.</p>
  <//>`;
}
