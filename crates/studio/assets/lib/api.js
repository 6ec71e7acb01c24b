// Calls of the JSON API. A failed call throws a `Problem` with a message for people.
import { useCallback, useEffect, useRef, useState } from '/assets/vendor/preact-htm.js';
import { address } from '/assets/lib/route.js';

export class Problem extends Error {
  constructor(message, { status = 0, part, span } = {}) {
    super(message);
    Object.assign(this, { status, part, span });
  }
}

async function call(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem('The studio does not answer. Is `twinspire studio` still running?');
  }
  const isJson = (response.headers.get('content-type') ?? '').startsWith('application/json');
  if (!response.ok) {
    const document = isJson ? await response.json() : { error: { message: (await response.text()).trim() } };
    throw new Problem(document.error.message, { status: response.status, ...document.error });
  }
  return isJson ? response.json() : response.arrayBuffer();
}

export const get = (path, params, signal) => call(address(`/api/${path}`, params), { signal });

export const post = (path, body, signal) =>
  call(`/api/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), signal });

/**
 * Loads what `load(signal)` gives whenever `keys` change. While it loads again, the last value stays.
 * Returns { value, problem, loading, since, reload }.
 */
export function useLoaded(load, keys) {
  const [state, setState] = useState({ loading: true, since: Date.now() });
  const running = useRef(null);
  const reload = useCallback(() => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    setState((last) => ({ ...last, loading: true, since: Date.now() }));
    Promise.resolve(load(controller.signal)).then(
      (value) => { if (!controller.signal.aborted) setState({ value, loading: false }); },
      (problem) => { if (!controller.signal.aborted) setState((last) => ({ value: last.value, problem, loading: false })); },
    );
  }, keys);
  useEffect(() => { reload(); return () => running.current?.abort(); }, [reload]);
  return { ...state, reload };
}
