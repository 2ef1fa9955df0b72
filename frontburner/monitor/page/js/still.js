// A still that appears region by region and sharpens: parts as nodes finish them, over the last preview of the whole.
import { html, useEffect, useRef, useState } from "./view.js";
import { jobAddress } from "./controls.js";
import { Files, formatsOf } from "./pieces.js";
import { plural } from "./words.js";

const LONGER_PX = 960;
const AT_ONCE = 6;
const TRIES = 4;

const read = (place) => place.match(/\d+/g).map(Number); // s0-4_x0-64_y0-32

/** Draws onto a canvas what is there of a still, in the order it came. */
class Easel {
  constructor(canvas, job, region) {
    Object.assign(this, { canvas, job, region, pen: canvas.getContext("2d"), drawn: new Set(), waiting: [], busy: 0, cells: new Map(), parts: {}, preview: "", over: false });
    const [x0, y0, x1, y1] = region;
    this.scale = Math.min(1, LONGER_PX / Math.max(x1 - x0, y1 - y0));
    canvas.width = Math.max(1, Math.round((x1 - x0) * this.scale));
    canvas.height = Math.max(1, Math.round((y1 - y0) * this.scale));
  }

  show(still, runs, inPlace) {
    this.parts = still.parts || {};
    const preview = inPlace ? "in place" : still.preview ? `${runs}-${still.preview.samples}` : "";
    if (preview !== this.preview) {
      this.preview = preview;
      if (inPlace) this.cells.clear();
      if (preview) this.base(still.frame, preview, inPlace ? 0 : still.preview.samples);
    }
    for (const [place] of Object.entries(this.parts).sort(([, a], [, b]) => a - b)) {
      if (this.drawn.has(place)) continue;
      this.drawn.add(place);
      this.waiting.push([place, 0]);
    }
    this.work();
  }

  async base(frame, version, samples) {
    const kept = samples ? `&v=${version}` : ""; // a run may put another picture in place
    const picture = await load(`${jobAddress(this.job)}/frames/${frame}/small?px=720${kept}`);
    if (!picture || this.over || this.preview !== version) return;
    this.pen.globalAlpha = 1;
    this.pen.drawImage(picture, 0, 0, this.canvas.width, this.canvas.height);
    const newer = [...this.cells.entries()].filter(([, cell]) => cell.start >= samples);
    for (const [, cell] of newer) this.put(cell);
    this.have = samples;
  }

  work() {
    while (this.busy < AT_ONCE && this.waiting.length && !this.over) {
      const [place, tries] = this.waiting.shift();
      if (!(place in this.parts)) continue;
      this.busy++;
      this.part(place, tries).finally(() => { this.busy--; this.work(); });
    }
  }

  async part(place, tries) {
    const picture = await load(`${jobAddress(this.job)}/parts/${place}`);
    if (this.over || !(place in this.parts)) return; // those of a picture that is in place are gone
    if (!picture) { // it is kept a moment after its unit counts
      if (tries < TRIES) setTimeout(() => { this.waiting.push([place, tries + 1]); this.work(); }, 700 * (tries + 1));
      return;
    }
    const [start, stop, x0, x1, y0, y1] = read(place);
    const cell = { picture, start, stop, x0, x1, y0, y1 };
    this.cells.set(place, cell);
    if (start >= (this.have || 0)) this.put(cell);
  }

  put({ picture, start, stop, x0, x1, y0, y1 }) {
    const [left, top] = this.region, s = this.scale;
    const x = Math.round((x0 - left) * s), y = Math.round((y0 - top) * s);
    // The mean of all samples so far, as near as eyes can tell: each pass weighs as much as it has samples.
    this.pen.globalAlpha = (stop - start) / stop;
    this.pen.drawImage(picture, x, y, Math.round((x1 - left) * s) - x, Math.round((y1 - top) * s) - y);
    this.pen.globalAlpha = 1;
  }
}

