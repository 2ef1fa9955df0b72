// Files as they are dropped or picked: each with its path below what was dropped, without what systems keep for themselves.

const ELSEWHERE = ["__MACOSX", "Thumbs.db", "desktop.ini"];
const counts = ({ name }) => !name.split("/").some((part) => part.startsWith(".") || ELSEWHERE.includes(part));

export async function dropped(transfer) {
  // Entries can only be asked for while the event lasts.
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() || item.getAsFile()).filter(Boolean);
  const found = [];
  for (const entry of entries) await walk(entry, "", found);
  return found.filter(counts);
}

export const picked = (input) => [...input.files].map((file) => ({ name: file.webkitRelativePath || file.name, file })).filter(counts);

async function walk(entry, above, found) {
  if (entry instanceof File) found.push({ name: entry.name, file: entry });
  else if (entry.isFile) found.push({ name: above + entry.name, file: await new Promise((done, fail) => entry.file(done, fail)) });
  else {
    const reader = entry.createReader();
    for (;;) { // it gives a hundred at a time
      const some = await new Promise((done, fail) => reader.readEntries(done, fail));
      if (!some.length) break;
      for (const inner of some) await walk(inner, `${above}${entry.name}/`, found);
    }
  }
}
