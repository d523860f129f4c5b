/* The author of a record alone changes and deletes it. */
#include "hapta.h"

#define COUNT(list) (sizeof list / sizeof *list)

/* The codes of its denials: what clients go by. */
#define NOT_THE_AUTHOR "not_the_author"
#define AUTHOR_STAYS "author_stays"

/* What the operator may set, and what goes where nothing is said. Other keys are refused. */
static const char *const KEYS[] = {"users", "author_field"};
static const char *users = "users";         /* the collection that authors log in to */
static const char *author_field = "author"; /* the field that holds the author's id */

/* Reads one of the settings; false, and refused, where it is no text. */
static bool take(hapta_document settings, const char *key, const char **kept) {
    const char *pointer = hapta_pointer(hapta_of(key));
    if (!hapta_has(settings, pointer)) return true;
    hapta_string text = hapta_text(settings, pointer);
    if (text.at == NULL) return hapta_refuse(hapta_of(key), "is no text");
    /* What a hook is given is gone when it returns: this stays. */
    *kept = hapta_keep(text);
    return true;
}

/* Once, at load: takes the settings, and tells what the gateway holds the rule to. */
bool configure(hapta_document settings, hapta_manifest *manifest) {
    if (!hapta_only(settings, KEYS, COUNT(KEYS))) return false;
    if (!take(settings, "users", &users) || !take(settings, "author_field", &author_field)) return false;
    hapta_calls(manifest, HAPTA_BEFORE);
    hapta_judges(manifest, HAPTA_UPDATE);
    hapta_judges(manifest, HAPTA_DELETE);
    hapta_denies(manifest, NOT_THE_AUTHOR);
    hapta_denies(manifest, AUTHOR_STAYS);
    return true;
}

/* The id of who asks, if that is one of the users. Ids are told apart within one collection only. */
static hapta_string user_of(hapta_request request) {
    hapta_document principal = hapta_principal(request);
    if (!hapta_is(hapta_text(principal, "/collectionName"), users)) return HAPTA_NONE;
    return hapta_text(principal, "/id");
}

/* A request is about to go to PocketBase: HAPTA_ALLOW lets it pass, hapta_deny(…) refuses it. */
hapta_verdict before(hapta_request request) {
    if (hapta_is_superuser(request)) return HAPTA_ALLOW;

    /* The record as PocketBase holds it: what the client says of it is no proof. */
    hapta_document stored;
    hapta_fault fault = hapta_stored(request, &stored);
    if (fault != HAPTA_OK) return hapta_deny_fault(fault);
    hapta_string author = hapta_text(stored, hapta_pointer(hapta_of(author_field)));
    if (!hapta_same(author, user_of(request)))
        return hapta_deny(403, NOT_THE_AUTHOR, "Only its author changes this.");

    /* By the changes, and not by the keys of the body: PocketBase takes `author+` for `author`. */
    if (hapta_among(hapta_of(author_field), hapta_changes(request))) {
        hapta_deny_field(hapta_of(author_field), AUTHOR_STAYS, "This can't be changed.");
        return hapta_deny(403, AUTHOR_STAYS, "The author stays the same.");
    }
    return HAPTA_ALLOW;
}
