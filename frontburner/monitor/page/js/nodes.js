// All nodes: a wall of squares for an overview, and a list.
import { html, useEffect, useMemo, useRef, useState } from "./view.js";
import { List, useMedia, useWidth } from "./list.js";
import { Dialog, EmptyPage, State, toast } from "./pieces.js";
import { clockSeconds, gib, plural, rate, span, tone } from "./words.js";
import { act } from "./follow.js";

export const nodePage = (name) => `#/node/${encodeURIComponent(name)}`;

const ORDER = ["not ready", "gone", "rendering", "idle", "doesn't answer", "draining", "paused", "in use", "off hours"];

export function Meter({ value, label, full }) {
  return html`<span class="meter" title=${label}><i style=${{ transform: `scaleX(${Math.min(1, value || 0)})` }} data-high=${full && value > 0.9}></i></span>`;
}

function Row({ node, focus, narrow }) {
  const memory = node.memory_bytes ? node.memory_used_bytes / node.memory_bytes : undefined;
  const cores = node.threads || 1;
  const why = node.problems?.[0] || node.aside || node.why;
  const doing = node.doing || why || (node.job && `assigned to ${node.job}`) || "";
  return html`<div class="node">
    <span class="name" role="cell"><a href=${nodePage(node.name)} ...${focus}>${node.name}</a></span>
    <span role="cell" class="node-state"><${State} of=${node.state}/></span>
    <span role="cell" class="doing" data-tone=${why && !node.doing ? "warn" : undefined}>${node.doing && node.job && html`<b>${node.job.replace(/-[0-9a-f]{8}$/, "")}</b> `}${doing}</span>
    <span role="cell" class="n">${node.since && node.state === "rendering" ? span((Date.now() - new Date(node.since)) / 1000) : ""}</span>
    <span role="cell" class="n speed">${rate(node.rate)}</span>
    <span role="cell" class="load">${node.cpu_percent === undefined ? "" : html`<${Meter} value=${node.cpu_percent / 100 / cores} label=${`${Math.round(node.cpu_percent)} % of a core`}/><span class="n">${Math.round(node.cpu_percent / cores)} %</span>`}</span>
    <span role="cell" class="load">${memory === undefined ? "" : html`<${Meter} full value=${memory} label=${`${gib(node.memory_used_bytes)} of ${gib(node.memory_bytes)} GiB`}/><span class="n">${gib(node.memory_used_bytes)}</span>`}</span>
    <span role="cell" class="n units">${node.units || ""}</span>
    <span role="cell" class="n" data-tone=${node.failures ? "bad" : undefined}>${node.failures || ""}</span>
  </div>`;
}

const HEAD = ["node", "state", "renders", "since", "speed", "cpu", "memory, GiB", "units", "failures"];

export function Nodes({ nodes, jobs, farm, me }) {
  const [find, setFind] = useState(""), [only, setOnly] = useState("");
  const narrow = useMedia("(max-width: 760px)");
  const counts = useMemo(() => nodes.reduce((found, node) => ({ ...found, [node.state]: (found[node.state] || 0) + 1 }), {}), [nodes]);
  const query = find.toLowerCase();
  const shown = nodes.filter((node) => (!only || node.state === only)
    && (!query || `${node.name} ${node.host || ""} ${node.job || ""} ${(node.groups || []).join(" ")} ${node.state}`.toLowerCase().includes(query)));
  if (!nodes.length) {
    return html`<h1 class="visually-hidden">Nodes</h1><${EmptyPage} title=${farm.state === "there" ? "The farm has no node." : "No farm runs here."}>
      ${me.invite && farm.state === "there" ? html`<${Invite}/>` : html`<p>${farm.state === "there" ? "Start one on a machine with" : farm.reason || ""}</p>
      <pre>${farm.state === "there" ? "frontburner node start" : "frontburner farm start"}</pre>`}</${EmptyPage}>`;
  }
  return html`<h1 class="visually-hidden">Nodes</h1>
    <${Wall} nodes=${nodes}/>
    <div class="head"><h2>Nodes</h2>${me.invite && html`<${Invite}/>`}
      <div class="filter" role="group" aria-label="Show only nodes that are">
        <button aria-pressed=${!only} onClick=${() => setOnly("")}>all <b>${nodes.length.toLocaleString("en-GB")}</b></button>
        ${ORDER.filter((state) => counts[state]).map((state) => html`<button key=${state} aria-pressed=${only === state} data-tone=${tone(state)}
          onClick=${() => setOnly(only === state ? "" : state)}><i></i>${state} <b>${counts[state].toLocaleString("en-GB")}</b></button>`)}
      </div>
      <input type="search" data-find placeholder="Find a node ( / )" aria-label="Find a node" value=${find} onInput=${(event) => setFind(event.target.value)}/></div>
    <div class="nodes" role="table" aria-label="Nodes" aria-rowcount=${shown.length + 1}>
      <div role="rowgroup"><div class="node header-row" role="row" aria-rowindex="1">${HEAD.map((name, nth) => html`<span role="columnheader" class=${nth > 2 ? "n" : ""} key=${name}>${name}</span>`)}</div></div>
      <${List} items=${shown} height=${narrow ? 74 : 38} kind="rows" keyOf=${(node) => node.name} draw=${(node, _, focus) => html`<${Row} node=${node} focus=${focus} narrow=${narrow}/>`}/>
    </div>
    ${!shown.length && html`<p class="dim">No node matches.</p>`}
    <${Licences} licences=${farm.licences || {}} nodes=${nodes} me=${me}/>`;
}

