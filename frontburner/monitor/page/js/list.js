// Virtual lists and grids: only visible cells are rendered; arrow keys move the focus.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./view.js";

const OVERSCAN = 6; // rows beyond the visible ones

function useVisibleRows(box, rows, height) {
  const [visible, set] = useState([0, 30]);
  const measure = () => {
    if (!box.current) return;
    const top = box.current.getBoundingClientRect().top;
    const from = Math.max(0, Math.min(rows, Math.floor(-top / height) - OVERSCAN));
    const to = Math.max(from, Math.min(rows, Math.ceil((innerHeight - top) / height) + OVERSCAN));
    set((before) => (before[0] === from && before[1] === to ? before : [from, to]));
  };
  useLayoutEffect(measure); // content above may have grown
  useLayoutEffect(() => {
    let pending = 0;
    const soon = () => { if (!pending) pending = requestAnimationFrame(() => { pending = 0; measure(); }); };
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon);
    return () => { cancelAnimationFrame(pending); removeEventListener("scroll", soon); removeEventListener("resize", soon); };
  }, [rows, height]);
  return visible;
}

/**
 * @param items the items
 * @param height height of a row in pixels
 * @param columns cells in a row
 * @param draw renders a cell: (item, nth, focusable) => …; focusable is spread on the element that takes the focus
 */
export function List({ items, height, columns = 1, draw, keyOf, label, kind = "list", className = "", gap = 0 }) {
  const box = useRef(null);
  const [active, setActive] = useState(0);
  const moveFocus = useRef(false);
  const rows = Math.ceil(items.length / columns);
  const [from, to] = useVisibleRows(box, rows, height);
  useEffect(() => {
    if (!moveFocus.current) return;
    moveFocus.current = false;
    box.current.querySelector(`[data-nth="${active}"] [data-focus]`)?.focus({ preventScroll: true });
  });
  const go = (nth) => {
    const next = Math.max(0, Math.min(items.length - 1, nth));
    const top = box.current.getBoundingClientRect().top + Math.floor(next / columns) * height;
    const head = 64;
    if (top < head) scrollBy(0, top - head);
    else if (top + height > innerHeight) scrollBy(0, top + height - innerHeight + 8);
    moveFocus.current = true;
    setActive(next);
  };
  const onKeyDown = (event) => {
    const page = Math.max(1, Math.floor(innerHeight / height) - 2) * columns;
    const steps = { ArrowDown: columns, ArrowUp: -columns, j: columns, k: -columns, PageDown: page, PageUp: -page,
      ...(columns > 1 ? { ArrowRight: 1, ArrowLeft: -1 } : {}), Home: -items.length, End: items.length };
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey || !event.target.matches("[data-focus]")) return;
    event.preventDefault();
    go(active + steps[event.key]);
  };
  const shown = [];
  for (let nth = from * columns; nth < Math.min(items.length, to * columns); nth++) shown.push(nth);
  if (active < items.length && !shown.includes(active)) shown.push(active);
  const cell = (nth) => html`<div key=${keyOf(items[nth])} class="cell" data-nth=${nth}
      role=${kind === "list" ? "listitem" : "row"} aria-posinset=${kind === "list" ? nth + 1 : undefined} aria-setsize=${kind === "list" ? items.length : undefined}
      aria-rowindex=${kind === "list" ? undefined : nth + 2}
      onFocusIn=${() => setActive(nth)}
      style=${{ top: `${Math.floor(nth / columns) * height}px`, height: `${height - gap}px`,
        left: `${(100 * (nth % columns)) / columns}%`, width: columns > 1 ? `calc(${100 / columns}% - ${gap}px)` : "100%" }}>
    ${draw(items[nth], nth, { "data-focus": "", tabIndex: nth === active ? 0 : -1 })}
  </div>`;
  return html`<div class=${`virtual-list ${className}`} ref=${box} role=${kind === "list" ? "list" : "rowgroup"} aria-label=${label}
      style=${{ height: `${rows * height}px` }} onKeyDown=${onKeyDown}>${shown.map(cell)}</div>`;
}

export function useWidth(box, start = 900) {
  const [width, set] = useState(start);
  useLayoutEffect(() => {
    if (!box.current) return;
    const watch = new ResizeObserver(([entry]) => set(Math.floor(entry.contentRect.width)));
    watch.observe(box.current);
    set(Math.floor(box.current.clientWidth));
    return () => watch.disconnect();
  }, []);
  return width;
}

export function useMedia(query) {
  const [matches, set] = useState(() => globalThis.matchMedia(query).matches);
  useEffect(() => {
    const media = globalThis.matchMedia(query), update = () => set(media.matches);
    media.addEventListener("change", update);
    return () => media.removeEventListener("change", update);
  }, [query]);
  return matches;
}
