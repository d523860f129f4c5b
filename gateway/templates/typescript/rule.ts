// The author of a record alone changes and deletes it.

import { type Request, deny, rule } from "@hapta/rule";

/** What the operator may set, and what goes where nothing is said. Other keys are refused. */
const settings = {
  /** The collection that authors log in to. */
  users: "users",
  /** The field that holds the author's id. */
  author_field: "author",
};

export default rule({
  settings,

  // What the gateway holds the rule to: it is called for these operations, and denies with these codes.
  manifest: {
    operations: ["update", "delete"],
    denials: ["not_the_author", "author_stays"],
  },

  // A request is about to go to PocketBase: returning lets it pass, deny(…) refuses it.
  before(request, { users, author_field }) {
    if (request.isSuperuser) return;

    // The record as PocketBase holds it: what the client says of it is no proof.
    const author = request.stored()?.str(`/${author_field}`);
    const who = userOf(request, users);
    if (who === undefined || author !== who) {
      throw deny(403, "not_the_author", "Only its author changes this.");
    }
    // By `changes`, and not by the keys of the body: PocketBase takes `author+` for `author`.
    if (request.changes().includes(author_field)) {
      throw deny(403, "author_stays", "The author stays the same.", {
        [author_field]: "This can't be changed.",
      });
    }
  },
});

/** The id of who asks, if that is one of the users. Ids are told apart within one collection only. */
function userOf(request: Request, users: string): string | undefined {
  const principal = request.principal;
  return principal?.str("/collectionName") === users ? principal.str("/id") : undefined;
}
