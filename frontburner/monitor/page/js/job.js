// A job: its picture or frames, its progress and nodes, what went wrong and what to do.
import { html, useState } from "./view.js";
import { useFollow } from "./follow.js";
import { JobControls, jobAddress } from "./controls.js";
import { Bar, EmptyPage, Fact, Glyph, State } from "./pieces.js";
import { Still } from "./still.js";
import { Sheet } from "./sheet.js";
import { Ready } from "./jobs.js";
import { clock, clockSeconds, percent, plural, rate, tone } from "./words.js";

export function Job({ id, job, looked, expected, nodes, me, dashboard }) {
  const all = useFollow(`api/stream/job/${encodeURIComponent(id)}`);
  if (!job && expected) return html`<${EmptyPage} title=${id}><p role="status">${expected}</p><p><a href="#/jobs">To the jobs</a></p></${EmptyPage}>`;
  if (!job) {
    return looked ? html`<${EmptyPage} title="There is no such job here."><p><code>frontburner job list</code> lists all jobs.</p><p><a href="#/jobs">To the jobs</a></p></${EmptyPage}>`
      : html`<p class="placeholder">Reading ${id} …</p>`;
  }
  return html`<article class="page-content" data-running=${job.running}>
    <div class="title"><p class="back"><a href="#/jobs">Jobs</a></p><h1>${job.title}</h1><${State} of=${job.state}/>
      ${me.operate && html`<${JobControls} job=${job}/>`}</div>
    <${JobProgress} job=${job}/>
    <${Problems} job=${job} all=${all}/>
    <div class="columns">
      <section class="pictures">
        ${!all || all.frames === undefined ? html`<p class="placeholder">Reading its record …</p>`
          : job.kind === "still" ? html`<${Still} job=${job} all=${all}/>` : html`<${Sheet} job=${job} frames=${all.frames} failures=${all.failures} me=${me}/>`}
      </section>
      ${all && all.frames !== undefined && html`<div class="sidebar">
        <${NodeTable} all=${all} nodes=${nodes} running=${job.running}/>
        <${Figures} job=${job} all=${all}/>
        <${Properties} job=${job} all=${all} dashboard=${dashboard}/>
        <${Events} lines=${all.lines || {}}/>
      </div>`}
    </div>
  </article>`;
}

function JobProgress({ job }) {
  const due = job.finish_by;
  return html`<div class="job-progress">
    <div class="progress-line"><span class="large-percent">${percent(job.fraction, job.kind === "sequence" && job.frames > 200 ? 1 : 0)}</span>
      <p><${Ready} job=${job}/></p></div>
    <${Bar} value=${job.fraction} of=${job.running ? "hot" : tone(job.state)} label="Done" failed=${job.frames ? job.failed / job.frames : 0}/>
    <dl class="facts">
      ${job.kind === "sequence" && html`<${Fact} name="in place">${job.written.toLocaleString("en-GB")} <small>of ${job.frames.toLocaleString("en-GB")}</small></${Fact}>`}
      ${job.failed > 0 && html`<${Fact} name="failed" of="bad">${job.failed}</${Fact}>`}
      <${Fact} name=${job.running ? "nodes" : "nodes so far"}>${job.nodes}</${Fact}>
      ${job.efficiency !== undefined && html`<${Fact} name="efficiency" title="Fraction of the nodes' time that went into pixels of the picture">${percent(job.efficiency, 1)}</${Fact}>`}
      ${job.noise !== undefined && html`<${Fact} name="noise">${percent(job.noise, 1)}</${Fact}>`}
      ${due && html`<${Fact} name="finish by" title=${due.sentence} of=${due.spare_s < 0 ? "bad" : "done"}>${clock(due.due)}</${Fact}>`}
      <${Fact} name="started">${clock(job.started)}</${Fact}>
      ${!job.running && job.ended && html`<${Fact} name="ended">${clock(job.ended)}</${Fact}>`}
    </dl>
    ${job.build_sentence && html`<p class="dim">${job.build_sentence}</p>`}</div>`;
}

