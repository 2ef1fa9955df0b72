// A sequence: a strip of all frames, a screen that plays those in place, and a contact sheet of ten thousand or more.
import { html, useEffect, useMemo, useRef, useState } from "./view.js";
import { jobAddress, rerunFrames } from "./controls.js";
import { List, useWidth } from "./list.js";
import { plural } from "./words.js";

const FULL = { w: "waiting", r: "rendering", s: "being stitched", p: "in place", f: "failed" };
const AHEAD = 16;
const RATES = [6, 12, 24, 25, 30];

const small = (job, frame, px) => `${jobAddress(job.id)}/frames/${frame}/small?px=${px}&v=${job.runs}`;

export function Sheet({ job, frames, failures = {}, me }) {
  const numbers = useMemo(() => Object.keys(frames).map(Number).sort((a, b) => a - b), [frames]);
  const [at, setAt] = useState(null);
  const [only, setOnly] = useState("");
  const box = useRef(null), width = useWidth(box);
  const counts = useMemo(() => {
    const found = {};
    for (const state of Object.values(frames)) found[state] = (found[state] || 0) + 1;
    return found;
  }, [frames]);
  const last = useMemo(() => numbers.findLast((frame) => frames[frame] === "p"), [frames]);
  const current = at ?? last ?? numbers[0];
  const shown = only ? numbers.filter((frame) => frames[frame] === only) : numbers;
  const columns = Math.max(2, Math.floor((width + 8) / 148));
  const height = Math.round(((width / columns) - 8) * 9 / 16) + 30;
  if (!numbers.length) return html`<div class="easel empty"><p>${job.running ? "The scene is being opened; its frames appear here." : "Nothing is known of its frames yet."}</p></div>`;
  return html`<div ref=${box}>
    <${Player} job=${job} numbers=${numbers} frames=${frames} current=${current} setAt=${setAt} failures=${failures} me=${me}/>
    <div class="head sheet-head"><h2>Contact sheet</h2>
      <div class="sieve" role="group" aria-label="Show only frames that are">
        <button aria-pressed=${!only} onClick=${() => setOnly("")}>all <b>${numbers.length.toLocaleString("en-GB")}</b></button>
        ${["p", "r", "s", "w", "f"].filter((state) => counts[state]).map((state) => html`<button key=${state} data-frame=${state} aria-pressed=${only === state}
          onClick=${() => setOnly(only === state ? "" : state)}><i></i>${FULL[state]} <b>${counts[state].toLocaleString("en-GB")}</b></button>`)}
      </div></div>
    <${List} items=${shown} height=${height} gap=${8} columns=${columns} keyOf=${(frame) => frame} label="Frames" className="sheet"
      draw=${(frame, _, focus) => html`<${Cell} job=${job} frame=${frame} state=${frames[frame]} on=${frame === current} focus=${focus} pick=${() => setAt(frame)}/>`}/>
  </div>`;
}

function Cell({ job, frame, state, on, focus, pick }) {
  return html`<button class="shot" data-frame=${state} aria-pressed=${on} ...${focus} onClick=${pick} aria-label=${`Frame ${frame}, ${FULL[state]}`}>
    <span class="picture">${state === "p" && html`<img src=${small(job, frame, 160)} alt="" loading="lazy" decoding="async"/>`}</span>
    <span class="number"><i></i>${frame}</span></button>`;
}

