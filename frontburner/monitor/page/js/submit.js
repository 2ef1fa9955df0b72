// A page to drop a scene on: it is sent, read, and rendered as one form says, with each problem at its field.
import { html, useEffect, useRef, useState } from "./view.js";
import { dropped, picked } from "./dropped.js";
import { giveUp, read, send, start, terms, useSending } from "./sending.js";
import { Bar, Glyph, Nothing, say } from "./pieces.js";
import { bytes, plural } from "./words.js";

export function Submit({ me }) {
  const [taken, setTaken] = useState(null);
  const sending = useSending(), head = useRef(null);
  useEffect(() => { if (sending.stage !== "empty" && document.activeElement === document.body) head.current?.focus(); }, [sending.stage]);
  useEffect(() => { if (me.submit) terms().then(setTaken, () => setTaken({ most_bytes: 0, why_not: "The monitor doesn't answer." })); }, [me.submit]);
  if (me.asking) return html`<h1>Submit</h1><p class="first">Asking what you may do …</p>`;
  if (!me.submit) return html`<${Nothing} title="You may not submit."><p>Your token lets you look. Whoever runs the farm can give you one for <code>submit</code>.</p></${Nothing}>`;
  if (!taken) return html`<h1>Submit</h1><p class="first">Asking what is taken …</p>`;
  if (taken.why_not) return html`<${Nothing} title="No scenes are taken here."><p>${taken.why_not}</p></${Nothing}>`;
  return html`<article class="submit">
    <h1 ref=${head} tabIndex="-1">${sending.told ? sending.told.title : "Submit"}</h1>
    <p class="aloud" role="status">${aloud(sending)}</p>
    ${sending.problem && html`<p class="alert" role="alert"><${Glyph} of="bad"/> ${sending.problem}</p>`}
    ${sending.stage === "empty" ? html`<${Drop} most=${taken.most_bytes}/>`
      : sending.stage === "form" ? html`<${Form} key=${sending.told.scene} told=${sending.told}/>`
      : html`<${Way} sending=${sending}/>`}
  </article>`;
}

const aloud = ({ stage, count }) => ({ empty: "", sending: `Sending ${plural(count, "file")}`, reading: "Reading the scene", form: "The scene is here. Say how it is rendered." })[stage];

function Drop({ most }) {
  const [over, setOver] = useState(false);
  const files = useRef(null), folder = useRef(null);
  useEffect(() => {
    const is = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
    const drag = (event) => { if (is(event)) { event.preventDefault(); setOver(true); } };
    const leave = (event) => { if (!event.relatedTarget) setOver(false); };
    const drop = (event) => {
      if (!is(event)) return;
      event.preventDefault();
      setOver(false);
      dropped(event.dataTransfer).then((found) => send(found, most), () => send([], most));
    };
    const all = { dragenter: drag, dragover: drag, dragleave: leave, drop };
    for (const name in all) addEventListener(name, all[name]);
    return () => { for (const name in all) removeEventListener(name, all[name]); };
  }, [most]);
  const pick = (event) => { if (event.target.files.length) send(picked(event.target), most); };
  return html`<section class="drop" data-over=${over} aria-labelledby="drop">
    <svg viewBox="0 0 48 48" aria-hidden="true"><path d="M24 6v24M14 21l10 10 10-10M8 34v6h32v-6"/></svg>
    <h2 id="drop">${over ? "Let go, and it is sent" : "Drop a scene here"}</h2>
    <p>One file, several with their textures, a folder, or a zip: Blender, Mitsuba, POV-Ray, V-Ray, glTF, USD, FBX, OBJ. ${bytes(most)} at most.</p>
    <div class="choices">
      <button class="go" onClick=${() => files.current.click()}>Choose files …</button>
      <button class="folder" onClick=${() => folder.current.click()}>Choose a folder …</button>
    </div>
    <input ref=${files} type="file" multiple hidden onChange=${pick} data-pick="files"/>
    <input ref=${folder} type="file" webkitdirectory hidden onChange=${pick} data-pick="folder"/>
  </section>`;
}

function Way({ sending }) {
  const share = sending.total ? Math.min(1, sending.sent / sending.total) : 0;
  return html`<section class="way">
    <p>${sending.stage === "reading" ? "All is there. The scene is being read …"
      : html`<b>${bytes(sending.sent)}</b> of ${bytes(sending.total)}, ${plural(sending.count, "file")}`}</p>
    <${Bar} value=${sending.stage === "reading" ? 1 : share} label="Sent"/>
    <button onClick=${giveUp}>Give up</button>
  </section>`;
}

function Field({ name, label, hint, wrong, children, ...more }) {
  const said = [hint && `${name}-hint`, wrong && `${name}-wrong`].filter(Boolean).join(" ") || undefined;
  const own = { id: `f-${name}`, name, "aria-describedby": said, "aria-invalid": wrong ? "true" : undefined, ...more };
  return html`<div class="field" data-wrong=${Boolean(wrong)}><label for=${`f-${name}`}>${label}</label>
    ${children ? html`<select ...${own}>${children}</select>` : html`<input type="text" autocomplete="off" spellcheck=${false} ...${own}/>`}
    ${hint && html`<p class="hint" id=${`${name}-hint`}>${hint}</p>`}
    ${wrong && html`<p class="wrong" id=${`${name}-wrong`}><${Glyph} of="bad"/> ${wrong}</p>`}</div>`;
}

