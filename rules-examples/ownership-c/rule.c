/*
 * What one owns, one may change and delete; some fields not even then.
 *
 * The rule of the first Hapta's README. How its code was read, and why so: ../ownership/README.md.
 */
#include "hapta.h"

#include <string.h>

/* The code of every denial; the first Hapta's `ErrorCodes.OWNERSHIP_REQUIRED`, number 104. */
#define OWNERSHIP_REQUIRED "ownership_required"

#define COUNT(list) (sizeof list / sizeof *list)
#define TEXT(literal) {literal, sizeof literal - 1}

static const hapta_string PROTECTED[] = {
    TEXT("validVerified"), TEXT("postr_plus"), TEXT("followers"), TEXT("postr_subscriber_since"),
};

static const hapta_string OTHERS[] = {
    TEXT("username"),   TEXT("email"),     TEXT("verified"), TEXT("validVerified"),
    TEXT("postr_plus"), TEXT("following"), TEXT("bio"),      TEXT("postr_subscriber_since"),
};

/* What the operator may set; what is not said is as in the first Hapta's README. */
static struct {
    const char *users;           /* the collection of those who can own; a record of it is its own owner */
    const char *owner_field;     /* the field of any other collection's records that holds the owner's id */
    hapta_strings protected;     /* the fields of one's own record in `users` that one may not change */
    bool others_may_update;      /* whether users may change `others_fields` of each other's records */
    hapta_strings others_fields; /* the fields that they may change then */
    bool creators_are_owners;    /* whether one must be the owner of what one creates */
    hapta_strings hide;          /* the fields to take out of records that are not one's own */
} settings = {
    .users = "users",
    .owner_field = "author",
    .protected = {PROTECTED, COUNT(PROTECTED)},
    .others_fields = {OTHERS, COUNT(OTHERS)},
};

/* ---- settings ---- */

