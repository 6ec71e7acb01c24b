// The address of the page is its state: path and parameters, changed by `navigate`, read by `useRoute`.
import { html, useEffect, useState } from '/assets/vendor/preact-htm.js';

const listeners = new Set();

export const current = () => ({
  path: location.pathname,
  params: Object.fromEntries(new URLSearchParams(location.search)),
});

/** The address of a path with parameters; those that are empty are left out. */
export function address(path, params = {}) {
  const given = Object.entries(params).filter(([, value]) => value !== undefined && value !== null && value !== '' && value !== false);
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return query ? `${path}?${query}` : path;
}

export function navigate(path, params, { replace = false } = {}) {
  const target = address(path, params);
  if (target === location.pathname + location.search) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', target);
  listeners.forEach((listener) => listener());
}

export function useRoute() {
  const [route, setRoute] = useState(current);
  useEffect(() => {
    const update = () => setRoute(current());
    listeners.add(update);
    addEventListener('popstate', update);
    return () => { listeners.delete(update); removeEventListener('popstate', update); };
  }, []);
  return route;
}

/** A link within the studio. */
export function Link({ to, params, children, ...rest }) {
  const follow = (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(to, params);
    scrollTo(0, 0);
  };
  return html`<a ...${rest} href=${address(to, params)} onClick=${follow}>${children}</a>`;
}
