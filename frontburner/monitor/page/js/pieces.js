// Small components that all pages use.
import { html, useEffect, useRef, useState } from "./view.js";
import { tone } from "./words.js";

const GLYPHS = {
  hot: html`<path d="M8 1.6c.6 2.6 4.6 4.3 4.6 8.2A4.6 4.6 0 0 1 8 14.4a4.6 4.6 0 0 1-4.6-4.6c0-1.6.8-2.7 1.7-3.6.2 1 .7 1.6 1.4 1.9C6.300 5.700 7 3.200 8 1.600Z"/>`,
  done: html`<path d="M2.800 8.600 6.400 12 13.200 4.400" fill="none" stroke="currentColor" stroke-width="2.400" stroke-linecap="round" stroke-linejoin="round"/>`,
  bad: html`<path d="M4 4l8 8M12 4l-8 8" fill="none" stroke="currentColor" stroke-width="2.400" stroke-linecap="round"/>`,
  warn: html`<path d="M8 2.200 14.600 13.600H1.400Z" stroke="currentColor" stroke-width="1.200" stroke-linejoin="round"/>`,
  rest: html`<path d="M5.400 3.400v9.200M10.600 3.400v9.200" fill="none" stroke="currentColor" stroke-width="2.800" stroke-linecap="round"/>`,
  still: html`<circle cx="8" cy="8" r="4.600" fill="none" stroke="currentColor" stroke-width="1.800"/>`,
};

export const Glyph = ({ of }) => html`<svg class="glyph" viewBox="0 0 16 16" aria-hidden="true" fill="currentColor">${GLYPHS[of]}</svg>`;

export const State = ({ of }) => html`<span class="state" data-tone=${tone(of)}><${Glyph} of=${tone(of)}/>${of}</span>`;

export function Bar({ value, of = "hot", label, failed = 0 }) {
  return html`<div class="bar" data-tone=${of} role="progressbar" aria-label=${label} aria-valuemin="0" aria-valuemax="100"
      aria-valuenow=${Math.round(100 * value)}>
    <i style=${{ transform: `scaleX(${value})` }}></i>
    ${failed > 0 && html`<b style=${{ width: `${Math.max(0.6, 100 * failed)}%` }}></b>`}
  </div>`;
}

export const Fact = ({ name, children, title, of }) => html`<div class="fact" title=${title} data-tone=${of}>
  <dt>${name}</dt><dd>${children}</dd></div>`;

/** A dialog for the arguments or the confirmation of an action. */
export function Dialog({ title, go, danger, onGo, onClose, children }) {
  const box = useRef(null);
  useEffect(() => {
    const dialog = box.current, before = document.activeElement;
    dialog.showModal();
    return () => { dialog.close(); before?.focus?.(); };
  }, []);
  const submit = (event) => {
    event.preventDefault();
    onGo(new FormData(event.target));
    onClose();
  };
  return html`<dialog ref=${box} onCancel=${onClose} onClick=${(event) => event.target === box.current && onClose()} aria-labelledby="dialog-title">
    <form onSubmit=${submit}>
      <h2 id="dialog-title">${title}</h2>
      ${children}
      <div class="choices">
        <button type="button" onClick=${onClose}>Not now</button>
        <button type="submit" class=${danger ? "danger" : "go"}>${go}</button>
      </div>
    </form>
  </dialog>`;
}

// Messages: shown below for a while, and read out by screen readers.
let addToast = () => {};
export const toast = (text, bad = false) => addToast({ text, bad, id: Math.random() });

export function Toasts() {
  const [all, set] = useState([]);
  useEffect(() => {
    addToast = (added) => {
      set((before) => [...before.slice(-2), added]);
      setTimeout(() => set((before) => before.filter((each) => each.id !== added.id)), added.bad ? 15000 : 6000);
    };
    return () => { addToast = () => {}; };
  }, []);
  return html`<div class="toasts" role="status" aria-live="polite">
    ${all.map((each) => html`<p key=${each.id} class=${each.bad ? "bad" : ""}>${each.text}
      <button class="quiet" aria-label="Close" onClick=${() => set(all.filter((other) => other !== each))}>×</button></p>`)}
  </div>`;
}

export function EmptyPage({ title, children }) {
  return html`<div class="empty-page"><h2>${title}</h2>${children}</div>`;
}

export const formatsOf = (job) => job.formats || ["png", "exr"];

/** Links to the files of a picture, one for each format. */
export const Files = ({ job, file }) => formatsOf(job).map((ending) => html`<a key=${ending} href=${file(ending)} target="_blank">${ending.toUpperCase()}</a> `);
