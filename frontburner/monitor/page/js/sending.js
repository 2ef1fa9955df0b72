// A scene on its way to the monitor. It goes on while one looks at other pages, and is taken back when this one is closed.
import { useEffect, useState } from "./view.js";
import { act } from "./follow.js";
import { bytes } from "./words.js";

const AT = "api/submissions";
const EMPTY = { stage: "empty", count: 0, sent: 0, total: 0, key: "", told: null, problem: "" };
let now = EMPTY, stop = null;
const watchers = new Set();

function set(changes) {
  now = { ...now, ...changes };
  watchers.forEach((watcher) => watcher(now));
}

export function useSending() {
  const [seen, setSeen] = useState(now);
  useEffect(() => { watchers.add(setSeen); setSeen(now); return () => watchers.delete(setSeen); }, []);
  return seen;
}

/** How large a scene may be, or why none are taken. */
export async function terms() {
  const answer = await fetch(AT);
  const told = await answer.json();
  return answer.ok ? told : { most_bytes: 0, why_not: told.reason };
}

export async function send(files, most) {
  const total = files.reduce((sum, { file }) => sum + file.size, 0);
  if (!files.length) { set({ ...EMPTY, problem: "There was no file in what was dropped. Drop a scene, or a folder that has one." }); return; }
  if (total > most) { set({ ...EMPTY, problem: `The files have ${bytes(total)}, and at most ${bytes(most)} are taken. Leave out what the scene doesn't need.` }); return; }
  const stopping = new AbortController();
  stop = stopping;
  set({ ...EMPTY, stage: "sending", count: files.length, total });
  try {
    const { submission: key } = await act(AT, { files: files.map(({ name, file }) => ({ name, size: file.size })) });
    if (stop !== stopping) { takeBack(key); return; }
    set({ key });
    let done = 0;
    for (const [nth, { file }] of files.entries()) {
      await put(`${AT}/${key}/${nth}`, file, (sent) => set({ sent: done + sent }), stopping.signal);
      done += file.size;
    }
    await read("");
  } catch (error) {
    if (stop === stopping) fail(error);
  }
}

export async function read(scene) {
  const { key } = now;
  set({ stage: "reading" });
  try {
    const told = await act(`${AT}/${key}/read`, { scene });
    if (now.key === key) set({ stage: "form", told });
  } catch (error) { if (now.key === key) fail(error); }
}

function fail(error) {
  takeBack();
  set({ ...EMPTY, problem: error.message });
}

/** Have it rendered; returns what the job is called. What is wrong is in the error, by field. */
export async function start(scene, job) {
  const told = await act(`${AT}/${now.key}/render`, { scene, job });
  set({ ...EMPTY });
  return told;
}

export function giveUp() {
  stop?.abort();
  stop = null;
  takeBack();
  set({ ...EMPTY });
}

function takeBack(key = now.key) {
  if (!key) return;
  fetch(`${AT}/${key}/discard`, { method: "POST", headers: { "x-frontburner": "1" }, keepalive: true }).catch(() => {});
}

addEventListener("pagehide", () => takeBack());
addEventListener("beforeunload", (event) => { if (now.stage === "sending") event.preventDefault(); });

function put(address, file, tell, signal) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest(); // fetch doesn't say how much of a body has gone
    request.open("PUT", address);
    request.setRequestHeader("x-frontburner", "1");
    request.upload.onprogress = (event) => tell(event.loaded);
    request.onload = () => (request.status < 300 ? done() : fail(new Error(reason(request))));
    request.onerror = () => fail(new Error("The connection broke while the files were sent. Drop them again."));
    request.onabort = () => fail(new Error("It was given up."));
    signal.addEventListener("abort", () => request.abort());
    if (signal.aborted) fail(new Error("It was given up."));
    else request.send(file);
  });
}

function reason(request) {
  try {
    const told = JSON.parse(request.responseText);
    return [told.reason, told.remedy].filter(Boolean).join(" ");
  } catch { return `The monitor answered ${request.status} to a file. Drop it again.`; }
}