async function load(address) {
  try {
    const answer = await fetch(address);
    return answer.status === 200 ? await createImageBitmap(await answer.blob()) : null;
  } catch { return null; }
}

export function Still({ job, all }) {
  const still = all.still, canvas = useRef(null), easel = useRef(null);
  const [whole, setWhole] = useState(false);
  const frame = Object.keys(all.frames)[0]; // the record may be a moment behind the list of jobs
  const done = job.written > 0 && !job.running && frame !== undefined;
  const region = still?.region?.join(",");
  useEffect(() => {
    if (!still || done || !canvas.current) return undefined;
    easel.current = new Easel(canvas.current, job.id, still.region);
    return () => { easel.current.over = true; easel.current = null; };
  }, [job.id, region, done]);
  const parts = Object.keys(still?.parts || {}), inPlace = all.frames[frame] === "p" && !parts.length;
  useEffect(() => { if (easel.current && still) easel.current.show(still, job.runs, inPlace); });
  if (done) return html`<${Finished} job=${job} whole=${whole} setWhole=${setWhole} frame=${frame}/>`;
  if (!still) return html`<div class="easel empty"><p>${job.running ? "The scene is being opened; its picture appears here." : "Nothing of it was rendered yet."}</p></div>`;
  const [x0, y0, x1, y1] = still.region;
  const at = Object.entries(still.at || {}).flatMap(([node, places]) => places.map((place) => [node, place]));
  return html`<figure class="easel">
    <div class="frame" style=${{ aspectRatio: `${x1 - x0} / ${y1 - y0}` }}>
      <canvas ref=${canvas} role="img" aria-label=${`${job.title} as far as it is rendered: ${Math.round(100 * job.fraction)} %`}></canvas>
      <svg class="at" viewBox=${`${x0} ${y0} ${x1 - x0} ${y1 - y0}`} preserveAspectRatio="none" aria-hidden="true">
        ${at.map(([node, [a, b, c, d]]) => html`<rect key=${`${node} ${a} ${b}`} x=${a} y=${b} width=${c - a} height=${d - b}/>`)}</svg>
      ${at.length <= 24 && at.map(([node, [a, b]]) => html`<span key=${node} class="by" style=${{ left: `${(100 * (a - x0)) / (x1 - x0)}%`, top: `${(100 * (b - y0)) / (y1 - y0)}%` }}>${node}</span>`)}
    </div>
    <figcaption>${inPlace ? "All of it is rendered" : still.preview ? still.preview.caption : parts.length ? `${plural(parts.length, "part")} so far` : job.running ? "The first samples are being rendered" : "As far as it was rendered"}
      ${still.region && html`<span class="dim"> · ${x1 - x0}×${y1 - y0}</span>`}</figcaption>
  </figure>`;
}

function Finished({ job, frame, whole, setWhole }) {
  const small = `${jobAddress(job.id)}/frames/${frame}/small?px=720&v=${job.runs}`;
  const file = (ending) => `${jobAddress(job.id)}/frames/${frame}/file.${ending}`;
  const [sharp, setSharp] = useState(""), browserShows = formatsOf(job).includes("png");
  useEffect(() => {
    if (!browserShows) return undefined;
    let over = false;
    fetch(file("png")).then(async (answer) => {
      if (answer.ok && !over) setSharp(URL.createObjectURL(await answer.blob()));
    }, () => {});
    return () => { over = true; };
  }, [job.id, job.runs, frame, browserShows]);
  useEffect(() => () => { if (sharp) URL.revokeObjectURL(sharp); }, [sharp]);
  return html`<figure class="easel" data-whole=${whole}>
    <div class="frame done"><button class="look" onClick=${() => setWhole(!whole)} aria-label=${whole ? "Fit the picture to the page" : "Show every pixel of the picture"}>
      <img src=${sharp || small} alt=${`${job.title}, finished`}/></button></div>
    <figcaption><${Files} job=${job} file=${file}/>
      <span class="dim">in ${job.out}</span></figcaption></figure>`;
}
