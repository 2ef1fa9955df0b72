// All jobs, the running ones first: each with its picture, its progress, and when it will be ready.
import { html, useState } from "./view.js";
import { List, useMedia } from "./list.js";
import { Bar, EmptyPage, State } from "./pieces.js";
import { clock, percent, plural, span, tone } from "./words.js";
import { jobAddress } from "./controls.js";

export const jobPage = (id) => `#/job/${encodeURIComponent(id)}`;

export function picture(job, px) {
  if (!job.picture) return null;
  const [frame, version] = job.picture.split("?");
  return `${jobAddress(job.id)}/frames/${frame}/small?${version}&px=${px}`;
}

export function Thumb({ job, px = 320 }) {
  const address = picture(job, px);
  return html`<div class="thumb" data-empty=${!address}>${address && html`<img src=${address} alt="" loading="lazy" decoding="async"/>`}</div>`;
}

/** When a job will be ready, or how it ended, in one line. */
export function Ready({ job }) {
  const due = job.finish_by;
  if (!job.running) {
    const punctual = due?.made_it === true ? `, in time for ${clock(due.due)}` : due?.made_it === false ? `, late for ${clock(due.due)}` : "";
    return html`<span>${job.ended ? `ended ${clock(job.ended)}${punctual}` : job.state === "lost" ? `last heard from ${clock(job.last)}` : ""}</span>`;
  }
  if (job.waits) return html`<span data-tone="warn">${job.waits}</span>`;
  const late = due && due.spare_s < 0;
  return html`<span>${job.left_s === undefined ? "time left unknown" : html`<b>${span(job.left_s)}</b> left, ready ${clock(job.ends_at)}`}
    ${due && html`<span data-tone=${late ? "bad" : "done"} title=${due.sentence}> · ${late ? `${span(-due.spare_s)} late` : `${span(due.spare_s)} to spare`} for ${clock(due.due)}</span>`}</span>`;
}

const barTone = (job) => (job.running ? "hot" : tone(job.state));

function Row({ job, focus }) {
  return html`<a class="job" href=${jobPage(job.id)} ...${focus} data-running=${job.running}>
    <${Thumb} job=${job}/>
    <div class="job-name"><h3>${job.title}</h3><p>${[job.kind === "still" ? "still" : plural(job.frames, "frame"), job.renderer, job.id.split("-").pop()].filter(Boolean).join(" · ")}</p></div>
    <div class="job-state"><${State} of=${job.state}/>
      ${job.failed > 0 && html`<span class="failed">${plural(job.failed, "frame")} failed</span>`}</div>
    <div class="progress"><span class="percent">${percent(job.fraction)}</span>
      <${Bar} value=${job.fraction} of=${barTone(job)} label=${`${job.title}: done`} failed=${job.frames ? job.failed / job.frames : 0}/></div>
    <div class="job-time"><${Ready} job=${job}/>
      <p>${[job.kind === "sequence" && `${job.written.toLocaleString("en-GB")} of ${job.frames.toLocaleString("en-GB")} in place`,
        job.running && plural(job.nodes, "node"), job.efficiency !== undefined && `${percent(job.efficiency, 1)} efficient`].filter(Boolean).join(" · ")}</p></div>
  </a>`;
}

export function Jobs({ jobs, nodes, farm, looked }) {
  const [find, setFind] = useState("");
  const narrow = useMedia("(max-width: 760px)");
  const shown = find ? jobs.filter((job) => `${job.id} ${job.state} ${job.scene}`.toLowerCase().includes(find.toLowerCase())) : jobs;
  if (!jobs.length && looked) return html`<h1 class="visually-hidden">Jobs</h1><${NoJobs} farm=${farm} nodes=${nodes}/>`;
  const running = shown.filter((job) => job.running), earlier = shown.filter((job) => !job.running);
  const height = narrow ? 150 : 92, earlierHeight = narrow ? 128 : 92;
  return html`<h1 class="visually-hidden">Jobs</h1>
    ${running.length > 0 && html`<section><div class="head"><h2>Running</h2><span class="count">${running.length}</span></div>
      <${List} items=${running} height=${height} gap=${8} keyOf=${(job) => job.id} label="Running jobs" draw=${(job, _, focus) => html`<${Row} job=${job} focus=${focus}/>`}/></section>`}
    <section><div class="head"><h2>${running.length ? "Earlier" : "Jobs"}</h2><span class="count">${earlier.length.toLocaleString("en-GB")}</span>
      ${(jobs.length > 6 || find) && html`<input type="search" data-find placeholder="Find a job ( / )" aria-label="Find a job" value=${find} onInput=${(event) => setFind(event.target.value)}/>`}</div>
      ${earlier.length === 0 && find && html`<p class="dim">No job matches.</p>`}
      <${List} items=${earlier} height=${earlierHeight} gap=${8} keyOf=${(job) => job.id} label="Earlier jobs" draw=${(job, _, focus) => html`<${Row} job=${job} focus=${focus}/>`}/></section>`;
}

function NoJobs({ farm, nodes }) {
  if (farm.state === "none") {
    return html`<${EmptyPage} title="No jobs yet.">
      <p>${farm.reason} A job starts a temporary farm; a permanent one is started with</p>
      <pre>frontburner farm start</pre>
      <p>and a job is rendered with</p><pre>frontburner render scene.xml</pre></${EmptyPage}>`;
  }
  return html`<${EmptyPage} title="The farm is ready and has no jobs.">
    <p>${plural(nodes.length, "node")} ${nodes.length === 1 ? "waits" : "wait"} for one:</p><pre>frontburner render scene.xml</pre></${EmptyPage}>`;
}
