// The frame around all pages: navigation, theme, and the page of the address.
import { html, render, useEffect, useErrorBoundary, useState } from '/assets/vendor/preact-htm.js';
import { get, useLoaded } from '/assets/lib/api.js';
import { Link, useRoute } from '/assets/lib/route.js';
import { Note, Page } from '/assets/lib/ui.js';
import { Compare } from '/assets/pages/compare.js';
import { Items } from '/assets/pages/items.js';
import { Map } from '/assets/pages/map.js';
import { Overview } from '/assets/pages/overview.js';
import { Quality } from '/assets/pages/quality.js';
import { Recall } from '/assets/pages/recall.js';
import { Training } from '/assets/pages/training.js';

const PAGES = [
  ['/', 'Overview', Overview],
  ['/recall', 'Recall', Recall],
  ['/items', 'Items', Items],
  ['/compare', 'Compare', Compare],
  ['/map', 'Map', Map],
  ['/quality', 'Quality', Quality],
  ['/training', 'Training', Training],
];

const THEMES = { system: 'System', light: 'Light', dark: 'Dark' };

function useTheme() {
  const [theme, setTheme] = useState(localStorage.getItem('theme') ?? 'system');
  useEffect(() => {
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    localStorage.setItem('theme', theme);
  }, [theme]);
  return [theme, setTheme];
}

/** Where there is room for a list. */
const ThemeList = ({ theme, setTheme }) => html`<label for="theme">Theme</label><select id="theme" value=${theme} onChange=${(event) => setTheme(event.target.value)}>
  ${Object.entries(THEMES).map(([key, text]) => html`<option key=${key} value=${key}>${text}</option>`)}
</select>`;

/** Where a list has no room: switches between light and dark. */
function ThemeButton({ theme, setTheme }) {
  const dark = theme === 'dark' || (theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
  return html`<button class="theme-short" aria-label=${dark ? 'Light theme' : 'Dark theme'} onClick=${() => setTheme(dark ? 'light' : 'dark')}>${dark ? '☀' : '☾'}</button>`;
}

/** A page, or what went wrong in its script. */
function Guarded({ children }) {
  const [error] = useErrorBoundary();
  if (!error) return children;
  return html`<${Page} title="This page failed"><${Note} level="error" title=${String(error.message ?? error)}>Load the page again. If it fails again, please report it with this message.<//><//>`;
}

function App() {
  const route = useRoute();
  const [theme, setTheme] = useTheme();
  const info = useLoaded((signal) => get('info', {}, signal), []);
  const [, , View] = PAGES.find(([path]) => path === route.path) ?? PAGES[0];
  return html`<div class="frame">
    <a class="skip" href="#page-title">Skip to content</a>
    <div class="rail">
      <div class="brand"><img src="/assets/icon.svg" alt="" /><span class="brand-name">Twinspire Studio</span><span class="database clip" title=${info.value?.path}>${info.value?.name}</span><${ThemeButton} theme=${theme} setTheme=${setTheme} /></div>
      <nav class="nav" aria-label="Pages">${PAGES.map(([path, name]) => html`<${Link} key=${path} to=${path} aria-current=${path === route.path ? 'page' : undefined}>${name}<//>`)}</nav>
      <div class="rail-foot"><${ThemeList} theme=${theme} setTheme=${setTheme} /><p style=${{ marginTop: '.6rem' }}>${info.value && `Version ${info.value.version}, read-only`}</p><p>Built on <a href="/assets/vendor/LICENSE-preact">preact</a> and <a href="/assets/vendor/LICENSE-htm">htm</a></p></div>
    </div>
    <main class="main"><${Guarded} key=${route.path}><${View} params=${route.params} info=${info} /><//></main>
  </div>`;
}

render(html`<${App} />`, document.getElementById('app'));
