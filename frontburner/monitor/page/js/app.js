// The whole page: routing, the connection to the monitor, and the header.
import { html, render, useEffect, useMemo, useRef, useState } from "./view.js";
import { follow } from "./follow.js";
import { EmptyPage, Glyph, Toasts } from "./pieces.js";
import { Jobs } from "./jobs.js";
import { Job } from "./job.js";
import { Nodes } from "./nodes.js";
import { Node } from "./node.js";
import { Submit } from "./submit.js";
import { plural } from "./words.js";

function currentRoute() {
  const [kind = "jobs", name = ""] = location.hash.replace(/^#\/?/, "").split("/");
  return { kind: kind || "jobs", name: decodeURIComponent(name) };
}

function useRoute() {
  const [route, set] = useState(currentRoute);
  useEffect(() => {
    const changed = () => { set(currentRoute()); scrollTo(0, 0); document.querySelector("main")?.focus({ preventScroll: true }); };
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

function useFarm() {
  const [farm, set] = useState({ document: null, connection: "connecting" });
  useEffect(() => follow("api/stream",
    (document) => set((before) => ({ ...before, document })),
    (connection) => set((before) => (before.connection === connection ? before : { ...before, connection }))), []);
  return farm;
}

function useMe() {
  const [me, set] = useState({ operate: false, submit: false, loading: true });
  useEffect(() => { fetch("api/me").then((response) => response.json()).then(set, () => {}); }, []);
  return me;
}

const THEMES = { auto: "as the system", light: "light", dark: "dark" };

function Theme() {
  const [theme, set] = useState(document.documentElement.dataset.theme || "auto");
  const next = { auto: "light", light: "dark", dark: "auto" }[theme];
  const change = () => {
    set(next);
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try { localStorage.setItem("theme", next); } catch { /* it lasts until the page is closed */ }
  };
  return html`<button class="quiet theme" onClick=${change} aria-label=${`Colours: ${THEMES[theme]}. Change to ${THEMES[next]}`}
      title=${`Colours: ${THEMES[theme]}`}>
    <svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="1.600"/>
      ${theme !== "light" && html`<path d="M8 2a6 6 0 0 ${theme === "dark" ? "1 0 12 6 6 0 0 1 0-12" : "1 0 12"}Z" fill="currentColor"/>`}</svg></button>`;
}

function Brand({ hot }) {
  const rays = [0, 45, 90, 135, 180, 225, 270, 315];
  return html`<a class="brand" href="#/jobs" aria-label="Frontburner" data-hot=${hot}><svg viewBox="0 0 32 32" aria-hidden="true">
    ${rays.map((angle) => html`<path d="M16 3.500v6" transform=${`rotate(${angle} 16 16)`}/>`)}<circle cx="16" cy="16" r="3"/></svg>
    <span>Frontburner</span></a>`;
}

function Summary({ farm, jobs, nodes }) {
  const count = (list, test) => list.filter(test).length;
  const rendering = count(nodes, (node) => node.state === "rendering");
  const wrong = count(nodes, (node) => ["not ready", "gone"].includes(node.state));
  const running = count(jobs, (job) => job.running);
  if (farm.state === "none" && !running) return html`<p class="summary">No farm runs here</p>`;
  return html`<p class="summary"><span><b>${rendering}</b> of ${plural(nodes.length, "node")} rendering</span>
    <span><b>${running}</b> ${running === 1 ? "job" : "jobs"} running</span>
    ${wrong > 0 && html`<a href="#/nodes" data-tone="warn"><${Glyph} of="warn"/> ${plural(wrong, "node")} in trouble</a>`}</p>`;
}

/** Announces changes of jobs to screen readers, and shows the progress in the title. */
function useAnnouncements(jobs) {
  const [announcement, set] = useState("");
  const before = useRef(null);
  useEffect(() => {
    const states = Object.fromEntries(jobs.map((job) => [job.id, job.state]));
    if (before.current) {
      const changed = jobs.filter((job) => before.current[job.id] && before.current[job.id] !== job.state);
      if (changed.length) set(changed.map((job) => `${job.title}: ${job.state}`).join(". "));
    }
    before.current = states;
    const running = jobs.filter((job) => job.running);
    const title = running.length ? `${Math.floor(100 * running[0].fraction)} % ${running[0].title}` : "";
    document.title = title ? `${title} · Frontburner` : "Frontburner";
  }, [jobs]);
  return announcement;
}

function useKeys() {
  useEffect(() => {
    let first = "";
    const pressed = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea") || document.querySelector("dialog[open]")) return;
      if (event.key === "/") { const field = document.querySelector("[data-find]"); if (field) { event.preventDefault(); field.focus(); } }
      else if (first === "g" && event.key === "j") location.hash = "#/jobs";
      else if (first === "g" && event.key === "n") location.hash = "#/nodes";
      else if (first === "g" && event.key === "s") location.hash = "#/submit";
      else if (event.key === "Escape" && currentRoute().name) location.hash = currentRoute().kind === "node" ? "#/nodes" : "#/jobs";
      first = event.key;
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

function App() {
  const route = useRoute();
  const { document: known, connection } = useFarm();
  const me = useMe();
  const jobs = useMemo(() => Object.values(known?.jobs || {}).sort((a, b) => (b.running - a.running) || (a.nth - b.nth)), [known?.jobs]);
  const nodes = useMemo(() => Object.values(known?.nodes || {}).sort(byName), [known?.nodes]);
  const announcement = useAnnouncements(jobs);
  useKeys();
  const farm = known?.farm || { state: "connecting" };
  const tab = route.kind === "submit" ? "submit" : route.kind.startsWith("node") ? "nodes" : "jobs";
  return html`
    <a class="skip" href="#content" onClick=${(event) => { event.preventDefault(); document.querySelector("main").focus(); }}>To the content</a>
    <header class="top">
      <${Brand} hot=${nodes.some((node) => node.state === "rendering")}/>
      <nav aria-label="Pages">
        <a href="#/jobs" aria-current=${tab === "jobs" ? "page" : undefined}>Jobs</a>
        <a href="#/nodes" aria-current=${tab === "nodes" ? "page" : undefined}>Nodes</a>
        ${me.submit && html`<a href="#/submit" aria-current=${tab === "submit" ? "page" : undefined}>Submit</a>`}
      </nav>
      ${known ? html`<${Summary} farm=${farm} jobs=${jobs} nodes=${nodes}/>` : html`<p class="summary"></p>`}
      <span class="connection" data-connection=${connection} role="status">${connection === "lost" ? "Connection lost" : connection === "live" ? "live" : ""}</span>
      <${Theme}/>
    </header>
    ${connection === "lost" && html`<p class="banner" role="alert"><${Glyph} of="warn"/> The monitor doesn't answer: this page shows its last state, and goes on
      trying. If it was stopped, <code>frontburner monitor</code> starts it.</p>`}
    ${farm.state === "away" && html`<p class="banner" role="alert"><${Glyph} of="warn"/> ${farm.reason} ${farm.remedy}</p>`}
    <main id="content" tabIndex="-1" data-busy=${!known}>
      ${!known ? html`<p class="placeholder">Connecting to the farm …</p>`
        : route.kind === "job" ? html`<${Job} key=${route.name} id=${route.name} job=${known.jobs[route.name]} looked=${known.looked} expected=${known.expected?.[route.name]} nodes=${known.nodes} me=${me} dashboard=${farm.dashboard}/>`
        : route.kind === "node" ? html`<${Node} key=${route.name} name=${route.name} node=${known.nodes[route.name]} jobs=${jobs} me=${me}/>`
        : route.kind === "nodes" ? html`<${Nodes} nodes=${nodes} jobs=${known.jobs} farm=${farm} me=${me}/>`
        : route.kind === "submit" ? html`<${Submit} me=${me}/>`
        : route.kind === "jobs" ? html`<${Jobs} jobs=${jobs} nodes=${nodes} farm=${farm} looked=${known.looked}/>`
        : html`<${EmptyPage} title="There is no such page."><p><a href="#/jobs">To the jobs</a></p></${EmptyPage}>`}
    </main>
    <p class="visually-hidden" aria-live="polite">${announcement}</p>
    <${Toasts}/>`;
}

const names = new Intl.Collator("en", { numeric: true });
const byName = (a, b) => names.compare(a.name, b.name);

const root = document.getElementById("page");
root.textContent = "";
render(html`<${App}/>`, root);
