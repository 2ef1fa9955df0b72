// Controls of jobs and nodes: the commands of `frontburner job` and `frontburner node`, as buttons.
import { html, useState } from "./view.js";
import { act } from "./follow.js";
import { Dialog, toast } from "./pieces.js";

export const jobAddress = (id) => `api/jobs/${encodeURIComponent(id)}`;
export const nodeAddress = (name) => `api/nodes/${encodeURIComponent(name)}`;

async function perform(address, given) {
  try {
    const response = await act(address, given);
    toast((response.said || []).join(" ") || "Done.");
    return response;
  } catch (error) {
    toast(error.message, true);
    return null;
  }
}

export function JobControls({ job }) {
  const [dialog, setDialog] = useState("");
  const [startingRun, setStartingRun] = useState(0);
  const to = (action, given) => perform(`${jobAddress(job.id)}/${action}`, given);
  const start = async (action, given) => { setStartingRun(job.runs + 1); if (!(await to(action, given))) setStartingRun(0); };
  const close = () => setDialog("");
  const stopped = !job.running, starting = startingRun > job.runs && !job.noted;
  return html`<div class="controls" role="group" aria-label=${`Controls of ${job.title}`}>
    ${job.running && html`<button onClick=${() => to("suspend")} title="Units in flight end first">Suspend</button>`}
    ${job.state === "ending its units" && html`<button onClick=${() => to("suspend", { now: true })}>Suspend now</button>`}
    ${stopped && job.state !== "completed" && html`<button class="go" disabled=${starting} onClick=${() => start("resume")}>${starting ? "Starting …" : "Resume"}</button>`}
    ${stopped && job.failed > 0 && html`<button disabled=${starting} onClick=${() => start("rerun", { failed: true })}>Run failed frames again</button>`}
    ${stopped && html`<button onClick=${() => setDialog("rerun")}>Run again …</button>`}
    <button onClick=${() => setDialog("priority")}>Priority <b>${job.priority}</b></button>
    ${(job.running || job.state === "suspended") && html`<button class="danger" onClick=${() => setDialog("cancel")}>Cancel …</button>`}
    ${dialog === "cancel" && html`<${Dialog} title=${`Cancel ${job.title}?`} go="Cancel the job" danger onClose=${close}
        onGo=${(form) => to(form.get("how") === "cancel" ? "cancel" : "suspend", form.get("how") === "now" ? { now: true } : {})}>
      <p>Its renderers are stopped within seconds. What is finished is kept, and <b>Resume</b> still goes on.</p>
      ${job.running && html`<fieldset><legend>How</legend>
        <label><input type="radio" name="how" value="cancel" checked/> Cancel: stop its renderers now</label>
        <label><input type="radio" name="how" value="now"/> Suspend now: the same, to go on later</label>
        <label><input type="radio" name="how" value="suspend"/> Suspend: let units in flight end first</label>
      </fieldset>`}
      ${!job.running && html`<input type="hidden" name="how" value="cancel"/>`}
    </${Dialog}>`}
    ${dialog === "priority" && html`<${Dialog} title=${`Priority of ${job.title}`} go="Set" onClose=${close}
        onGo=${(form) => to("priority", { priority: Number(form.get("priority")) })}>
      <p>Jobs of a higher priority get nodes first. The default is 50.</p>
      <label>Priority, 0 to 100 <input type="number" name="priority" min="0" max="100" value=${job.priority} required autofocus/></label>
    </${Dialog}>`}
    ${dialog === "rerun" && html`<${Dialog} title=${`Run ${job.title} again`} go="Run again" onClose=${close}
        onGo=${(form) => to("rerun", { frames: form.get("frames") || "", missing: form.has("missing"), new_seed: form.has("new_seed") })}>
      <p>Unchanged frames are reused: by default, only frames are rendered that aren't in place, or that an edit of the scene changed.</p>
      <label>Frames to render again <input name="frames" placeholder="all that are missing; or 10-20,35" autofocus/></label>
      <label><input type="checkbox" name="missing"/> Of these, only frames that aren't in place</label>
      <label><input type="checkbox" name="new_seed"/> With other noise, as a job of its own</label>
    </${Dialog}>`}
  </div>`;
}

