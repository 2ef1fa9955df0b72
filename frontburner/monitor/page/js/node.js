// A node: what it renders and rendered, the load of its machine, what is wrong and what to do.
import { html, useEffect, useRef } from "./view.js";
import { useFollow } from "./follow.js";
import { NodeControls } from "./controls.js";
import { EmptyPage, Fact, Glyph, State } from "./pieces.js";
import { jobPage } from "./jobs.js";
import { clock, clockSeconds, gib, plural, rate, span, tone } from "./words.js";

export function Node({ name, node, jobs, me }) {
  const all = useFollow(`api/stream/node/${encodeURIComponent(name)}`);
  if (!node) return html`<${EmptyPage} title=${`No node is called ${name}.`}><p>It may have left the farm.</p><p><a href="#/nodes">To the nodes</a></p></${EmptyPage}>`;
  const cores = node.threads || 1;
  return html`<article class="page-content">
    <div class="title"><p class="back"><a href="#/nodes">Nodes</a></p><h1>${node.name}</h1><${State} of=${node.state}/>
      ${me.operate && html`<${NodeControls} node=${node} jobs=${jobs}/>`}</div>
    <dl class="facts wide">
      ${node.job && html`<${Fact} name="job"><a href=${jobPage(node.job)}>${node.job}</a></${Fact}>`}
      ${node.doing && html`<${Fact} name="renders">${node.doing}</${Fact}>`}
      ${node.since && html`<${Fact} name="since">${clockSeconds(node.since)} <small>${span((Date.now() - new Date(node.since)) / 1000)}</small></${Fact}>`}
      ${node.rate > 0 && html`<${Fact} name="speed" title="Pixels × samples a second over its last units">${rate(node.rate)}</${Fact}>`}
      ${node.cpu_percent !== undefined && html`<${Fact} name="cpu">${Math.round(node.cpu_percent / cores)} % <small>of ${plural(cores, "thread")}</small></${Fact}>`}
      ${node.memory_bytes && html`<${Fact} name="memory">${gib(node.memory_used_bytes)} <small>of ${gib(node.memory_bytes)} GiB</small></${Fact}>`}
      <${Fact} name="units">${node.units || 0}</${Fact}>
      <${Fact} name="failures" of=${node.failures ? "bad" : undefined}>${node.failures || 0}</${Fact}>
    </dl>
    <${Problems} node=${node}/>
    ${all && html`<section class="card wide"><h2>Recent units</h2>
      ${all.spans?.length ? html`<${Spans} spans=${all.spans}/>` : html`<p class="dim">None for running jobs.</p>`}</section>`}
    ${all?.load?.length > 1 && html`<section class="card wide"><h2>Processor and memory</h2><${Load} load=${all.load} cores=${cores}/></section>`}
    ${all?.mishaps?.length > 0 && html`<section class="card wide"><h2>Failures</h2><ol class="events">
      ${all.mishaps.map(([at, reason, job]) => html`<li data-tone="warn" key=${at + reason}><time dateTime=${at}>${clockSeconds(at)}</time> ${reason} <a href=${jobPage(job)}>${job}</a></li>`)}</ol></section>`}
    <section class="card wide"><h2>Node</h2><dl class="properties">
      ${node.host && html`<div><dt>machine</dt><dd>${node.host}</dd></div>`}
      ${node.platform && html`<div><dt>system</dt><dd>${node.platform}</dd></div>`}
      <div><dt>renderers</dt><dd>${(node.renders || []).join(", ") || "not checked yet"}</dd></div>
      <div><dt>groups</dt><dd>${(node.groups || []).join(", ") || "none"}</dd></div>
      <div><dt>hours</dt><dd>${node.hours || "always"}</dd></div>
      ${node.yields && html`<div><dt>owner</dt><dd>The machine is given back as soon as somebody uses it. ${node.unseen ? `${node.unseen} It isn't given back for that.` : ""}</dd></div>`}
      ${node.excluded?.length > 0 && html`<div><dt>excluded from</dt><dd>${node.excluded.join(", ")}</dd></div>`}</dl></section>
  </article>`;
}

