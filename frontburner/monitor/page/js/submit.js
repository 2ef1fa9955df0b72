// The page to submit a scene: upload, inspection, and the form of its job, with problems at their fields.
import { html, useEffect, useRef, useState } from "./view.js";
import { dropped, picked } from "./dropped.js";
import { cancel, limits, read, send, submit, useUpload } from "./sending.js";
import { Bar, EmptyPage, Glyph, toast } from "./pieces.js";
import { bytes, plural } from "./words.js";

export function Submit({ me }) {
  const [accepted, setAccepted] = useState(null);
  const upload = useUpload(), head = useRef(null);
  useEffect(() => { if (upload.stage !== "empty" && document.activeElement === document.body) head.current?.focus(); }, [upload.stage]);
  useEffect(() => { if (me.submit) limits().then(setAccepted, () => setAccepted({ most_bytes: 0, why_not: "The monitor doesn't answer." })); }, [me.submit]);
  if (me.loading) return html`<h1>Submit</h1><p class="placeholder">Checking your permissions …</p>`;
  if (!me.submit) return html`<${EmptyPage} title="You may not submit."><p>Your token has the role <code>look</code>. Ask whoever runs the farm for one with the role <code>submit</code>.</p></${EmptyPage}>`;
  if (!accepted) return html`<h1>Submit</h1><p class="placeholder">Connecting to the farm …</p>`;
  if (accepted.why_not) return html`<${EmptyPage} title="No scenes are accepted here."><p>${accepted.why_not}</p></${EmptyPage}>`;
  return html`<article class="submit">
    <h1 ref=${head} tabIndex="-1">${upload.scene ? upload.scene.title : "Submit"}</h1>
    <p class="visually-hidden" role="status">${statusText(upload)}</p>
    ${upload.problem && html`<p class="alert" role="alert"><${Glyph} of="bad"/> ${upload.problem}</p>`}
    ${upload.stage === "empty" ? html`<${DropArea} maxBytes=${accepted.most_bytes}/>`
      : upload.stage === "form" ? html`<${Form} key=${upload.scene.scene} scene=${upload.scene}/>`
      : html`<${UploadProgress} upload=${upload}/>`}
  </article>`;
}

const statusText = ({ stage, count }) => ({ empty: "", sending: `Sending ${plural(count, "file")}`, reading: "Reading the scene", form: "The scene is uploaded. Choose how it is rendered." })[stage];

function DropArea({ maxBytes }) {
  const [over, setOver] = useState(false);
  const files = useRef(null), folder = useRef(null);
  useEffect(() => {
    const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
    const drag = (event) => { if (hasFiles(event)) { event.preventDefault(); setOver(true); } };
    const leave = (event) => { if (!event.relatedTarget) setOver(false); };
    const drop = (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(false);
      dropped(event.dataTransfer).then((found) => send(found, maxBytes), () => send([], maxBytes));
    };
    const handlers = { dragenter: drag, dragover: drag, dragleave: leave, drop };
    for (const name in handlers) addEventListener(name, handlers[name]);
    return () => { for (const name in handlers) removeEventListener(name, handlers[name]); };
  }, [maxBytes]);
  const pick = (event) => { if (event.target.files.length) send(picked(event.target), maxBytes); };
  return html`<section class="drop" data-over=${over} aria-labelledby="drop">
    <svg viewBox="0 0 48 48" aria-hidden="true"><path d="M24 6v24M14 21l10 10 10-10M8 34v6h32v-6"/></svg>
    <h2 id="drop">${over ? "Release to upload" : "Drop a scene here"}</h2>
    <p>One file, several with their textures, a folder, or a zip: Blender, Mitsuba, POV-Ray, V-Ray, glTF, USD, FBX, OBJ. ${bytes(maxBytes)} at most.</p>
    <div class="choices">
      <button class="go" onClick=${() => files.current.click()}>Choose files …</button>
      <button class="folder" onClick=${() => folder.current.click()}>Choose a folder …</button>
    </div>
    <input ref=${files} type="file" multiple hidden onChange=${pick} data-pick="files"/>
    <input ref=${folder} type="file" webkitdirectory hidden onChange=${pick} data-pick="folder"/>
  </section>`;
}

function UploadProgress({ upload }) {
  const fraction = upload.total ? Math.min(1, upload.sent / upload.total) : 0;
  return html`<section class="upload">
    <p>${upload.stage === "reading" ? "Uploaded. The scene is being read …"
      : html`<b>${bytes(upload.sent)}</b> of ${bytes(upload.total)}, ${plural(upload.count, "file")}`}</p>
    <${Bar} value=${upload.stage === "reading" ? 1 : fraction} label="Sent"/>
    <button onClick=${cancel}>Cancel</button>
  </section>`;
}

function Field({ name, label, hint, wrong, children, ...more }) {
  const describedBy = [hint && `${name}-hint`, wrong && `${name}-wrong`].filter(Boolean).join(" ") || undefined;
  const attributes = { id: `f-${name}`, name, "aria-describedby": describedBy, "aria-invalid": wrong ? "true" : undefined, ...more };
  return html`<div class="field" data-wrong=${Boolean(wrong)}><label for=${`f-${name}`}>${label}</label>
    ${children ? html`<select ...${attributes}>${children}</select>` : html`<input type="text" autocomplete="off" spellcheck=${false} ...${attributes}/>`}
    ${hint && html`<p class="hint" id=${`${name}-hint`}>${hint}</p>`}
    ${wrong && html`<p class="wrong" id=${`${name}-wrong`}><${Glyph} of="bad"/> ${wrong}</p>`}</div>`;
}

