// Documents of the monitor, followed as they change: all of one first, then merge patches (RFC 7396).
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

const SILENT_MS = 12000;
const RETRY_MS = [1000, 2000, 4000, 8000];

/**
 * Follow an address; `show` is called with the document, at most once a picture of the screen. What rests is let go
 * while nobody looks: a browser has six connections to a server, for all its tabs.
 */
export function follow(address, show, say, rests = false) {
  let document_ = null, source = null, timer = 0, retry = 0, tries = 0, drawn = 0, over = false;
  const draw = () => { drawn = 0; if (document_ && !over) show(document_); };
  const soon = () => { if (!drawn) drawn = globalThis.document.hidden ? setTimeout(draw, 500) : requestAnimationFrame(draw); };
  const heard = () => {
    tries = 0;
    say?.("live");
    clearTimeout(timer);
    timer = setTimeout(lost, SILENT_MS);
  };
  const lost = () => {
    if (over) return;
    source?.close();
    clearTimeout(timer);
    clearTimeout(retry);
    say?.("lost");
    retry = setTimeout(open, RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]);
  };
  const open = () => {
    source = new EventSource(address);
    source.addEventListener("whole", (event) => { document_ = JSON.parse(event.data); heard(); soon(); });
    source.addEventListener("patch", (event) => { document_ = merge(document_ || {}, JSON.parse(event.data)); heard(); soon(); });
    source.addEventListener("alive", heard);
    source.onerror = lost;
  };
  const close = () => { source?.close(); clearTimeout(timer); clearTimeout(retry); };
  const turned = () => { close(); if (!globalThis.document.hidden) open(); };
  if (rests) globalThis.document.addEventListener("visibilitychange", turned);
  open();
  return () => { over = true; close(); globalThis.document.removeEventListener("visibilitychange", turned); };
}

export function useFollow(address) {
  const [found, set] = useState({ address: "", document: null });
  useEffect(() => follow(address, (document) => set({ address, document }), undefined, true), [address]);
  return found.address === address ? found.document : null;
}

/** Ask for something to be done; returns what is said of it. */
export async function act(address, given = {}) {
  let answer;
  try {
    answer = await fetch(address, {
      method: "POST",
      headers: { "content-type": "application/json", "x-frontburner": "1" },
      body: JSON.stringify(given),
    });
  } catch {
    throw new Error("The monitor doesn't answer. Is it still running?");
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const said = [told.reason || `The monitor answered ${answer.status}.`, told.remedy].filter(Boolean).join(" ");
    throw Object.assign(new Error(said), { fields: told.fields });
  }
  return told;
}
