// Subscriptions to documents of the monitor: first the whole document, then merge patches (RFC 7396).
import { useEffect, useState } from "./view.js";

export function merge(before, change) {
  const after = { ...before };
  for (const name in change) {
    const value = change[name];
    if (value === null) delete after[name];
    else if (isObject(value) && isObject(after[name])) after[name] = merge(after[name], value);
    else after[name] = value;
  }
  return after;
}
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

const TIMEOUT_MS = 12000;
const RETRY_MS = [1000, 2000, 4000, 8000];

/**
 * Follow an address; `show` is called with the document, at most once per frame of the screen. With `closeWhenHidden`,
 * the connection is closed while the page is hidden: a browser has six connections to a server, for all its tabs.
 */
export function follow(address, show, onConnection, closeWhenHidden = false) {
  let document_ = null, source = null, timer = 0, retry = 0, tries = 0, scheduled = 0, closed = false;
  const draw = () => { scheduled = 0; if (document_ && !closed) show(document_); };
  const schedule = () => { if (!scheduled) scheduled = globalThis.document.hidden ? setTimeout(draw, 500) : requestAnimationFrame(draw); };
  const received = () => {
    tries = 0;
    onConnection?.("live");
    clearTimeout(timer);
    timer = setTimeout(lost, TIMEOUT_MS);
  };
  const lost = () => {
    if (closed) return;
    source?.close();
    clearTimeout(timer);
    clearTimeout(retry);
    onConnection?.("lost");
    retry = setTimeout(open, RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]);
  };
  const open = () => {
    source = new EventSource(address);
    source.addEventListener("whole", (event) => { document_ = JSON.parse(event.data); received(); schedule(); });
    source.addEventListener("patch", (event) => { document_ = merge(document_ || {}, JSON.parse(event.data)); received(); schedule(); });
    source.addEventListener("alive", received);
    source.onerror = lost;
  };
  const close = () => { source?.close(); clearTimeout(timer); clearTimeout(retry); };
  const visibilityChanged = () => { close(); if (!globalThis.document.hidden) open(); };
  if (closeWhenHidden) globalThis.document.addEventListener("visibilitychange", visibilityChanged);
  open();
  return () => { closed = true; close(); globalThis.document.removeEventListener("visibilitychange", visibilityChanged); };
}

export function useFollow(address) {
  const [found, set] = useState({ address: "", document: null });
  useEffect(() => follow(address, (document) => set({ address, document }), undefined, true), [address]);
  return found.address === address ? found.document : null;
}

/** Perform an action; returns the response. */
export async function act(address, given = {}) {
  let response;
  try {
    response = await fetch(address, {
      method: "POST",
      headers: { "content-type": "application/json", "x-frontburner": "1" },
      body: JSON.stringify(given),
    });
  } catch {
    throw new Error("The monitor doesn't answer. Is it still running?");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    const message = [body.reason || `The monitor answered ${response.status}.`, body.remedy].filter(Boolean).join(" ");
    throw Object.assign(new Error(message), { fields: body.fields });
  }
  return body;
}
