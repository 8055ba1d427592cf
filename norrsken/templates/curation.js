// What the pages share: a table as text, files in and out, and work that is kept in this browser.

const byId = (id) => document.getElementById(id);

/** Say something above the page; nothing to take it away. */
function say(text) {
  byId("message").textContent = text;
  byId("message").hidden = !text;
}

/** Rows of a CSV text as objects by the names of its first line; quotes and line ends of all kinds are understood. */
function parseCsv(text) {
  const rows = [[""]];
  let quoted = false;
  text = text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
  for (let i = 0; i < text.length; i++) {
    const row = rows[rows.length - 1];
    if (quoted) {
      if (text[i] !== '"') row[row.length - 1] += text[i];
      else if (text[i + 1] === '"') row[row.length - 1] += text[++i];
      else quoted = false;
    } else if (text[i] === '"') quoted = true;
    else if (text[i] === ",") row.push("");
    else if (text[i] === "\n") rows.push([""]);
    else row[row.length - 1] += text[i];
  }
  const [names, ...lines] = rows.filter((row) => row.length > 1 || row[0] !== "");
  const objects = lines.map((row) => Object.fromEntries(names.map((name, i) => [name.trim(), (row[i] ?? "").trim()])));
  return { names: (names ?? []).map((name) => name.trim()), rows: objects };
}

/** Give the browser's user a file. No value holds a comma or a quote. */
function download(name, header, rows) {
  const text = [header, ...rows].map((row) => row.join(",") + "\n").join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const result = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

let database = null;
try {
  const request = indexedDB.open("norrsken", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("kept");
  database = await result(request);
} catch (error) {
  say(`This browser cannot keep what you do (${error.message}). Export before you close the page.`);
}

/**
 * Values by key that outlive the page. A change is written to the disk as it is made, not when the page is left; until it
 * is there #progress is busy, and after that not even a crash takes it.
 */
class Kept {
  static writing = 0; // changes that are not on the disk yet, of all scopes
  constructor(scope) {
    this.scope = scope;
    this.values = new Map();
  }
  /** What was kept under a scope, which is a list of names. */
  static async open(...scope) {
    const kept = new Kept(scope);
    if (database) {
      const store = database.transaction("kept").objectStore("kept");
      const range = IDBKeyRange.bound(scope, [...scope, []]);
      const [keys, values] = await Promise.all([result(store.getAllKeys(range)), result(store.getAll(range))]);
      for (const [i, key] of keys.entries()) kept.values.set(key.at(-1), values[i]);
    }
    return kept;
  }
  get(key) {
    return this.values.get(key);
  }
  set(key, value) {
    this.setAll([[key, value]]);
  }
  /** Keep pairs of key and value; undefined: forget. */
  setAll(pairs) {
    for (const [key, value] of pairs)
      if (value === undefined) this.values.delete(key);
      else this.values.set(key, value);
    if (!database) return;
    const transaction = database.transaction("kept", "readwrite", { durability: "strict" });
    Kept.busy(+1);
    const store = transaction.objectStore("kept");
    for (const [key, value] of pairs)
      if (value === undefined) store.delete([...this.scope, key]);
      else store.put(value, [...this.scope, key]);
    transaction.oncomplete = () => Kept.busy(-1);
    transaction.onabort = () => {
      Kept.busy(-1);
      say(`The last change was not kept (${transaction.error?.message}). Export before you close the page.`);
    };
  }
  static busy(more) {
    Kept.writing += more;
    byId("progress").ariaBusy = String(Kept.writing > 0);
  }
}

/** A name that can be the name of a file and stand in a table. */
const isName = (text) => /^[A-Za-z0-9_-]+$/.test(text);

/**
 * Let the user choose a CSV file that has these columns. `take(row, found)` adds a row to the map `found`, or says why it
 * cannot be used; `keep(found)` gets what was found, and says how much of it is new.
 */
function imported(columns, take, keep) {
  byId("import").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    const { names, rows } = parseCsv(await file.text());
    event.target.value = "";
    const missing = columns.filter((column) => !names.includes(column));
    if (missing.length)
      return say(`${file.name}: the column ${missing[0]} is missing; found ${names.join(", ") || "nothing"}.`);
    const found = new Map();
    const problems = rows.flatMap((row, k) => {
      const why = take(row, found);
      return why ? [`${file.name}, row ${k + 2}: ${why}`] : [];
    });
    const more = problems.length > 5 ? [`… and ${problems.length - 5} more`] : [];
    const taken = await keep(found);
    if (taken) say([`${taken} taken from ${file.name}.`, ...problems.slice(0, 5), ...more].join("\n"));
  });
}
