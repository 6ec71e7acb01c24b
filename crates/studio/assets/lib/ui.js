// Parts that pages share.
import { html, useEffect, useId, useRef, useState } from '/assets/vendor/preact-htm.js';
import { json, seconds } from '/assets/lib/format.js';

export const Page = ({ title, intro, aside, children }) => {
  const heading = useRef(null);
  useEffect(() => { document.title = `${heading.current.textContent} · Twinspire Studio`; });
  return html`<div class="page">
    <div class="page-head"><h1 tabindex="-1" id="page-title" ref=${heading}>${title}</h1>${aside}${intro && html`<p>${intro}</p>`}</div>
    ${children}
  </div>`;
};

export const Card = ({ title, intro, aside, children, ...rest }) => html`<section class="card" ...${rest}>
  ${title && html`<header><h2>${title}</h2>${aside}${intro && html`<p>${intro}</p>`}</header>`}
  ${children}
</section>`;

export const Empty = ({ title, children }) => html`<div class="empty"><strong>${title}</strong>${children}</div>`;

/** Text with its `code` set as such. */
export const Text = ({ of }) => String(of).split('`').map((part, at) => (at % 2 ? html`<code key=${at}>${part}</code>` : part));

/** A message: what there is, and what to do. */
export const Note = ({ level = 'note', title, children, ...rest }) =>
  html`<div class=${`note ${level}`} role=${level === 'error' ? 'alert' : undefined} ...${rest}>${title && html`<p><strong>${typeof title === 'string' ? html`<${Text} of=${title} />` : title}</strong></p>`}${children && html`<p>${typeof children === 'string' ? html`<${Text} of=${children} />` : children}</p>`}</div>`;

export const Failed = ({ problem, retry }) => html`<div class="stack">
  <${Note} level="error" title=${problem.message} />
  ${retry && html`<div><button onClick=${retry}>Try again</button></div>`}
</div>`;

export const Badge = ({ kind = '', children, ...rest }) => html`<span class=${`badge ${kind}`} ...${rest}>${children}</span>`;

export const Stat = ({ label, value, more }) => html`<div class="stat"><dt>${label}</dt><dd>${value}${more && html`<small>${more}</small>`}</dd></div>`;

export const Facts = ({ of }) => html`<dl class="facts">${of.filter(Boolean).map(([name, value, wide]) => html`<div key=${name} class=${wide ? 'wide' : undefined}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

/** What is being done, and for how long it has been. */
export function Working({ what, since, share }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => { const timer = setInterval(() => setNow(Date.now()), 200); return () => clearInterval(timer); }, []);
  const elapsed = now - (since ?? now);
  return html`<div class="empty" role="status">
    ${what}${elapsed >= 1000 ? ` ${seconds(elapsed)} so far` : ''}
    ${share !== undefined && html`<progress max="1" value=${share} aria-label=${what}></progress>`}
  </div>`;
}

/** Shows a loaded value, or that it is being loaded, or why it cannot be. */
export function Loaded({ from, what, children }) {
  if (from.value !== undefined) return html`${from.problem && html`<${Failed} problem=${from.problem} retry=${from.reload} />`}${children(from.value)}`;
  if (from.problem) return html`<${Failed} problem=${from.problem} retry=${from.reload} />`;
  return html`<${Working} what=${what} since=${from.since} />`;
}

export function Field({ label, hint, children }) {
  const id = useId();
  return html`<div><label for=${id}>${label}</label>${children(id, hint ? `${id}-hint` : undefined)}${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}</div>`;
}

export const Select = ({ options, value, onChange, ...rest }) => html`<select ...${rest} value=${value} onChange=${(event) => onChange(event.target.value)}>
  ${options.map((option) => { const [key, text] = Array.isArray(option) ? option : [option, option]; return html`<option key=${key} value=${key} selected=${key === value}>${text}</option>`; })}
</select>`;

export function Tabs({ tabs, value, onChange, label }) {
  const bar = useRef(null);
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = tabs.findIndex(([key]) => key === value);
    const next = (at + step + tabs.length) % tabs.length;
    onChange(tabs[next][0]);
    bar.current.children[next].focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} ref=${bar} onKeyDown=${move}>
    ${tabs.map(([key, text]) => html`<button type="button" role="tab" key=${key} aria-selected=${String(key === value)} tabindex=${key === value ? 0 : -1} onClick=${() => onChange(key)}>${text}</button>`)}
  </div>`;
}

/** Text to copy. */
export function Code({ text, label }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try { await navigator.clipboard.writeText(text); } catch { return; }
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return html`<div class="code"><pre tabindex="0" aria-label=${label}>${text}</pre><button type="button" class="plain" onClick=${copy}>${copied ? 'Copied' : 'Copy'}</button></div>`;
}

export const Record = ({ value }) => html`<div class="record" tabindex="0">${json(value)}</div>`;

export const Meter = ({ share, label }) => html`<div class="meter" role="img" aria-label=${label}><span style=${{ width: `${Math.max(0, Math.min(1, share)) * 100}%` }}></span></div>`;
