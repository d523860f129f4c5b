// What one owns, one may change and delete; some fields not even then.
//
// The rule of the first Hapta's README. How its code was read, and why so: ../ownership/README.md.

import { Denial, type Document, type Request, SettingsError, deny, rule } from "@hapta/rule";

/** The code of every denial; the first Hapta's `ErrorCodes.OWNERSHIP_REQUIRED`, number 104. */
const OWNERSHIP_REQUIRED = "ownership_required";

/** What the operator may set; what is not said is as in the first Hapta's README. */
const usual = {
  /** The collection of those who can own. A record of it is its own owner. */
  users: "users",
  /** The field of any other collection's records that holds the owner's id. */
  owner_field: "author",
  /** The fields of one's own record in `users` that one may not change. */
  protected: ["validVerified", "postr_plus", "followers", "postr_subscriber_since"],
  /** Whether users may change `others_fields` of each other's records in `users`. */
  others_may_update: false,
  /** The fields that they may change then. */
  others_fields: [
    "username",
    "email",
    "verified",
    "validVerified",
    "postr_plus",
    "following",
    "bio",
    "postr_subscriber_since",
  ],
  /** Whether one must be the owner of what one creates, and a new user may not have protected fields. */
  creators_are_owners: false,
  /** The fields to take out of records that are not one's own, in every collection. */
  hide: [] as string[],
};

type Settings = Readonly<typeof usual>;

export default rule({
  settings: usual,

  configure(settings) {
    const names = {
      users: [settings.users],
      owner_field: [settings.owner_field],
      protected: settings.protected,
      others_fields: settings.others_fields,
      hide: settings.hide,
    };
    for (const [key, list] of Object.entries(names)) {
      // A name that can't be one in PocketBase would guard nothing.
      const wrong = list.find((name) => typeof name !== "string" || !/^[A-Za-z0-9_]+$/.test(name));
      if (wrong !== undefined) throw new SettingsError(key, `${JSON.stringify(wrong)} is no name`);
    }
    // Without these nobody could tell any more whose the record is.
    const needed = ["id", "collectionId", "collectionName"].find((name) => settings.hide.includes(name));
    if (needed !== undefined) throw new SettingsError("hide", `${needed} must stay`);
  },

  manifest: (settings) => ({
    hooks: settings.hide.length > 0 ? ["before", "reveal"] : ["before"],
    operations: settings.creators_are_owners ? ["update", "delete", "create"] : ["update", "delete"],
    removes: { "*": settings.hide },
    denials: [OWNERSHIP_REQUIRED],
  }),

  before(request, settings) {
    const user = userOf(request, settings);
    switch (request.operation) {
      case "create":
        if (request.collection === settings.users) refuse(request, isIn(settings.protected));
        else willOwn(request, user, settings);
        break;
      case "delete":
        if (!owns(request, user, settings)) throw notYours();
        break;
      case "update":
        if (request.collection === settings.users) {
          updateUser(request, user, settings);
          break;
        }
        if (!owns(request, user, settings)) throw notYours();
        // Else what one owns could be passed off as somebody else's.
        if (request.changes().includes(settings.owner_field)) willOwn(request, user, settings);
    }
  },

  reveal(request, record, settings) {
    const isUser = record.str("/collectionName") === settings.users;
    const owner = isUser ? record.str("/id") : ownerOf(record, settings);
    if (owner === undefined || owner !== userOf(request, settings)) {
      for (const field of settings.hide) record.remove(`/${field}`);
    }
  },
});

/** The id of who asks, if that is one of the users; others who can log in own nothing. */
function userOf(request: Request, settings: Settings): string | undefined {
  const principal = request.principal;
  return principal?.str("/collectionName") === settings.users ? principal.str("/id") : undefined;
}

/** Whose a record of any other collection is. */
function ownerOf(record: Document, settings: Settings): string | undefined {
  return record.str(`/${settings.owner_field}`);
}

/** Whether it is the user's own record that the request is about. */
function owns(request: Request, user: string | undefined, settings: Settings): boolean {
  if (request.collection === settings.users) return user !== undefined && request.recordId === user;
  // A record that isn't there is nobody's, so it can't be told from somebody else's.
  const stored = request.stored();
  return user !== undefined && stored !== null && ownerOf(stored, settings) === user;
}

/** Sees to it that the body says that the record is the user's, and says nothing else of whose it is. */
function willOwn(request: Request, user: string | undefined, settings: Settings): void {
  const field = settings.owner_field;
  const body = request.body;
  // `author+` beside `author` would change it after all.
  const modified = body?.keys().some((key) => key !== field && bare(key) === field);
  if (body === null || modified || user === undefined || ownerOf(body, settings) !== user) {
    throw deny(403, OWNERSHIP_REQUIRED, "This would not be yours.", { [field]: "It has to be you." });
  }
}

function updateUser(request: Request, user: string | undefined, settings: Settings): void {
  if (owns(request, user, settings)) {
    refuse(request, isIn(settings.protected));
  } else if (settings.others_may_update && user !== undefined) {
    const allowed = isIn(settings.others_fields);
    refuse(request, (field) => !allowed(field));
  } else {
    throw notYours();
  }
}

/** Refuses a write for those of the fields it changes that are refused, naming all of them. */
function refuse(request: Request, refused: (field: string) => boolean): void {
  const fields = request.changes().filter(refused);
  if (fields.length > 0) {
    const wrong = Object.fromEntries(fields.map((field) => [field, "Not yours to change."]));
    throw deny(403, OWNERSHIP_REQUIRED, "These fields are not yours to change.", wrong);
  }
}

function notYours(): Denial {
  return new Denial(403, OWNERSHIP_REQUIRED, "This is not yours.");
}

function isIn(list: readonly string[]): (field: string) => boolean {
  return (field) => list.includes(field);
}

/** The field that a key of a body is about: `author` of `author+`, `+author` and `author:autogenerate`. */
function bare(key: string): string {
  return (key.split(":")[0] ?? key).replace(/^[+-]+|[+-]+$/g, "");
}
