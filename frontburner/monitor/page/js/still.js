// A still while it is rendered: finished parts are drawn over the last preview.
import { html, useEffect, useRef, useState } from "./view.js";
import { jobAddress } from "./controls.js";
import { Files, formatsOf } from "./pieces.js";
import { plural } from "./words.js";

const LONGER_PX = 960;
const MAX_REQUESTS = 6;
const MAX_RETRIES = 4;

const parsePlace = (place) => place.match(/\d+/g).map(Number); // s0-4_x0-64_y0-32

/** Draws the parts of a still onto a canvas, in the order they were finished. */
class Painter {
  constructor(canvas, job, region) {
    Object.assign(this, { canvas, job, region, pen: canvas.getContext("2d"), drawn: new Set(), queue: [], requests: 0, cells: new Map(), parts: {}, preview: "", stopped: false });
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
      if (preview) this.drawBase(still.frame, preview, inPlace ? 0 : still.preview.samples);
    }
    for (const [place] of Object.entries(this.parts).sort(([, a], [, b]) => a - b)) {
      if (this.drawn.has(place)) continue;
      this.drawn.add(place);
      this.queue.push([place, 0]);
    }
    this.loadParts();
  }

  async drawBase(frame, version, samples) {
    const query = samples ? `&v=${version}` : ""; // cacheable; another run may replace a finished picture
    const picture = await load(`${jobAddress(this.job)}/frames/${frame}/small?px=720${query}`);
    if (!picture || this.stopped || this.preview !== version) return;
    this.pen.globalAlpha = 1;
    this.pen.drawImage(picture, 0, 0, this.canvas.width, this.canvas.height);
    const newer = [...this.cells.entries()].filter(([, cell]) => cell.start >= samples);
    for (const [, cell] of newer) this.draw(cell);
    this.baseSamples = samples;
  }

  loadParts() {
    while (this.requests < MAX_REQUESTS && this.queue.length && !this.stopped) {
      const [place, tries] = this.queue.shift();
      if (!(place in this.parts)) continue;
      this.requests++;
      this.loadPart(place, tries).finally(() => { this.requests--; this.loadParts(); });
    }
  }

  async loadPart(place, tries) {
    const picture = await load(`${jobAddress(this.job)}/parts/${place}`);
    if (this.stopped || !(place in this.parts)) return; // parts of a finished picture are deleted
    if (!picture) { // it is stored shortly after its unit is finished
      if (tries < MAX_RETRIES) setTimeout(() => { this.queue.push([place, tries + 1]); this.loadParts(); }, 700 * (tries + 1));
      return;
    }
    const [start, stop, x0, x1, y0, y1] = parsePlace(place);
    const cell = { picture, start, stop, x0, x1, y0, y1 };
    this.cells.set(place, cell);
    if (start >= (this.baseSamples || 0)) this.draw(cell);
  }

  draw({ picture, start, stop, x0, x1, y0, y1 }) {
    const [left, top] = this.region, s = this.scale;
    const x = Math.round((x0 - left) * s), y = Math.round((y0 - top) * s);
    // Approximates the mean of all samples: each pass is weighted by its number of samples.
    this.pen.globalAlpha = (stop - start) / stop;
    this.pen.drawImage(picture, x, y, Math.round((x1 - left) * s) - x, Math.round((y1 - top) * s) - y);
    this.pen.globalAlpha = 1;
  }
}

async function load(address) {
  try {
    const response = await fetch(address);
    return response.status === 200 ? await createImageBitmap(await response.blob()) : null;
  } catch { return null; }
}

export function Still({ job, all }) {
  const still = all.still, canvas = useRef(null), painter = useRef(null);
  const [fullSize, setFullSize] = useState(false);
  const frame = Object.keys(all.frames)[0]; // the record may lag behind the list of jobs
  const done = job.written > 0 && !job.running && frame !== undefined;
  const region = still?.region?.join(",");
  useEffect(() => {
    if (!still || done || !canvas.current) return undefined;
    painter.current = new Painter(canvas.current, job.id, still.region);
    return () => { painter.current.over = true; painter.current = null; };
  }, [job.id, region, done]);
  const parts = Object.keys(still?.parts || {}), inPlace = all.frames[frame] === "p" && !parts.length;
  useEffect(() => { if (painter.current && still) painter.current.show(still, job.runs, inPlace); });
  if (done) return html`<${Finished} job=${job} fullSize=${fullSize} setFullSize=${setFullSize} frame=${frame}/>`;
  if (!still) return html`<div class="viewer empty"><p>${job.running ? "The scene is being opened; its picture appears here." : "Nothing has been rendered yet."}</p></div>`;
  const [x0, y0, x1, y1] = still.region;
  const at = Object.entries(still.at || {}).flatMap(([node, places]) => places.map((place) => [node, place]));
  return html`<figure class="viewer">
    <div class="frame" style=${{ aspectRatio: `${x1 - x0} / ${y1 - y0}` }}>
      <canvas ref=${canvas} role="img" aria-label=${`${job.title} as far as it is rendered: ${Math.round(100 * job.fraction)} %`}></canvas>
      <svg class="in-flight" viewBox=${`${x0} ${y0} ${x1 - x0} ${y1 - y0}`} preserveAspectRatio="none" aria-hidden="true">
        ${at.map(([node, [a, b, c, d]]) => html`<rect key=${`${node} ${a} ${b}`} x=${a} y=${b} width=${c - a} height=${d - b}/>`)}</svg>
      ${at.length <= 24 && at.map(([node, [a, b]]) => html`<span key=${node} class="node-label" style=${{ left: `${(100 * (a - x0)) / (x1 - x0)}%`, top: `${(100 * (b - y0)) / (y1 - y0)}%` }}>${node}</span>`)}
    </div>
    <figcaption>${inPlace ? "Completely rendered" : still.preview ? still.preview.caption : parts.length ? `${plural(parts.length, "part")} so far` : job.running ? "The first samples are being rendered" : "As far as it was rendered"}
      ${still.region && html`<span class="dim"> · ${x1 - x0}×${y1 - y0}</span>`}</figcaption>
  </figure>`;
}

function Finished({ job, frame, fullSize, setFullSize }) {
  const thumbnail = `${jobAddress(job.id)}/frames/${frame}/small?px=720&v=${job.runs}`;
  const file = (ending) => `${jobAddress(job.id)}/frames/${frame}/file.${ending}`;
  const [original, setOriginal] = useState(""), browserShows = formatsOf(job).includes("png");
  useEffect(() => {
    if (!browserShows) return undefined;
    let cancelled = false;
    fetch(file("png")).then(async (response) => {
      if (response.ok && !cancelled) setOriginal(URL.createObjectURL(await response.blob()));
    }, () => {});
    return () => { cancelled = true; };
  }, [job.id, job.runs, frame, browserShows]);
  useEffect(() => () => { if (original) URL.revokeObjectURL(original); }, [original]);
  return html`<figure class="viewer" data-full-size=${fullSize}>
    <div class="frame done"><button class="zoom" onClick=${() => setFullSize(!fullSize)} aria-label=${fullSize ? "Fit the picture to the page" : "Show every pixel of the picture"}>
      <img src=${original || thumbnail} alt=${`${job.title}, finished`}/></button></div>
    <figcaption><${Files} job=${job} file=${file}/>
      <span class="dim">in ${job.out}</span></figcaption></figure>`;
}
