// The filter box: completes fields and values, and marks the place of an error.
import { html, useEffect, useId, useMemo, useRef, useState } from '/assets/vendor/preact-htm.js';
import { get } from '/assets/lib/api.js';
import { counted, number } from '/assets/lib/format.js';
import { Text } from '/assets/lib/ui.js';

let known = null;

/** The fields of the items, loaded once. */
export function useFields() {
  const [fields, setFields] = useState([]);
  useEffect(() => {
    known ??= get('fields').then((answer) => answer.fields, () => { known = null; return []; });
    let wanted = true;
    known.then((loaded) => wanted && setFields(loaded));
    return () => { wanted = false; };
  }, []);
  return fields;
}

const NAME = /[A-Za-z_\u0080-\uffff][\w.\u0080-\uffff-]*$/u;
const VALUE = /([\w.\u0080-\uffff-]+)\s*(?:=|!=|has|in\s*\((?:[^)]*,)?)\s*('(?:[^']*)|[\w.-]*)$/u;

const literal = (value) => (typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value));

/** What may stand at the cursor: { from, options: [{ text, more }] }. */
export function completions(text, cursor, fields) {
  const before = text.slice(0, cursor);
  const value = VALUE.exec(before);
  if (value) {
    const field = fields.find((one) => one.path === value[1]);
    if (field) {
      const typed = value[2].replace(/^'/, '').toLowerCase();
      const options = field.examples.filter((one) => String(one).toLowerCase().startsWith(typed)).map((one) => ({ text: literal(one), more: '' }));
      return { from: cursor - value[2].length, options: options.filter((one) => one.text !== value[2]) };
    }
  }
  const quotes = (before.match(/'/g) ?? []).length;
  const word = NAME.exec(before)?.[0] ?? '';
  if (quotes % 2 || (!word && before.trim())) return { from: cursor, options: [] };
  const lower = word.toLowerCase();
  const found = fields.filter((one) => one.path.toLowerCase().includes(lower) && one.path !== word);
  found.sort((one, other) => other.path.toLowerCase().startsWith(lower) - one.path.toLowerCase().startsWith(lower));
  return { from: cursor - word.length, options: found.map((one) => ({ text: one.path, more: hint(one) })) };
}

function hint(field) {
  const kinds = [...field.kinds].join(' or ');
  if (field.least !== undefined) return `${kinds}, ${number(field.least)} to ${number(field.most)}`;
  return field.distinct ? `${kinds}, ${counted(field.distinct, 'value')}` : kinds;
}

export function FilterBox({ value, onChange, problem, placeholder = "price < 30 and tags has 'red'" }) {
  const id = useId();
  const fields = useFields();
  const box = useRef(null);
  const [open, setOpen] = useState(false);
  const [cursor, setCursor] = useState(0);
  const [chosen, setChosen] = useState(-1);
  const { from, options } = useMemo(() => completions(value, Math.min(cursor, value.length), fields), [value, cursor, fields]);
  const shown = open ? options.slice(0, 12) : [];
  const take = (option) => {
    onChange(value.slice(0, from) + option.text + value.slice(cursor));
    const at = from + option.text.length;
    setOpen(false);
    setChosen(-1);
    requestAnimationFrame(() => { box.current.focus(); box.current.setSelectionRange(at, at); setCursor(at); });
  };
  const keys = (event) => {
    if (!shown.length) { if (event.key === 'ArrowDown' && !event.ctrlKey) { setCursor(event.target.selectionStart); setOpen(true); } return; }
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      setChosen((chosen + (event.key === 'ArrowDown' ? 1 : shown.length) + (chosen < 0 && event.key === 'ArrowUp' ? 1 : 0)) % shown.length);
    } else if ((event.key === 'Enter' || event.key === 'Tab') && chosen >= 0) {
      event.preventDefault();
      take(shown[chosen]);
    } else if (event.key === 'Escape') { event.stopPropagation(); setOpen(false); }
  };
  const span = problem?.part === 'filter' && problem.span;
  return html`<div class="suggest">
    <label for=${id}>Filter</label>
    <input id=${id} class="mono" ref=${box} value=${value} placeholder=${placeholder} autocomplete="off" spellcheck="false"
      role="combobox" aria-expanded=${String(shown.length > 0)} aria-controls=${`${id}-list`} aria-autocomplete="list"
      aria-activedescendant=${chosen >= 0 ? `${id}-${chosen}` : undefined}
      aria-invalid=${String(Boolean(span))} aria-describedby=${span ? `${id}-problem` : undefined}
      onInput=${(event) => { onChange(event.target.value); setCursor(event.target.selectionStart); setOpen(true); setChosen(-1); }}
      onClick=${(event) => setCursor(event.target.selectionStart)} onKeyDown=${keys} onBlur=${() => setTimeout(() => setOpen(false), 150)} />
    ${shown.length > 0 && html`<ul id=${`${id}-list`} role="listbox">${shown.map((option, at) => html`<li key=${option.text} id=${`${id}-${at}`} role="option" aria-selected=${String(at === chosen)} onMouseDown=${(event) => { event.preventDefault(); take(option); }}><span class="mono clip">${option.text}</span><span class="muted small nowrap">${option.more}</span></li>`)}</ul>`}
    ${span && html`<div id=${`${id}-problem`} role="alert"><div class="at-place">${value.slice(0, span[0])}<mark>${value.slice(...span) || '␣'}</mark>${value.slice(span[1])}</div><p class="hint" style=${{ color: 'var(--bad)' }}><${Text} of=${problem.message} /></p></div>`}
  </div>`;
}