const FIELDS = ["frames", "size", "samples", "camera", "priority", "name", "out"];
const number = (text) => (/^\d+$/.test(text) ? Number(text) : text);

/** The job's fields, of what was typed; an empty one is left to the scene. */
function asked(form, kind) {
  const job = {};
  for (const name of FIELDS) {
    const typed = String(form.get(name) ?? "").trim();
    if (typed) job[name] = ["samples", "priority"].includes(name) ? number(typed) : typed;
  }
  return kind === "animation" && !job.frames ? null : job;
}

function Form({ told }) {
  const [kind, setKind] = useState(told.sequence ? "animation" : "still");
  const [wrong, setWrong] = useState({});
  const [starts, setStarts] = useState(false);
  const box = useRef(null);
  useEffect(() => { box.current.querySelector("[aria-invalid], [role='alert']")?.focus(); }, [wrong]);
  const submit = async (event) => {
    event.preventDefault();
    const job = asked(new FormData(event.target), kind);
    if (!job) { setWrong({ frames: "Say which frames, such as 1-48 or 1-48,60,70-90x2." }); return; }
    setStarts(true);
    try {
      const begun = await start(told.scene, job);
      say(begun.said);
      location.hash = `#/job/${encodeURIComponent(begun.job)}`;
    } catch (error) {
      setStarts(false);
      setWrong(error.fields || { "": error.message });
    }
  };
  const others = Object.entries(wrong).filter(([name]) => !FIELDS.includes(name));
  const own = (value) => (value ? `Empty is the scene's own, ${value}.` : "Empty is the scene's own.");
  const still = kind === "still";
  return html`<form class="ask" ref=${box} onSubmit=${submit} noValidate>
    ${(told.problem || told.unread) && html`<p class="alert" role="alert"><${Glyph} of=${told.problem ? "bad" : "warn"}/> ${told.problem || told.unread}</p>`}
    <p class="read">${[told.renderer, told.size, told.samples && plural(told.samples, "sample"), told.frames && `frames ${told.frames}`].filter(Boolean).join(" · ")}</p>
    ${told.scenes.length > 1 && html`<div class="field"><label for="f-scene">Scene</label><select id="f-scene" onChange=${(event) => read(event.target.value)}>
      ${told.scenes.map((scene) => html`<option key=${scene} value=${scene} selected=${scene === told.scene}>${scene}</option>`)}</select>
      <p class="hint">There are ${told.scenes.length} scenes among the files.</p></div>`}
    <fieldset><legend>Render</legend>
      <label><input type="radio" name="kind" value="still" checked=${still} onChange=${() => setKind("still")}/> a still</label>
      <label><input type="radio" name="kind" value="animation" checked=${!still} onChange=${() => setKind("animation")}/> an animation</label>
    </fieldset>
    <div class="fields">
      <${Field} key=${kind} name="frames" label=${still ? "Frame" : "Frames"} wrong=${wrong.frames} defaultValue=${still ? (told.sequence ? told.frames.split(/\D/)[0] : "") : told.frames || ""}
        hint=${still ? "Its number. Empty is the scene as it is." : "Such as 1-48, or 1-48,60,70-90x2."}/>
      <${Field} name="size" label="Size" wrong=${wrong.size} hint=${own(told.size)} placeholder=${told.size}/>
      <${Field} name="samples" label="Samples" wrong=${wrong.samples} hint=${own(told.samples)} placeholder=${told.samples} inputMode="numeric"/>
      ${told.cameras?.length > 1 && html`<${Field} name="camera" label="Camera" wrong=${wrong.camera}>
        ${told.cameras.map((name, nth) => html`<option key=${name} value=${nth ? name : ""}>${name}</option>`)}</${Field}>`}
      <${Field} name="priority" label="Priority" wrong=${wrong.priority} defaultValue="50" hint="0 to 100. More urgent jobs get nodes first; 50 is usual." inputMode="numeric"/>
      <${Field} name="name" label="Name" wrong=${wrong.name} defaultValue=${told.title} hint="What the job and its files are called."/>
      <${Field} name="out" label="Pictures go to" wrong=${wrong.out} defaultValue=${told.out} hint="A folder, or s3://bucket/prefix."/>
    </div>
    ${told.notes.length > 0 && html`<details><summary>What is rendered otherwise than the scene asks</summary><ul>${told.notes.map((note) => html`<li key=${note}>${note}</li>`)}</ul></details>`}
    ${others.length > 0 && html`<div class="alert" role="alert" tabIndex="-1"><${Glyph} of="bad"/> ${others.map(([name, said]) => `${name ? `${name}: ` : ""}${said}`).join(" ")}</div>`}
    <div class="choices"><button type="button" onClick=${giveUp}>Drop another</button>
      <button type="submit" class="go" disabled=${starts}>${starts ? "Starting …" : "Render"}</button></div>
  </form>`;
}