function Problems({ job, all }) {
  const failures = Object.entries(all?.failures || {});
  const flagged = Object.entries(all?.flagged || {}).sort(([a], [b]) => a - b);
  const notes = [];
  if (job.noted) notes.push(job.noted);
  if (job.sentence && !["completed"].includes(job.state) && !failures.length) notes.push(job.sentence);
  if (!failures.length && !flagged.length && !job.advice && !notes.length && !(job.finish_by?.sentence && job.finish_by.spare_s < 0 && job.running)) return null;
  const why = {};
  for (const [frame, failure] of failures) (why[failure.reason] ||= []).push([Number(frame), failure.last_words]);
  return html`<section class="problems" aria-label="What is wrong, and what to do" data-tone=${failures.length ? "bad" : flagged.length ? "warn" : tone(job.state)}>
    ${Object.entries(why).slice(0, 8).map(([reason, frames]) => html`<div><h2><${Glyph} of="bad"/>
      ${frames.length === 1 ? `Frame ${frames[0][0]} failed` : `${frames.length} frames failed: ${listed(frames.map(([frame]) => frame))}`}</h2>
      <p>${reason}</p>${frames[0][1] && html`<details><summary>The end of the renderer's output</summary><pre>${frames[0][1]}</pre></details>`}</div>`)}
    ${Object.keys(why).length > 8 && html`<p>… and ${Object.keys(why).length - 8} other reasons.</p>`}
    ${flagged.length > 0 && html`<div><h2 class="odd"><${Glyph} of="warn"/> ${flagged.length === 1 ? "A frame is flagged" : `${flagged.length} frames are flagged`}</h2>
      <ul>${flagged.slice(0, 12).map(([frame, reason]) => html`<li key=${frame}>Frame ${frame}: ${reason}</li>`)}</ul>${flagged.length > 12 && html`<p>… and ${flagged.length - 12} more.</p>`}</div>`}
    ${notes.map((note) => html`<p>${note}</p>`)}
    ${job.running && job.finish_by?.spare_s < 0 && html`<p>${job.finish_by.sentence}</p>`}
    ${job.advice && html`<p class="advice">${job.advice}</p>`}
  </section>`;
}

function listed(frames) {
  const runs = [];
  for (const frame of frames.sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && frame === last[1] + 1) last[1] = frame;
    else runs.push([frame, frame]);
  }
  const text = runs.slice(0, 12).map(([from, to]) => (from === to ? from : `${from}–${to}`)).join(", ");
  return runs.length > 12 ? `${text} …` : text;
}

const SHORT_LIST = 12;