export const rerunFrames = (job, frames) => perform(`${jobAddress(job.id)}/rerun`, { frames });

export function NodeControls({ node, jobs }) {
  const [dialog, setDialog] = useState("");
  const [readiness, setReadiness] = useState(null);
  const to = (action, given) => perform(`${nodeAddress(node.name)}/${action}`, given);
  const close = () => setDialog("");
  const paused = ["paused", "draining"].includes(node.state);
  const check = async () => {
    setReadiness("checking");
    try { setReadiness(await act(`${nodeAddress(node.name)}/check`)); }
    catch (error) { toast(error.message, true); setReadiness(null); }
  };
  const running = jobs.filter((job) => job.running);
  return html`<div class="controls" role="group" aria-label=${`Controls of ${node.name}`}>
      ${paused ? html`<button class="go" onClick=${() => to("resume")}>Resume</button>`
        : html`<button onClick=${() => to("pause")} title="It finishes its unit, then takes no more">Pause</button>
          <button onClick=${() => to("pause", { for_s: 3600 })} title="It finishes its unit, and takes work again in an hour">Pause for 1 h</button>`}
      ${node.state !== "draining" && html`<button onClick=${() => to("drain")} title="It finishes its unit, then leaves the farm">Drain</button>`}
      <button onClick=${() => setDialog("groups")}>Groups …</button>
      <button onClick=${() => setDialog("hours")}>Hours …</button>
      <button onClick=${() => setDialog("jobs")}>Jobs …</button>
      <button onClick=${check} disabled=${readiness === "checking"}>${readiness === "checking" ? "Checking …" : "Check"}</button>
      <button class="danger" onClick=${() => setDialog("remove")}>Remove …</button>
      ${dialog === "remove" && html`<${Dialog} title=${`Remove ${node.name} now?`} go="Remove the node" danger onClose=${close} onGo=${() => to("remove")}>
        <p>It leaves the farm at once. Its units in flight are rendered again elsewhere. <b>Drain</b> lets its unit end first.</p></${Dialog}>`}
      ${dialog === "groups" && html`<${Dialog} title=${`Groups of ${node.name}`} go="Set" onClose=${close}
          onGo=${(form) => to("group", { groups: form.get("groups").split(",").map((each) => each.trim()).filter(Boolean) })}>
        <label>Names, separated by commas; empty is none
          <input name="groups" value=${(node.groups || []).join(", ")} placeholder="gpu, big" autofocus/></label></${Dialog}>`}
      ${dialog === "hours" && html`<${Dialog} title=${`Hours of ${node.name}`} go="Set" onClose=${close} onGo=${(form) => to("hours", { hours: form.get("hours") })}>
        <label>When it takes work; empty is always
          <input name="hours" value=${node.hours || ""} placeholder="mon-fri 19:00-07:00, sat-sun" autofocus/></label></${Dialog}>`}
      ${dialog === "jobs" && html`<${Dialog} title=${`Exclude ${node.name} from a job`} go="Change" onClose=${close}
          onGo=${(form) => form.get("job") && to((node.excluded || []).includes(form.get("job")) ? "include" : "exclude", { job: form.get("job") })}>
        <label>Job <select name="job">
          ${running.map((job) => html`<option value=${job.id}>${job.id}${(node.excluded || []).includes(job.id) ? " (excluded: include it again)" : ""}</option>`)}
          ${(node.excluded || []).filter((id) => !running.some((job) => job.id === id)).map((id) => html`<option value=${id}>${id} (excluded: include it again)</option>`)}
        </select></label>
        ${!running.length && !(node.excluded || []).length && html`<p>No job is running.</p>`}</${Dialog}>`}
    </div>
    ${readiness && readiness !== "checking" && html`<section class="checks" aria-label="Check">
      <h3>${readiness.ok ? "It is ready." : "It is not ready."} <button class="quiet" aria-label="Close" onClick=${() => setReadiness(null)}>×</button></h3>
      <dl>${readiness.checks.filter((each) => each.grade !== "absent").map((each) => html`<div data-grade=${each.grade}>
        <dt>${each.name}</dt><dd>${each.grade === "fails" || each.grade === "note" ? html`${each.reason} <em>${each.remedy}</em>` : each.value || "ok"}</dd></div>`)}</dl>
    </section>`}`;
}