function Problems({ node }) {
  const problems = (node.problems || []).map((problem, nth) => [problem, node.remedies?.[nth] || `frontburner node check ${node.name} checks it again, and says what to do.`]);
  if (node.aside) problems.push([`A job has excluded it: ${node.aside}`, "It gets work again after a while. See its failures below."]);
  if (!problems.length && !node.why) return null;
  return html`<section class="problems" data-tone=${problems.length ? "warn" : tone(node.state)} aria-label="Why it takes no work">
    ${problems.map(([problem, remedy]) => html`<div key=${problem}><h2><${Glyph} of="warn"/> ${problem}</h2><p class="advice">${remedy}</p></div>`)}
    ${node.why && !problems.some(([problem]) => problem === node.why) && html`<p>It takes no work: ${node.why}.</p>`}</section>`;
}

function useCanvas(draw, deps) {
  const canvas = useRef(null);
  useEffect(() => {
    const paint = () => {
      const box = canvas.current;
      if (!box) return;
      const scale = devicePixelRatio, wide = box.clientWidth, high = box.clientHeight;
      box.width = wide * scale;
      box.height = high * scale;
      const pen = box.getContext("2d"), style = getComputedStyle(box);
      pen.scale(scale, scale);
      pen.font = `12px ${style.fontFamily}`;
      draw(pen, wide, high, (name) => style.getPropertyValue(name));
    };
    paint();
    const watch = new ResizeObserver(paint);
    watch.observe(canvas.current);
    return () => watch.disconnect();
  }, deps);
  return canvas;
}

function Spans({ spans }) {
  const from = Math.max(spans[0][0], spans.at(-1)[1] - 1800), to = spans.at(-1)[1], width = Math.max(1, to - from);
  const canvas = useCanvas((pen, wide, high, colour) => {
    const x = (at) => ((at - from) / width) * wide;
    pen.fillStyle = colour("--track");
    pen.fillRect(0, 4, wide, high - 24);
    for (const [begin, end, load, , counts] of spans) {
      if (end < from) continue;
      const left = x(Math.max(begin, from)), right = Math.max(left + 1, x(end) - 0.5), loaded = Math.min(right, x(begin + load));
      pen.fillStyle = colour(counts ? "--wall-hot" : "--wall-bad");
      pen.fillRect(left, 4, right - left, high - 24);
      if (loaded > left) { pen.fillStyle = colour("--wall-rest"); pen.fillRect(left, 4, loaded - left, high - 24); }
    }
    pen.fillStyle = colour("--dim");
    pen.textBaseline = "bottom";
    pen.fillText(clockSeconds(from * 1000), 0, high);
    pen.textAlign = "right";
    pen.fillText(clockSeconds(to * 1000), wide, high);
  }, [spans]);
  const summary = `${plural(spans.length, "unit")} from ${clock(new Date(spans[0][0] * 1000).toISOString())} on`;
  return html`<canvas ref=${canvas} class="plot low" role="img" aria-label=${summary}></canvas>
    <p class="key"><span><i data-of="hot"></i>rendering</span><span><i data-of="rest"></i>opening the scene</span><span><i data-of="bad"></i>discarded</span><span class="dim">${summary}</span></p>`;
}

function Load({ load, cores }) {
  const canvas = useCanvas((pen, wide, high, colour) => {
    const first = load[0][0], width = Math.max(1, load.at(-1)[0] - first);
    const line = (value, stroke, fill) => {
      pen.beginPath();
      load.forEach((each, nth) => {
        const x = ((each[0] - first) / width) * wide, y = high - 2 - Math.min(1, value(each)) * (high - 6);
        if (nth) pen.lineTo(x, y); else pen.moveTo(x, y);
      });
      pen.strokeStyle = stroke;
      pen.lineWidth = 1.5;
      pen.stroke();
      if (fill) { pen.lineTo(wide, high); pen.lineTo(0, high); pen.globalAlpha = 0.14; pen.fillStyle = stroke; pen.fill(); pen.globalAlpha = 1; }
    };
    pen.fillStyle = colour("--track");
    pen.fillRect(0, high - 1, wide, 1);
    line((each) => each[1] / 100 / cores, colour("--wall-hot"), true);
    line((each) => each[2], colour("--wall-rest"), false);
  }, [load]);
  const last = load.at(-1);
  return html`<canvas ref=${canvas} class="plot" role="img" aria-label=${`Processor ${Math.round(last[1] / cores)} %, memory ${Math.round(100 * last[2])} % now`}></canvas>
    <p class="key"><span><i data-of="hot"></i>processor</span><span><i data-of="rest"></i>memory</span><span class="dim">the last ${span(last[0] - load[0][0])}</span></p>`;
}
