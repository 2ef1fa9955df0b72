// Files that are dropped or picked: each with its path below the dropped folder, without files of the operating system.

const SYSTEM_FILES = ["__MACOSX", "Thumbs.db", "desktop.ini"];
const isRelevant = ({ name }) => !name.split("/").some((part) => part.startsWith(".") || SYSTEM_FILES.includes(part));

export async function dropped(transfer) {
  // Entries are only available while the event lasts.
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() || item.getAsFile()).filter(Boolean);
  const found = [];
  for (const entry of entries) await walk(entry, "", found);
  return found.filter(isRelevant);
}

export const picked = (input) => [...input.files].map((file) => ({ name: file.webkitRelativePath || file.name, file })).filter(isRelevant);

async function walk(entry, above, found) {
  if (entry instanceof File) found.push({ name: entry.name, file: entry });
  else if (entry.isFile) found.push({ name: above + entry.name, file: await new Promise((done, fail) => entry.file(done, fail)) });
  else {
    const reader = entry.createReader();
    for (;;) { // returns a hundred at a time
      const batch = await new Promise((done, fail) => reader.readEntries(done, fail));
      if (!batch.length) break;
      for (const inner of batch) await walk(inner, `${above}${entry.name}/`, found);
    }
  }
}