const FIELDS = ["frames", "size", "samples", "camera", "priority", "name", "out"];
const number = (text) => (/^\d+$/.test(text) ? Number(text) : text);

/** The job's fields as typed; empty ones are left to the scene. */
function jobFields(form, kind) {
  const job = {};
  for (const name of FIELDS) {
    const typed = String(form.get(name) ?? "").trim();
    if (typed) job[name] = ["samples", "priority"].includes(name) ? number(typed) : typed;
  }
  return kind === "animation" && !job.frames ? null : job;
}

function Form({ scene }) {
  const [kind, setKind] = useState(scene.sequence ? "animation" : "still");
  const [wrong, setWrong] = useState({});
  const [starting, setStarting] = useState(false);
  const box = useRef(null);
  useEffect(() => { box.current.querySelector("[aria-invalid], [role='alert']")?.focus(); }, [wrong]);
  const onSubmit = async (event) => {
    event.preventDefault();
    const job = jobFields(new FormData(event.target), kind);
    if (!job) { setWrong({ frames: "Enter frames, such as 1-48 or 1-48,60,70-90x2." }); return; }
    setStarting(true);
    try {
      const submitted = await submit(scene.scene, job);
      toast(submitted.said);
      location.hash = `#/job/${encodeURIComponent(submitted.job)}`;
    } catch (error) {
      setStarting(false);
      setWrong(error.fields || { "": error.message });
    }
  };
  const others = Object.entries(wrong).filter(([name]) => !FIELDS.includes(name));
  const sceneDefault = (value) => (value ? `Empty is the scene's own, ${value}.` : "Empty is the scene's own.");
  const still = kind === "still";
  return html`<form class="job-form" ref=${box} onSubmit=${onSubmit} noValidate>
    ${(scene.problem || scene.unread) && html`<p class="alert" role="alert"><${Glyph} of=${scene.problem ? "bad" : "warn"}/> ${scene.problem || scene.unread}</p>`}
    <p class="read">${[scene.renderer, scene.size, scene.samples && plural(scene.samples, "sample"), scene.frames && `frames ${scene.frames}`].filter(Boolean).join(" · ")}</p>
    ${scene.scenes.length > 1 && html`<div class="field"><label for="f-scene">Scene</label><select id="f-scene" onChange=${(event) => read(event.target.value)}>
      ${scene.scenes.map((name) => html`<option key=${name} value=${name} selected=${name === scene.scene}>${name}</option>`)}</select>
      <p class="hint">There are ${scene.scenes.length} scenes among the files.</p></div>`}
    <fieldset><legend>Render</legend>
      <label><input type="radio" name="kind" value="still" checked=${still} onChange=${() => setKind("still")}/> a still</label>
      <label><input type="radio" name="kind" value="animation" checked=${!still} onChange=${() => setKind("animation")}/> an animation</label>
    </fieldset>
    <div class="fields">
      <${Field} key=${kind} name="frames" label=${still ? "Frame" : "Frames"} wrong=${wrong.frames} defaultValue=${still ? (scene.sequence ? scene.frames.split(/\D/)[0] : "") : scene.frames || ""}
        hint=${still ? "Its number. Empty is the scene as it is." : "Such as 1-48, or 1-48,60,70-90x2."}/>
      <${Field} name="size" label="Size" wrong=${wrong.size} hint=${sceneDefault(scene.size)} placeholder=${scene.size}/>
      <${Field} name="samples" label="Samples" wrong=${wrong.samples} hint=${sceneDefault(scene.samples)} placeholder=${scene.samples} inputMode="numeric"/>
      ${scene.cameras?.length > 1 && html`<${Field} name="camera" label="Camera" wrong=${wrong.camera}>
        ${scene.cameras.map((name, nth) => html`<option key=${name} value=${nth ? name : ""}>${name}</option>`)}</${Field}>`}
      <${Field} name="priority" label="Priority" wrong=${wrong.priority} defaultValue="50" hint="0 to 100. Jobs of a higher priority get nodes first." inputMode="numeric"/>
      <${Field} name="name" label="Name" wrong=${wrong.name} defaultValue=${scene.title} hint="The name of the job and of its files."/>
      <${Field} name="out" label="Pictures go to" wrong=${wrong.out} defaultValue=${scene.out} hint="A folder, or s3://bucket/prefix."/>
    </div>
    ${scene.notes.length > 0 && html`<details><summary>What is rendered differently from the scene</summary><ul>${scene.notes.map((note) => html`<li key=${note}>${note}</li>`)}</ul></details>`}
    ${others.length > 0 && html`<div class="alert" role="alert" tabIndex="-1"><${Glyph} of="bad"/> ${others.map(([name, problem]) => `${name ? `${name}: ` : ""}${problem}`).join(" ")}</div>`}
    <div class="choices"><button type="button" onClick=${cancel}>Drop another</button>
      <button type="submit" class="go" disabled=${starting}>${starting ? "Starting …" : "Render"}</button></div>
  </form>`;
}