function NodeTable({ all, nodes, running }) {
  const [expanded, setExpanded] = useState(false);
  const list = Object.entries(all.nodes || {}).filter(([, node]) => running || node.units || node.mishaps);
  list.sort(([a, x], [b, y]) => (Boolean(y.doing) - Boolean(x.doing)) || (y.busy_s - x.busy_s) || a.localeCompare(b, "en", { numeric: true }));
  const shown = expanded ? list.slice(0, 200) : list.slice(0, SHORT_LIST);
  if (!list.length) return html`<section class="card"><h2>Nodes</h2><p class="dim">${running ? "No node has joined yet." : "No node rendered anything."}</p></section>`;
  return html`<section class="card"><h2>Nodes <span class="count">${list.length}</span></h2>
    <table class="node-table"><thead><tr><th scope="col">node</th><th scope="col">${running ? "renders" : ""}</th><th scope="col" class="n">units</th><th scope="col" class="n">speed</th></tr></thead>
    <tbody>${shown.map(([name, node]) => html`<tr key=${name} data-doing=${Boolean(node.doing)}>
      <th scope="row">${nodes[name] ? html`<a href=${`#/node/${encodeURIComponent(name)}`}>${name}</a>` : name}</th>
      <td>${node.doing || (node.said && running ? html`<span data-tone="warn">${node.said}</span>` : "")}${node.mishaps > 0 && html` <span data-tone="bad">${plural(node.mishaps, "failure")}</span>`}</td>
      <td class="n">${node.units.toLocaleString("en-GB")}</td><td class="n">${rate(node.rate)}</td></tr>`)}</tbody></table>
    ${list.length > SHORT_LIST && html`<button class="quiet" onClick=${() => setExpanded(!expanded)}>${expanded ? "Fewer" : `All ${list.length}`}</button>`}
  </section>`;
}

function Figures({ job, all }) {
  const entries = Object.entries(all.figures || {});
  if (!entries.length && !all.chart) return null;
  return html`<section class="card"><h2>${job.running || job.state === "lost" ? "So far" : "Report"}</h2>
    <dl class="properties">${entries.map(([name, text]) => html`<div key=${name}><dt>${name}</dt><dd>${text}</dd></div>`)}</dl>
    ${all.chart && html`<a class="chart" href=${`${jobAddress(job.id)}/chart.png`} target="_blank"><img src=${`${jobAddress(job.id)}/chart.png?v=${job.runs}-${encodeURIComponent(job.ended || "")}`} loading="lazy"
      alt="Chart: what each node did when, where its time went, and which parts of the picture were expensive"/></a>`}
  </section>`;
}

function Properties({ job, all, dashboard }) {
  const fields = Object.entries(all.job || {}).filter(([name]) => !["scene", "out", "name"].includes(name));
  return html`<section class="card"><h2>Job</h2>
    <dl class="properties">
      <div><dt>identity</dt><dd><code>${job.id}</code></dd></div>
      <div><dt>scene</dt><dd><code>${job.scene}</code></dd></div>
      <div><dt>pictures</dt><dd><code>${job.out}</code></dd></div>
      ${Object.entries(all.products || {}).map(([name, where]) => html`<div key=${name}><dt>${name}</dt><dd><code>${where}</code></dd></div>`)}
    </dl>
    <p class="links">${job.flow_run && html`<a href=${job.flow_run} target="_blank" rel="noreferrer">Run in Prefect</a>`}
      ${dashboard && html`<a href=${dashboard} target="_blank" rel="noreferrer">Dask dashboard</a>`}</p>
    <details><summary>All fields of the job</summary>
      <dl class="properties">${fields.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${Array.isArray(value) ? value.join(", ") : typeof value === "object" ? JSON.stringify(value) : String(value)}</dd></div>`)}</dl></details>
    <details><summary>${plural(Object.keys(all.runs || {}).length, "run")}</summary>
      <table class="node-table"><thead><tr><th scope="col">run</th><th scope="col">state</th><th scope="col">started</th><th scope="col">ended</th><th scope="col">on</th></tr></thead>
      <tbody>${Object.entries(all.runs || {}).reverse().map(([nth, run]) => html`<tr key=${nth}><th scope="row">${nth}</th><td><${State} of=${run.state}/></td>
        <td>${clock(run.started)}</td><td>${clock(run.ended)}</td><td>${run.host}</td></tr>`)}</tbody></table></details>
  </section>`;
}

function Events({ lines }) {
  const list = Object.entries(lines).sort(([a], [b]) => b - a).slice(0, 60);
  if (!list.length) return null;
  return html`<section class="card"><h2>Events</h2><ol class="events" tabIndex="0" aria-label="Events, the last one first">
    ${list.map(([nth, [at, text]]) => html`<li key=${nth} data-tone=${/fail|lost|refused|set aside|excluded|damaged|away|unavailable/.test(text) ? "warn" : undefined}><time dateTime=${at}>${clockSeconds(at)}</time> ${text}</li>`)}</ol></section>`;
}
