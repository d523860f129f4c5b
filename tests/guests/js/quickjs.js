// What one owns, one may change: the work of rules-examples/ownership, in JavaScript.

const DEFAULTS = {
  users: "users",
  owner_field: "author",
  locked: ["validVerified", "postr_plus", "followers", "postr_subscriber_since"],
  hide: [],
};

let settings;
let pointers;

export function configure(text) {
  const said = JSON.parse(text);
  for (const key of Object.keys(said)) {
    if (!Object.hasOwn(DEFAULTS, key)) throw `there is no setting ${key}`;
  }
  settings = { ...DEFAULTS, ...said };
  pointers = settings.hide.map((field) => `/${field}`);
  return {
    hooks: { before: true, reveal: settings.hide.length > 0, after: false },
    operations: ["update"],
    collections: [],
    removes: settings.hide.map((field) => ({ collection: null, field })),
    drops: false,
    denials: [],
  };
}

export function before(request) {
  const collection = request.collection();
  const owner =
    collection === settings.users
      ? request.recordId()
      : text(stored(request), `/${settings.owner_field}`);
  const user = userOf(request);
  if (user == null || owner !== user) throw denial("This is not yours.", []);
  const fields = request.changes().filter((field) => settings.locked.includes(field));
  if (fields.length > 0) throw denial("These fields are not yours to change.", fields);
}

export function reveal(request, record) {
  const isUser = text(record, "/collectionName") === settings.users;
  const owner = text(record, isUser ? "/id" : `/${settings.owner_field}`);
  if (owner == null || owner !== userOf(request)) {
    for (const pointer of pointers) record.remove(pointer);
  }
}

export function after() {}

function userOf(request) {
  const principal = request.principal();
  return text(principal, "/collectionName") === settings.users ? text(principal, "/id") : null;
}

// What can't be had is nobody's.
function stored(request) {
  try {
    return request.stored();
  } catch {
    return null;
  }
}

// The text at a place; null where there is none, or no document.
function text(document, pointer) {
  const value = document == null ? null : document.get(pointer);
  return value != null && value.tag === "text" ? value.val : null;
}

function denial(message, fields) {
  const code = "ownership_required";
  return {
    status: 403,
    code,
    message,
    fields: fields.map((field) => ({ field, code, message: "Not yours to change." })),
  };
}
