// What can be done to jobs and nodes: the commands of `frontburner job` and `node`, as buttons.
import { html, useState } from "./view.js";
import { act, } from "./follow.js";
import { Ask, say } from "./pieces.js";

export const jobAddress = (id) => `api/jobs/${encodeURIComponent(id)}`;
export const nodeAddress = (name) => `api/nodes/${encodeURIComponent(name)}`;

async function order(address, given) {
  try {
    const told = await act(address, given);
    say((told.said || []).join(" ") || "Done.");
    return told;
  } catch (error) {
    say(error.message, true);
    return null;
  }
}

export function JobControls({ job }) {
  const [asks, setAsks] = useState("");
  const [starts, setStarts] = useState(0);
  const to = (action, given) => order(`${jobAddress(job.id)}/${action}`, given);
  const start = async (action, given) => { setStarts(job.runs + 1); if (!(await to(action, given))) setStarts(0); };
  const close = () => setAsks("");
  const asleep = !job.running, waits = starts > job.runs && !job.noted;
  return html`<div class="controls" role="group" aria-label=${`Controls of ${job.title}`}>
    ${job.running && html`<button onClick=${() => to("suspend")} title="Units under way end first">Suspend</button>`}
    ${job.state === "ending its units" && html`<button onClick=${() => to("suspend", { now: true })}>Suspend now</button>`}
    ${asleep && job.state !== "completed" && html`<button class="go" disabled=${waits} onClick=${() => start("resume")}>${waits ? "Starting …" : "Resume"}</button>`}
    ${asleep && job.failed > 0 && html`<button disabled=${waits} onClick=${() => start("rerun", { failed: true })}>Run failed frames again</button>`}
    ${asleep && html`<button onClick=${() => setAsks("rerun")}>Run again …</button>`}
    <button onClick=${() => setAsks("priority")}>Priority <b>${job.priority}</b></button>
    ${(job.running || job.state === "suspended") && html`<button class="danger" onClick=${() => setAsks("cancel")}>Cancel …</button>`}
    ${asks === "cancel" && html`<${Ask} title=${`Cancel ${job.title}?`} go="Cancel the job" danger onClose=${close}
        onGo=${(form) => to(form.get("how") === "cancel" ? "cancel" : "suspend", form.get("how") === "now" ? { now: true } : {})}>
      <p>Its renderers are ended within seconds. What is finished is kept, and <b>Resume</b> still goes on.</p>
      ${job.running && html`<fieldset><legend>How</legend>
        <label><input type="radio" name="how" value="cancel" checked/> Cancel: end its renderers now</label>
        <label><input type="radio" name="how" value="now"/> Suspend now: the same, to go on later</label>
        <label><input type="radio" name="how" value="suspend"/> Suspend: let units under way end first</label>
      </fieldset>`}
      ${!job.running && html`<input type="hidden" name="how" value="cancel"/>`}
    </${Ask}>`}
    ${asks === "priority" && html`<${Ask} title=${`Priority of ${job.title}`} go="Set" onClose=${close}
        onGo=${(form) => to("priority", { priority: Number(form.get("priority")) })}>
      <p>More urgent jobs get nodes first. 50 is usual.</p>
      <label>Priority, 0 to 100 <input type="number" name="priority" min="0" max="100" value=${job.priority} required autofocus/></label>
    </${Ask}>`}
    ${asks === "rerun" && html`<${Ask} title=${`Run ${job.title} again`} go="Run again" onClose=${close}
        onGo=${(form) => to("rerun", { frames: form.get("frames") || "", missing: form.has("missing"), new_seed: form.has("new_seed") })}>
      <p>What is unchanged is reused: without a choice of frames, only what isn't in place, or what an edit of the scene changed.</p>
      <label>Frames to render again <input name="frames" placeholder="all that is missing; or 10-20,35" autofocus/></label>
      <label><input type="checkbox" name="missing"/> Of these only what isn't in place</label>
      <label><input type="checkbox" name="new_seed"/> With other noise, as a job of its own</label>
    </${Ask}>`}
  </div>`;
}