/* A name that can't be one in PocketBase would guard nothing. */
static bool is_name(hapta_string name) {
    for (size_t i = 0; i < name.length; i++) {
        char letter = name.at[i];
        if (!((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
              (letter >= '0' && letter <= '9') || letter == '_'))
            return false;
    }
    return name.length > 0;
}

static bool no_name(const char *key, hapta_string name) {
    char *wrong = (char *) hapta_keep((hapta_string) {name.at, name.length});
    size_t length = strlen(wrong);
    char text[256];
    if (length > 200) length = 200;
    text[0] = '"';
    memcpy(text + 1, wrong, length);
    memcpy(text + 1 + length, "\" is no name", sizeof "\" is no name");
    return hapta_refuse(hapta_of(key), hapta_keep(hapta_of(text)));
}

static bool take_name(hapta_document said, const char *key, const char **name) {
    const char *pointer = hapta_pointer(hapta_of(key));
    if (!hapta_has(said, pointer)) return true;
    hapta_string text = hapta_text(said, pointer);
    if (text.at == NULL) return hapta_refuse(hapta_of(key), "is no text");
    if (!is_name(text)) return no_name(key, text);
    *name = hapta_keep(text);
    return true;
}

static bool take_names(hapta_document said, const char *key, hapta_strings *names) {
    const char *pointer = hapta_pointer(hapta_of(key));
    if (!hapta_has(said, pointer)) return true;
    size_t others;
    hapta_strings texts = hapta_texts(said, pointer, &others);
    if (others != 0) return hapta_refuse(hapta_of(key), "is no list of texts");
    for (size_t i = 0; i < texts.length; i++)
        if (!is_name(texts.at[i])) return no_name(key, texts.at[i]);
    *names = hapta_keep_all(texts);
    return true;
}

static bool take_truth(hapta_document said, const char *key, bool *truth) {
    const char *pointer = hapta_pointer(hapta_of(key));
    hapta_kind kind = hapta_get(said, pointer).kind;
    if (kind != HAPTA_NOTHING && kind != HAPTA_BOOLEAN) return hapta_refuse(hapta_of(key), "is neither true nor false");
    *truth = hapta_truth(said, pointer, *truth);
    return true;
}

static bool take_all(hapta_document said) {
    static const char *const known[] = {"users",         "owner_field",         "protected", "others_may_update",
                                        "others_fields", "creators_are_owners", "hide"};
    if (!hapta_only(said, known, COUNT(known)) || !take_name(said, "users", &settings.users) ||
        !take_name(said, "owner_field", &settings.owner_field) ||
        !take_names(said, "protected", &settings.protected) ||
        !take_truth(said, "others_may_update", &settings.others_may_update) ||
        !take_names(said, "others_fields", &settings.others_fields) ||
        !take_truth(said, "creators_are_owners", &settings.creators_are_owners) ||
        !take_names(said, "hide", &settings.hide))
        return false;
    /* Without these nobody could tell any more whose the record is. */
    if (hapta_among(hapta_of("id"), settings.hide)) return hapta_refuse(hapta_of("hide"), "id must stay");
    if (hapta_among(hapta_of("collectionId"), settings.hide))
        return hapta_refuse(hapta_of("hide"), "collectionId must stay");
    if (hapta_among(hapta_of("collectionName"), settings.hide))
        return hapta_refuse(hapta_of("hide"), "collectionName must stay");
    return true;
}

bool configure(hapta_document said, hapta_manifest *manifest) {
    if (!take_all(said)) return false;
    hapta_calls(manifest, settings.hide.length > 0 ? HAPTA_BEFORE | HAPTA_REVEAL : HAPTA_BEFORE);
    hapta_judges(manifest, HAPTA_UPDATE);
    hapta_judges(manifest, HAPTA_DELETE);
    if (settings.creators_are_owners) hapta_judges(manifest, HAPTA_CREATE);
    for (size_t i = 0; i < settings.hide.length; i++) hapta_removes(manifest, NULL, settings.hide.at[i]);
    hapta_denies(manifest, OWNERSHIP_REQUIRED);
    return true;
}

/* ---- whose it is ---- */

/* The id of who asks, if that is one of the users; others who can log in own nothing. */
static hapta_string user_of(hapta_request request) {
    hapta_document principal = hapta_principal(request);
    bool is_user = hapta_is(hapta_text(principal, "/collectionName"), settings.users);
    return is_user ? hapta_text(principal, "/id") : HAPTA_NONE;
}

/* Whose a record of any other collection is. */
static hapta_string owner_of(hapta_document record) {
    return hapta_text(record, hapta_pointer(hapta_of(settings.owner_field)));
}

static hapta_verdict not_yours(void) { return hapta_deny(403, OWNERSHIP_REQUIRED, "This is not yours."); }

/* Whether it is the user's own record that the request is about. */
static hapta_fault owns(hapta_request request, hapta_string user, bool *does) {
    if (hapta_is(hapta_collection(request), settings.users)) {
        *does = hapta_same(hapta_record_id(request), user);
        return HAPTA_OK;
    }
    /* A record that isn't there is nobody's, so it can't be told from somebody else's. */
    hapta_document stored;
    hapta_fault fault = hapta_stored(request, &stored);
    *does = fault == HAPTA_OK && hapta_same(owner_of(stored), user);
    return fault;
}

static hapta_verdict owned(hapta_request request, hapta_string user) {
    bool does;
    hapta_fault fault = owns(request, user, &does);
    if (fault != HAPTA_OK) return hapta_deny_fault(fault);
    return does ? HAPTA_ALLOW : not_yours();
}

/* The field that a key of a body is about: `author` of `author+`, `+author` and `author:autogenerate`. */
static hapta_string bare(hapta_string key) {
    const char *colon = key.length == 0 ? NULL : memchr(key.at, ':', key.length);
    if (colon != NULL) key.length = (size_t) (colon - key.at);
    while (key.length > 0 && (key.at[0] == '+' || key.at[0] == '-')) key.at++, key.length--;
    while (key.length > 0 && (key.at[key.length - 1] == '+' || key.at[key.length - 1] == '-')) key.length--;
    return key;
}

/* Whether the body says that the record is the user's, and says nothing else of whose it is. */
static hapta_verdict will_own(hapta_request request, hapta_string user) {
    hapta_document body = hapta_body(request);
    bool says = hapta_same(owner_of(body), user);
    hapta_strings keys = hapta_keys(body, "");
    for (size_t i = 0; i < keys.length; i++)
        /* `author+` beside `author` would change it after all. */
        if (!hapta_is(keys.at[i], settings.owner_field) && hapta_is(bare(keys.at[i]), settings.owner_field)) says = false;
    if (says) return HAPTA_ALLOW;
    hapta_deny_field(hapta_of(settings.owner_field), OWNERSHIP_REQUIRED, "It has to be you.");
    return hapta_deny(403, OWNERSHIP_REQUIRED, "This would not be yours.");
}

/* Refuses a write for those of the fields it changes that are in the list, or are not, naming all of them. */
static hapta_verdict refuse(hapta_request request, hapta_strings list, bool listed) {
    hapta_strings changes = hapta_changes(request);
    hapta_verdict verdict = HAPTA_ALLOW;
    for (size_t i = 0; i < changes.length; i++) {
        if (hapta_among(changes.at[i], list) != listed) continue;
        hapta_deny_field(changes.at[i], OWNERSHIP_REQUIRED, "Not yours to change.");
        verdict = hapta_deny(403, OWNERSHIP_REQUIRED, "These fields are not yours to change.");
    }
    return verdict;
}

static hapta_verdict update_user(hapta_request request, hapta_string user) {
    bool does;
    hapta_fault fault = owns(request, user, &does);
    if (fault != HAPTA_OK) return hapta_deny_fault(fault);
    if (does) return refuse(request, settings.protected, true);
    if (settings.others_may_update && user.at != NULL) return refuse(request, settings.others_fields, false);
    return not_yours();
}

/* ---- the hooks ---- */

hapta_verdict before(hapta_request request) {
    hapta_string user = user_of(request);
    bool is_user = hapta_is(hapta_collection(request), settings.users);
    switch (hapta_asks(request)) {
        case HAPTA_CREATE: return is_user ? refuse(request, settings.protected, true) : will_own(request, user);
        case HAPTA_DELETE: return owned(request, user);
        case HAPTA_UPDATE:
            if (is_user) return update_user(request, user);
            if (owned(request, user) != HAPTA_ALLOW) return HAPTA_DENY;
            /* Else what one owns could be passed off as somebody else's. */
            if (hapta_among(hapta_of(settings.owner_field), hapta_changes(request))) return will_own(request, user);
            return HAPTA_ALLOW;
        default: return HAPTA_ALLOW;
    }
}

hapta_verdict reveal(hapta_request request, hapta_document record) {
    bool is_user = hapta_is(hapta_text(record, "/collectionName"), settings.users);
    hapta_string owner = is_user ? hapta_text(record, "/id") : owner_of(record);
    if (hapta_same(owner, user_of(request))) return HAPTA_ALLOW;
    for (size_t i = 0; i < settings.hide.length; i++) {
        hapta_edit edit = hapta_remove(record, hapta_pointer(settings.hide.at[i]));
        if (edit != HAPTA_DONE) return hapta_deny_edit(edit);
    }
    return HAPTA_ALLOW;
}
