// Source of preact-htm.js; README.md beside this file says how it is built.
export { h, render, Fragment, createContext } from 'preact';
export { useState, useEffect, useLayoutEffect, useMemo, useRef, useCallback, useContext, useReducer, useErrorBoundary, useId } from 'preact/hooks';
import { h } from 'preact';
import htm from 'htm';
export const html = htm.bind(h);