export const rerunFrames = (job, frames) => order(`${jobAddress(job.id)}/rerun`, { frames });

export function NodeControls({ node, jobs }) {
  const [asks, setAsks] = useState("");
  const [found, setFound] = useState(null);
  const to = (action, given) => order(`${nodeAddress(node.name)}/${action}`, given);
  const close = () => setAsks("");
  const resting = ["paused", "draining"].includes(node.state);
  const check = async () => {
    setFound("asking");
    try { setFound(await act(`${nodeAddress(node.name)}/check`)); }
    catch (error) { say(error.message, true); setFound(null); }
  };
  const running = jobs.filter((job) => job.running);
  return html`<div class="controls" role="group" aria-label=${`Controls of ${node.name}`}>
      ${resting ? html`<button class="go" onClick=${() => to("resume")}>Resume</button>`
        : html`<button onClick=${() => to("pause")} title="It ends its unit, then takes no more">Pause</button>`}
      ${node.state !== "draining" && html`<button onClick=${() => to("drain")} title="It ends its unit, then leaves the farm">Drain</button>`}
      <button onClick=${() => setAsks("groups")}>Groups …</button>
      <button onClick=${() => setAsks("hours")}>Hours …</button>
      <button onClick=${() => setAsks("jobs")}>Jobs …</button>
      <button onClick=${check} disabled=${found === "asking"}>${found === "asking" ? "Checking …" : "Check"}</button>
      <button class="danger" onClick=${() => setAsks("remove")}>Remove …</button>
      ${asks === "remove" && html`<${Ask} title=${`Remove ${node.name} now?`} go="Remove the node" danger onClose=${close} onGo=${() => to("remove")}>
        <p>It leaves the farm at once. What it renders is rendered again elsewhere. <b>Drain</b> lets its unit end first.</p></${Ask}>`}
      ${asks === "groups" && html`<${Ask} title=${`Groups of ${node.name}`} go="Set" onClose=${close}
          onGo=${(form) => to("group", { groups: form.get("groups").split(",").map((each) => each.trim()).filter(Boolean) })}>
        <label>Names with commas between them; empty is none
          <input name="groups" value=${(node.groups || []).join(", ")} placeholder="gpu, big" autofocus/></label></${Ask}>`}
      ${asks === "hours" && html`<${Ask} title=${`Hours of ${node.name}`} go="Set" onClose=${close} onGo=${(form) => to("hours", { hours: form.get("hours") })}>
        <label>When it takes work; empty is always
          <input name="hours" value=${node.hours || ""} placeholder="mon-fri 19:00-07:00, sat-sun" autofocus/></label></${Ask}>`}
      ${asks === "jobs" && html`<${Ask} title=${`Keep ${node.name} from a job`} go="Change" onClose=${close}
          onGo=${(form) => form.get("job") && to((node.excluded || []).includes(form.get("job")) ? "include" : "exclude", { job: form.get("job") })}>
        <label>Job <select name="job">
          ${running.map((job) => html`<option value=${job.id}>${job.id}${(node.excluded || []).includes(job.id) ? " (kept from it: gives it back)" : ""}</option>`)}
          ${(node.excluded || []).filter((id) => !running.some((job) => job.id === id)).map((id) => html`<option value=${id}>${id} (kept from it: gives it back)</option>`)}
        </select></label>
        ${!running.length && !(node.excluded || []).length && html`<p>No job is under way.</p>`}</${Ask}>`}
    </div>
    ${found && found !== "asking" && html`<section class="checks" aria-label="Check">
      <h3>${found.ok ? "It is ready." : "It is not ready."} <button class="quiet" aria-label="Close" onClick=${() => setFound(null)}>×</button></h3>
      <dl>${found.checks.filter((each) => each.grade !== "absent").map((each) => html`<div data-grade=${each.grade}>
        <dt>${each.name}</dt><dd>${each.grade === "fails" || each.grade === "note" ? html`${each.reason} <em>${each.remedy}</em>` : each.value || "ok"}</dd></div>`)}</dl>
    </section>`}`;
}
