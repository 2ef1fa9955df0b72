// The frames of a sequence: a player with a strip of all frames, and a contact sheet for ten thousand frames or more.
import { html, useEffect, useMemo, useRef, useState } from "./view.js";
import { jobAddress, rerunFrames } from "./controls.js";
import { List, useWidth } from "./list.js";
import { Files } from "./pieces.js";
import { plural } from "./words.js";

const STATES = { w: "waiting", r: "rendering", s: "being stitched", p: "in place", f: "failed" };
const PRELOADED = 16;
const LOAD_TIMEOUT_MS = 1500;
const RATES = [6, 12, 24, 25, 30];

const thumbnail = (job, frame, px) => `${jobAddress(job.id)}/frames/${frame}/small?px=${px}&v=${job.runs}`;

export function Sheet({ job, frames, failures = {}, me }) {
  const numbers = useMemo(() => Object.keys(frames).map(Number).sort((a, b) => a - b), [frames]);
  const [at, setAt] = useState(null);
  const [playing, setPlaying] = useState(false);
  const [only, setOnly] = useState("");
  const box = useRef(null), width = useWidth(box);
  const counts = useMemo(() => {
    const found = {};
    for (const state of Object.values(frames)) found[state] = (found[state] || 0) + 1;
    return found;
  }, [frames]);
  const last = useMemo(() => numbers.findLast((frame) => frames[frame] === "p"), [frames]);
  const from = (at) => at ?? last ?? numbers[0], current = from(at);
  const shown = only ? numbers.filter((frame) => frames[frame] === only) : numbers;
  const columns = Math.max(2, Math.floor((width + 8) / 148));
  const height = Math.round(((width / columns) - 8) * 9 / 16) + 30;
  const pick = (frame) => { setPlaying(false); setAt(frame); };
  const step = (offset) => { // relative to the previous key press, which may not be rendered yet
    setPlaying(false);
    setAt((at) => numbers[Math.max(0, Math.min(numbers.length - 1, numbers.indexOf(from(at)) + offset))]);
  };
  if (!numbers.length) return html`<div class="viewer empty"><p>${job.running ? "The scene is being opened; its frames appear here." : "Its frames aren't known yet."}</p></div>`;
  return html`<div ref=${box}>
    <${Player} job=${job} numbers=${numbers} frames=${frames} current=${current} setAt=${setAt} pick=${pick} step=${step} playing=${playing} setPlaying=${setPlaying} failures=${failures} me=${me}/>
    <div class="head sheet-head"><h2>Contact sheet</h2>
      <div class="filter" role="group" aria-label="Show only frames that are">
        <button aria-pressed=${!only} onClick=${() => setOnly("")}>all <b>${numbers.length.toLocaleString("en-GB")}</b></button>
        ${["p", "r", "s", "w", "f"].filter((state) => counts[state]).map((state) => html`<button key=${state} data-frame=${state} aria-pressed=${only === state}
          onClick=${() => setOnly(only === state ? "" : state)}><i></i>${STATES[state]} <b>${counts[state].toLocaleString("en-GB")}</b></button>`)}
      </div></div>
    <${List} items=${shown} height=${height} gap=${8} columns=${columns} keyOf=${(frame) => frame} label="Frames" className="sheet"
      draw=${(frame, _, focus) => html`<${Cell} job=${job} frame=${frame} state=${frames[frame]} on=${frame === current} focus=${focus} pick=${() => pick(frame)}/>`}/>
  </div>`;
}

function Cell({ job, frame, state, on, focus, pick }) {
  return html`<button class="frame-cell" data-frame=${state} aria-pressed=${on} ...${focus} onClick=${pick} aria-label=${`Frame ${frame}, ${STATES[state]}`}>
    <span class="picture">${state === "p" && html`<img src=${thumbnail(job, frame, 160)} alt="" loading="lazy" decoding="async"/>`}</span>
    <span class="number"><i></i>${frame}</span></button>`;
}

/** Every frame as a bar in the colour of its state; if frames outnumber pixels, the most important state is shown. */
function Strip({ numbers, frames, current }) {
  const canvas = useRef(null);
  useEffect(() => {
    const draw = () => {
      const box = canvas.current;
      if (!box) return;
      const wide = Math.max(1, Math.round(box.clientWidth * devicePixelRatio)), pen = box.getContext("2d");
      const style = getComputedStyle(box);
      const colours = Object.fromEntries(Object.keys(STATES).map((state) => [state, style.getPropertyValue(`--frame-${state}`)]));
      if (box.width !== wide) { box.width = wide; box.height = 14; }
      pen.clearRect(0, 0, wide, 14);
      const each = wide / numbers.length;
      for (let x = 0; x < Math.min(wide, numbers.length); x++) {
        const from = numbers.length > wide ? Math.floor((x * numbers.length) / wide) : x;
        const to = numbers.length > wide ? Math.max(from + 1, Math.floor(((x + 1) * numbers.length) / wide)) : x + 1;
        let state = "p";
        for (let nth = from; nth < to; nth++) {
          const other = frames[numbers[nth]];
          if (other === "f") { state = "f"; break; }
          if (other === "r" || (other === "w" && state !== "r") || (other === "s" && state === "p")) state = other;
        }
        pen.fillStyle = colours[state];
        if (each >= 1) pen.fillRect(x * each, 0, Math.max(1, each - (each > 4 ? 1 : 0)), 14);
        else pen.fillRect(x, 0, 1, 14);
      }
    };
    draw();
    const watch = new ResizeObserver(draw);
    watch.observe(canvas.current);
    return () => watch.disconnect();
  }, [numbers, frames]);
  return html`<canvas class="strip" ref=${canvas} height="14" aria-hidden="true"></canvas>`;
}

