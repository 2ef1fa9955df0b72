// The upload of a scene. It goes on while other pages are shown, and is discarded when the tab is closed.
import { useEffect, useState } from "./view.js";
import { act } from "./follow.js";
import { bytes } from "./words.js";

const ADDRESS = "api/submissions";
const EMPTY = { stage: "empty", count: 0, sent: 0, total: 0, key: "", scene: null, problem: "" };
let current = EMPTY, controller = null;
const listeners = new Set();

function set(changes) {
  current = { ...current, ...changes };
  listeners.forEach((listener) => listener(current));
}

export function useUpload() {
  const [upload, setUpload] = useState(current);
  useEffect(() => { listeners.add(setUpload); setUpload(current); return () => listeners.delete(setUpload); }, []);
  return upload;
}

/** Returns the maximum size of a scene, or why none are accepted. */
export async function limits() {
  const response = await fetch(ADDRESS);
  const body = await response.json();
  return response.ok ? body : { most_bytes: 0, why_not: body.reason };
}

export async function send(files, maxBytes) {
  const total = files.reduce((sum, { file }) => sum + file.size, 0);
  if (!files.length) { set({ ...EMPTY, problem: "There are no files. Drop a scene, or a folder that has one." }); return; }
  if (total > maxBytes) { set({ ...EMPTY, problem: `The files have ${bytes(total)}; at most ${bytes(maxBytes)} are accepted. Leave out what the scene doesn't need.` }); return; }
  const own = new AbortController();
  controller = own;
  set({ ...EMPTY, stage: "sending", count: files.length, total });
  try {
    const { submission: key } = await act(ADDRESS, { files: files.map(({ name, file }) => ({ name, size: file.size })) });
    if (controller !== own) { discard(key); return; }
    set({ key });
    let done = 0;
    for (const [nth, { file }] of files.entries()) {
      await put(`${ADDRESS}/${key}/${nth}`, file, (sent) => set({ sent: done + sent }), own.signal);
      done += file.size;
    }
    await read("");
  } catch (error) {
    if (controller === own) fail(error);
  }
}

export async function read(scene) {
  const { key } = current;
  set({ stage: "reading" });
  try {
    const found = await act(`${ADDRESS}/${key}/read`, { scene });
    if (current.key === key) set({ stage: "form", scene: found });
  } catch (error) { if (current.key === key) fail(error); }
}

function fail(error) {
  discard();
  set({ ...EMPTY, problem: error.message });
}

/** Submit the job; returns its identity. Problems are in the error, by field. */
export async function submit(scene, job) {
  const submitted = await act(`${ADDRESS}/${current.key}/render`, { scene, job });
  set({ ...EMPTY });
  return submitted;
}

export function cancel() {
  controller?.abort();
  controller = null;
  discard();
  set({ ...EMPTY });
}

function discard(key = current.key) {
  if (!key) return;
  fetch(`${ADDRESS}/${key}/discard`, { method: "POST", headers: { "x-frontburner": "1" }, keepalive: true }).catch(() => {});
}

addEventListener("pagehide", () => discard());
addEventListener("beforeunload", (event) => { if (current.stage === "sending") event.preventDefault(); });

function put(address, file, onProgress, signal) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest(); // fetch has no progress events for request bodies
    request.open("PUT", address);
    request.setRequestHeader("x-frontburner", "1");
    request.upload.onprogress = (event) => onProgress(event.loaded);
    request.onload = () => (request.status < 300 ? done() : fail(new Error(reason(request))));
    request.onerror = () => fail(new Error("The connection broke while the files were sent. Drop them again."));
    request.onabort = () => fail(new Error("It was cancelled."));
    signal.addEventListener("abort", () => request.abort());
    if (signal.aborted) fail(new Error("It was cancelled."));
    else request.send(file);
  });
}

function reason(request) {
  try {
    const body = JSON.parse(request.responseText);
    return [body.reason, body.remedy].filter(Boolean).join(" ");
  } catch { return `The monitor answered ${request.status} to a file. Drop it again.`; }
}