/** Every frame as a stroke of its state's colour; where there are more than pixels, the one that matters most. */
function Strip({ numbers, frames, current }) {
  const canvas = useRef(null);
  useEffect(() => {
    const draw = () => {
      const box = canvas.current;
      if (!box) return;
      const wide = Math.max(1, Math.round(box.clientWidth * devicePixelRatio)), pen = box.getContext("2d");
      const style = getComputedStyle(box);
      const colours = Object.fromEntries(Object.keys(FULL).map((state) => [state, style.getPropertyValue(`--frame-${state}`)]));
      if (box.width !== wide) { box.width = wide; box.height = 14; }
      pen.clearRect(0, 0, wide, 14);
      const each = wide / numbers.length;
      for (let x = 0; x < Math.min(wide, numbers.length); x++) {
        const from = numbers.length > wide ? Math.floor((x * numbers.length) / wide) : x;
        const to = numbers.length > wide ? Math.max(from + 1, Math.floor(((x + 1) * numbers.length) / wide)) : x + 1;
        let state = "p";
        for (let nth = from; nth < to; nth++) {
          const one = frames[numbers[nth]];
          if (one === "f") { state = "f"; break; }
          if (one === "r" || (one === "w" && state !== "r") || (one === "s" && state === "p")) state = one;
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

function Player({ job, numbers, frames, current, setAt, failures, me }) {
  const [plays, setPlays] = useState(false);
  const [fps, setFps] = useState(24);
  const [shown, setShown] = useState(null);
  const place = numbers.indexOf(current);
  const ahead = useRef(new Map());
  const fetched = (frame) => {
    const address = small(job, frame, 720);
    if (!ahead.current.has(address)) {
      const image = new Image();
      image.src = address;
      ahead.current.set(address, image);
      if (ahead.current.size > 4 * AHEAD) ahead.current.delete(ahead.current.keys().next().value);
    }
    return ahead.current.get(address);
  };
  const next = (from) => {
    for (let step = 1; step <= numbers.length; step++) {
      const frame = numbers[(from + step) % numbers.length];
      if (frames[frame] === "p") return frame;
    }
    return null;
  };
  useEffect(() => {
    if (!plays) return undefined;
    let due = performance.now(), timer = 0, nth = place;
    const tick = () => {
      let frame = next(nth), look = frame;
      for (let step = 0; step < AHEAD && look !== null; step++) { fetched(look); look = next(numbers.indexOf(look)); }
      const image = frame === null ? null : fetched(frame);
      if (image && (image.complete || performance.now() - due > 1500)) { nth = numbers.indexOf(frame); setAt(frame); due = performance.now(); }
      timer = setTimeout(tick, 1000 / fps);
    };
    timer = setTimeout(tick, 0);
    return () => clearTimeout(timer);
  }, [plays, fps, numbers.length, frames]);
  useEffect(() => {
    if (frames[current] !== "p") { setShown(null); return undefined; }
    const image = fetched(current);
    let over = false;
    const show = () => { if (!over) setShown(image.src); };
    if (image.complete) show(); else image.addEventListener("load", show, { once: true });
    return () => { over = true; };
  }, [current, frames[current], job.runs]);
  const state = frames[current], failure = failures[current];
  const count = numbers.filter((frame) => frames[frame] === "p").length;
  const file = (ending) => `${jobAddress(job.id)}/frames/${current}/file.${ending}`;
  return html`<figure class="easel player">
    <div class="frame screen" data-frame=${state}>
      ${shown && state === "p" ? html`<img src=${shown} alt=${`${job.title}, frame ${current}`}/>`
        : html`<div class="why"><p><b>Frame ${current}</b> ${failure ? "failed" : `is ${FULL[state]}`}</p>
          ${failure && html`<p>${failure.reason}</p>`}
          ${failure && me.operate && !job.running && html`<button onClick=${() => rerunFrames(job, String(current))}>Run frame ${current} again</button>`}</div>`}
    </div>
    <div class="deck">
      <button class="play" aria-pressed=${plays} disabled=${count < 2} onClick=${() => setPlays(!plays)} aria-label=${plays ? "Pause" : "Play the frames in place"}>
        <svg viewBox="0 0 16 16" aria-hidden="true">${plays ? html`<path d="M4 2.500h3v11H4zM9 2.500h3v11H9z"/>` : html`<path d="M4 2l10 6-10 6z"/>`}</svg></button>
      <div class="scrub"><${Strip} numbers=${numbers} frames=${frames} current=${current}/>
        <input type="range" min="0" max=${numbers.length - 1} value=${place} aria-label="Frame" aria-valuetext=${`frame ${current}, ${FULL[state]}`}
          onInput=${(event) => { setPlays(false); setAt(numbers[Number(event.target.value)]); }}/></div>
      <output class="at-frame">${current}</output>
      <label class="fps"><span class="aloud">Frames a second</span><select value=${fps} onChange=${(event) => setFps(Number(event.target.value))}>
        ${RATES.map((each) => html`<option key=${each} value=${each}>${each} fps</option>`)}</select></label>
    </div>
    <figcaption>${plural(count, "frame")} in place ${state === "p" && html`<span class="dim"> · frame ${current}: </span><a href=${file("png")} target="_blank">PNG</a> <a href=${file("exr")} target="_blank">EXR</a>`}</figcaption>
  </figure>`;
}