/** Space plays and pauses, arrow keys step, unless the focused element uses these keys itself. */
function useKeys(toggle, step) {
  const handlers = useRef(null);
  handlers.current = { toggle, step };
  useEffect(() => {
    const pressed = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (event.target.closest?.("input, select, textarea, a, summary, .virtual-list, .events")) return;
      const offset = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (offset) handlers.current.step(offset);
      else if (event.key === " " && !event.target.closest?.("button")) handlers.current.toggle();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

function Player({ job, numbers, frames, current, setAt, pick, step, playing, setPlaying, failures, me }) {
  const [fps, setFps] = useState(24);
  const [shown, setShown] = useState(null);
  const index = numbers.indexOf(current);
  const cache = useRef(new Map()), isPlaying = useRef(playing);
  isPlaying.current = playing;
  const load = (frame) => {
    const address = thumbnail(job, frame, 720);
    if (!cache.current.has(address)) {
      const image = new Image();
      image.src = address;
      cache.current.set(address, image);
      if (cache.current.size > 4 * PRELOADED) cache.current.delete(cache.current.keys().next().value);
    }
    return cache.current.get(address);
  };
  const next = (from) => {
    for (let step = 1; step <= numbers.length; step++) {
      const frame = numbers[(from + step) % numbers.length];
      if (frames[frame] === "p") return frame;
    }
    return null;
  };
  useEffect(() => {
    if (!playing) return undefined;
    let due = performance.now(), timer = 0, nth = index;
    const tick = (at) => {
      if (!isPlaying.current) return; // shown as paused: it must not move
      timer = requestAnimationFrame(tick); // pauses while the page is hidden
      if (at < due) return;
      const frame = next(nth);
      for (let step = 0, look = frame; step < PRELOADED && look !== null; step++) { load(look); look = next(numbers.indexOf(look)); }
      if (frame === null || (!load(frame).complete && at - due < LOAD_TIMEOUT_MS)) return;
      nth = numbers.indexOf(frame);
      setAt(frame);
      due = Math.max(due + 1000 / fps, at); // lost time isn't caught up
    };
    timer = requestAnimationFrame(tick);
    return () => cancelAnimationFrame(timer);
  }, [playing, fps, numbers.length, frames]);
  useEffect(() => {
    if (frames[current] !== "p") { setShown(null); return undefined; }
    const image = load(current);
    let cancelled = false;
    const show = () => { if (!cancelled) setShown(image.src); };
    if (image.complete) show(); else image.addEventListener("load", show, { once: true });
    return () => { cancelled = true; };
  }, [current, frames[current], job.runs]);
  const state = frames[current], failure = failures[current];
  const count = numbers.filter((frame) => frames[frame] === "p").length;
  useKeys(() => count > 1 && setPlaying(!playing), step);
  const file = (ending) => `${jobAddress(job.id)}/frames/${current}/file.${ending}`;
  return html`<figure class="viewer player">
    <div class="frame player-screen" data-frame=${state}>
      ${shown && state === "p" ? html`<img src=${shown} alt=${`${job.title}, frame ${current}`}/>`
        : html`<div class="why"><p><b>Frame ${current}</b> ${failure ? "failed" : `is ${STATES[state]}`}</p>
          ${failure && html`<p>${failure.reason}</p>`}
          ${failure && me.operate && !job.running && html`<button onClick=${() => rerunFrames(job, String(current))}>Run frame ${current} again</button>`}</div>`}
    </div>
    <div class="player-controls">
      <button class="play" aria-pressed=${playing} disabled=${count < 2} onClick=${() => setPlaying(!playing)} aria-keyshortcuts="Space" title="Space" aria-label=${playing ? "Pause" : "Play the frames in place"}>
        <svg viewBox="0 0 16 16" aria-hidden="true">${playing ? html`<path d="M4 2.500h3v11H4zM9 2.500h3v11H9z"/>` : html`<path d="M4 2l10 6-10 6z"/>`}</svg></button>
      <div class="scrub"><${Strip} numbers=${numbers} frames=${frames} current=${current}/>
        <input type="range" min="0" max=${numbers.length - 1} value=${index} aria-label="Frame" aria-valuetext=${`frame ${current}, ${STATES[state]}`}
          onInput=${(event) => pick(numbers[Number(event.target.value)])}/></div>
      <output class="at-frame">${current}</output>
      <label class="fps"><span class="visually-hidden">Frames a second</span><select value=${fps} onChange=${(event) => setFps(Number(event.target.value))}>
        ${RATES.map((each) => html`<option key=${each} value=${each}>${each} fps</option>`)}</select></label>
    </div>
    <figcaption>${plural(count, "frame")} in place ${state === "p" && html`<span class="dim"> · frame ${current}: </span><${Files} job=${job} file=${file}/>`}</figcaption>
  </figure>`;
}