const SYSTEMS = [["windows", "Windows: paste it into PowerShell"], ["unix", "Linux or macOS: paste it into a terminal"]];

/** A button that makes an invitation, and shows its commands: each makes a machine a node. */
function Invite() {
  const [made, setMade] = useState(null);
  const make = async () => { try { setMade(await act("api/invitations")); } catch (error) { toast(error.message, true); } };
  const copy = async (command) => { await navigator.clipboard.writeText(command); toast("Copied."); };
  return html`<button onClick=${make}>Add a machine …</button>
    ${made && html`<${Dialog} title="Add a machine" go="Done" onGo=${() => {}} onClose=${() => setMade(null)}>
      <p>One of these, on the machine, makes it a node of this farm. They are valid for ${plural(made.minutes, "minute")}, and not shown again.</p>
      ${SYSTEMS.map(([kind, title]) => html`<label key=${kind}>${title}
        <textarea class="command" readonly rows="3" onFocus=${(event) => event.target.select()}>${made.commands[kind]}</textarea></label>
        <button type="button" onClick=${() => copy(made.commands[kind])} aria-label=${`Copy the command for ${title.split(":")[0]}`}>Copy</button>`)}
    </${Dialog}>`}`;
}

/** Every node as a square in the colour of its state. */
function Wall({ nodes }) {
  const box = useRef(null), canvas = useRef(null), width = useWidth(box);
  const size = nodes.length > 400 ? 10 : nodes.length > 60 ? 16 : 26, gap = nodes.length > 400 ? 2 : 3;
  const columns = Math.max(1, Math.floor((width + gap) / (size + gap))), rows = Math.ceil(nodes.length / columns);
  useEffect(() => {
    const pen = canvas.current.getContext("2d"), scale = devicePixelRatio, style = getComputedStyle(canvas.current);
    canvas.current.width = width * scale;
    canvas.current.height = rows * (size + gap) * scale;
    pen.scale(scale, scale);
    const colours = Object.fromEntries(["hot", "done", "bad", "warn", "rest", "still"].map((each) => [each, style.getPropertyValue(`--wall-${each}`)]));
    nodes.forEach((node, nth) => {
      const x = (nth % columns) * (size + gap), y = Math.floor(nth / columns) * (size + gap), of = tone(node.state);
      pen.fillStyle = colours[of];
      pen.beginPath();
      pen.roundRect(x, y, size, size, size / 5);
      pen.fill();
      if (node.failures && of === "hot") { pen.fillStyle = colours.bad; pen.beginPath(); pen.roundRect(x + size * 0.6, y, size * 0.4, size * 0.4, 2); pen.fill(); }
    });
  });
  const nodeAt = (event) => {
    const bounds = canvas.current.getBoundingClientRect();
    const column = Math.floor((event.clientX - bounds.left) / (size + gap)), row = Math.floor((event.clientY - bounds.top) / (size + gap));
    return column < columns ? nodes[row * columns + column] : undefined;
  };
  const counts = nodes.reduce((found, node) => ({ ...found, [node.state]: (found[node.state] || 0) + 1 }), {});
  return html`<div class="wall" ref=${box}><canvas ref=${canvas} role="img" style=${{ width: `${width}px`, height: `${rows * (size + gap)}px` }}
    aria-label=${`All nodes: ${Object.entries(counts).map(([state, count]) => `${count} ${state}`).join(", ")}`}
    onClick=${(event) => { const node = nodeAt(event); if (node) location.hash = nodePage(node.name); }}
    onMouseMove=${(event) => { const node = nodeAt(event); event.target.title = node ? `${node.name}: ${node.state}${node.job ? `, ${node.job}` : ""}` : ""; }}></canvas></div>`;
}

function Licences({ licences, nodes, me }) {
  const [dialog, setDialog] = useState(false);
  const entries = Object.entries(licences);
  const known = [...new Set(nodes.flatMap((node) => node.renders || []))].sort();
  const set = async (renderer, most) => {
    try { toast((await act(`api/licences/${encodeURIComponent(renderer)}`, most === null ? {} : { most })).said.join(" ")); }
    catch (error) { toast(error.message, true); }
  };
  if (!entries.length && !me.operate) return null;
  return html`<section class="licences"><h2>Licences</h2>
    ${entries.length === 0 ? html`<p class="dim">Any number of nodes may use any renderer.</p>`
      : html`<ul>${entries.map(([renderer, most]) => html`<li key=${renderer}><b>${renderer}</b> at most ${plural(most, "node")} at once
        ${me.operate && html`<button class="quiet" onClick=${() => set(renderer, null)}>Clear</button>`}</li>`)}</ul>`}
    ${me.operate && html`<button onClick=${() => setDialog(true)}>Limit a renderer …</button>`}
    ${dialog && html`<${Dialog} title="Limit a renderer" go="Set" onClose=${() => setDialog(false)} onGo=${(form) => set(form.get("renderer"), Number(form.get("most")))}>
      <label>Renderer <input name="renderer" list="renderers" required autofocus/></label>
      <datalist id="renderers">${known.map((name) => html`<option value=${name}/>`)}</datalist>
      <label>Nodes at once, over all jobs <input type="number" name="most" min="0" value="4" required/></label></${Dialog}>`}
  </section>`;
}
