// Numbers with units, for people.
const whole = new Intl.NumberFormat('en-GB');

export const count = (number) => whole.format(number);

/** `1 item`, `2 items`. */
export const counted = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

export function short(number) {
  if (number < 10_000) return count(number);
  if (number < 999_500) return `${(number / 1e3).toFixed(number < 99_500 ? 1 : 0)} k`;
  return `${(number / 1e6).toFixed(2)} M`;
}

export function bytes(number) {
  if (number < 1000) return `${number} B`;
  let unit = -1;
  do { number /= 1000; unit += 1; } while (number >= 999.5 && unit < 4);
  return `${number < 99.5 ? number.toFixed(1) : number.toFixed(0)} ${'kMGTP'[unit]}B`;
}

export function micros(number) {
  if (number < 999.5) return `${number < 10 ? number.toFixed(1) : number.toFixed(0)} µs`;
  if (number < 999_500) return `${(number / 1e3).toFixed(number < 9_995 ? 2 : 1)} ms`;
  return `${(number / 1e6).toFixed(2)} s`;
}

export const seconds = (ms) => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;

export const percent = (share, digits = 1) => `${(share * 100).toFixed(digits)} %`;

export const score = (number) => (number === null || number === undefined ? '–' : Number(number).toFixed(4));

/** At most `digits` significant digits, without an exponent where it reads well. */
export function number(value, digits = 4) {
  if (value === null || value === undefined) return '–';
  if (Number.isInteger(value)) return Math.abs(value) < 1e15 ? count(value) : String(value);
  const text = Number(value).toPrecision(digits);
  return text.includes('e') ? text : String(Number(text));
}

export function when(unixMs) {
  const date = new Date(Number(unixMs));
  return `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })}, ${date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })}`;
}

// Characters that change the direction of what follows, or that cannot be seen.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text in which nothing is hidden: such characters become `\u202e`. */
export const visible = (text) => text.replace(HIDDEN, (character) => (character === '\n' || character === '\t' ? ' ' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`));

/** JSON for people, in which nothing is hidden. */
export const json = (value) => JSON.stringify(value, null, 2).replace(HIDDEN, (character) => (character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`));

/** A value of a record in one line. */
export function plain(value) {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return visible(value);
  if (Array.isArray(value)) return value.map(plain).join(', ');
  if (typeof value === 'object') return Object.entries(value).map(([name, inner]) => `${visible(name)}: ${plain(inner)}`).join(', ');
  return String(value);
}

const TITLES = ['title', 'name', 'label', 'headline', 'product', 'text', 'description'];

/** The text that tells most about a record: its title or name, or the first text. */
export function title(record) {
  if (!record) return '';
  for (const field of TITLES) if (typeof record[field] === 'string' && record[field]) return visible(record[field]);
  const text = Object.entries(record).find(([name, value]) => name !== 'id' && typeof value === 'string' && value);
  return text ? visible(text[1]) : '';
}

const KINDS = {
  near: 'made-up queries between items',
  far: 'made-up queries far from all items',
  crowd: 'made-up queries among near copies',
  made_up_user: 'made-up users',
  asked: 'queries that were asked',
  given: 'given users',
};

/** The kind of a query with which recall was measured. */
export const kindOfQuery = (kind) => KINDS[kind] ?? kind;
