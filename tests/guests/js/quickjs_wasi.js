// Reads the clock, draws a number and prints, and denies with what it saw: what a guest with WASI is given.

let settings;

export function configure(text) {
  settings = JSON.parse(text);
  // Neither is to be had at load: what is frozen then would be the same in every call.
  if (settings.clock) settings.began = Date.now();
  if (settings.random) settings.drawn = Math.random();
  return {
    hooks: { before: true, reveal: false, after: false },
    operations: [],
    collections: [],
    removes: [],
    drops: false,
    denials: [],
  };
}

export function before() {
  if (!settings.tell) return;
  const seen = { now: Date.now(), random: Math.random(), printed: print() };
  throw { status: 418, code: "wasi_seen", message: JSON.stringify(seen), fields: [] };
}

export function reveal() {}

export function after() {}

// By what it printed, if there is anything to print with.
function print() {
  const line = "printed by a guest in JavaScript";
  if (typeof globalThis.console?.log === "function") {
    globalThis.console.log(line);
    return "console";
  }
  if (typeof globalThis.print === "function") {
    globalThis.print(line);
    return "print";
  }
  return null;
}
