// Formats figures and moments like the command line.

const two = (n) => String(n).padStart(2, "0");

export function span(seconds) {
  if (seconds === undefined || seconds === null) return "";
  const whole = Math.max(0, Math.round(seconds));
  const h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60, s = whole % 60;
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

export function clock(iso, now = new Date()) {
  if (!iso) return "";
  const at = new Date(iso);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (at.toDateString() === now.toDateString()) return time;
  const near = Math.abs(at - now) < 6 * 86400e3;
  const day = at.toLocaleDateString("en-GB", near ? { weekday: "short" } : { day: "numeric", month: "short" });
  return `${day} ${time}`;
}

export function clockSeconds(iso) {
  const at = new Date(iso);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function percent(fraction, digits = 0) {
  const value = 100 * fraction;
  const shown = digits === 0 && value > 99 && value < 100 ? 99 : value;
  return `${shown.toFixed(digits)} %`;
}

export function si(count) {
  let value = count;
  for (const unit of ["", " k", " M", " G"]) {
    if (value < 1000) return `${value < 10 && unit ? value.toFixed(1) : Math.round(value)}${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} T`;
}

export function bytes(count) {
  let value = count;
  for (const unit of ["bytes", "kB", "MB", "GB"]) {
    if (value < 1000) return `${value < 10 && unit !== "bytes" ? value.toFixed(1).replace(".0", "") : Math.round(value)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} TB`;
}

export const rate = (perSecond) => (perSecond ? `${si(perSecond)}/s` : "");

export function gib(bytes) {
  return bytes === undefined ? "" : (bytes / 2 ** 30).toFixed(1);
}

export const plural = (count, word, words = `${word}s`) => `${count.toLocaleString("en-GB")} ${count === 1 ? word : words}`;

export const tones = {
  "running": "hot", "rendering": "hot", "ending its units": "hot", "completed": "done", "frames failed": "bad",
  "stopped by an error": "bad", "lost": "warn", "gone": "warn", "not ready": "warn", "unknown": "warn",
  "doesn't answer": "warn",
  "suspended": "rest", "cancelled": "rest", "paused": "rest", "draining": "rest", "in use": "rest",
  "off hours": "rest", "idle": "still", "waiting": "still",
};
export const tone = (state) => tones[state] || "still";
