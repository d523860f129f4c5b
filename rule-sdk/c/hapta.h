/*
 * What a Hapta rule is written with, in C.
 *
 *     #include "hapta.h"
 *
 *     bool configure(hapta_document settings, hapta_manifest *manifest) {
 *         (void) settings;
 *         hapta_calls(manifest, HAPTA_BEFORE);
 *         hapta_judges(manifest, HAPTA_UPDATE);
 *         return true;
 *     }
 *
 *     hapta_verdict before(hapta_request request) {
 *         hapta_document stored;
 *         hapta_fault fault = hapta_stored(request, &stored);
 *         if (fault != HAPTA_OK) return hapta_deny_fault(fault);
 *         // Ids are told apart within one collection only.
 *         hapta_document who = hapta_principal(request);
 *         bool is_user = hapta_is(hapta_text(who, "/collectionName"), "users");
 *         if (!is_user || !hapta_same(hapta_text(stored, "/author"), hapta_text(who, "/id")))
 *             return hapta_deny(403, "not_yours", "It is somebody else's post.");
 *         return HAPTA_ALLOW;
 *     }
 *
 * Nothing has to be freed. What a hook is given or allocates is gone when it returns; what `configure`
 * allocates stays, so what it keeps of its settings is copied there with `hapta_keep`.
 *
 * Places in documents are JSON Pointers (RFC 6901): "" is the whole, "/author" a key, "/tags/0" an item. What is
 * no pointer, like "author", is a fault of the rule. Passwords and tokens read as the text `[masked]`.
 */
#ifndef HAPTA_H
#define HAPTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For what may not be passed over: the compiler warns where nobody looks at it. */
#define HAPTA_MATTERS __attribute__((warn_unused_result))

/* A text with its length: it may hold any byte, and has none at its end. `at` is NULL where there is none. */
typedef struct {
    const char *at;
    size_t length;
} hapta_string;

typedef struct {
    const hapta_string *at;
    size_t length;
} hapta_strings;

/* No text. */
#define HAPTA_NONE ((hapta_string) {NULL, 0})

/* A C string as a text. */
hapta_string hapta_of(const char *text);

/* Whether both are there, and the same: none is not the same as none. */
bool hapta_same(hapta_string one, hapta_string other);

/* Whether it is this text. */
bool hapta_is(hapta_string one, const char *text);

/* Whether it is one of these. */
bool hapta_among(hapta_string one, hapta_strings list);

/* A copy as a C string, for as long as the rule lives if it is made in `configure`. */
const char *hapta_keep(hapta_string text);

/* Copies of texts, likewise. */
hapta_strings hapta_keep_all(hapta_strings list);

/* A whole number in decimal digits. `printf` and its like want WASI, which a rule has not. */
hapta_string hapta_decimal(int64_t number);

/* The pointer to a key of the whole: "/author" of "author", with `~` and `/` written as they must be. */
const char *hapta_pointer(hapta_string key);

/* A document of the gateway's; one that is not there is answered with nothing, whatever it is asked. */
typedef struct {
    int32_t handle;
} hapta_document;

/* Whether there is one. */
bool hapta_exists(hapta_document document);

typedef enum {
    HAPTA_NOTHING,
    HAPTA_NULL,
    HAPTA_BOOLEAN,
    HAPTA_NUMBER,
    HAPTA_TEXT,
    HAPTA_JSON, /* an object or an array, printed */
} hapta_kind;

typedef struct {
    hapta_kind kind;
    bool boolean;
    double number;
    hapta_string text; /* of HAPTA_TEXT and HAPTA_JSON */
} hapta_value;

hapta_value hapta_null(void);
hapta_value hapta_boolean(bool boolean);
hapta_value hapta_number(double number);
hapta_value hapta_json(const char *printed);
/* A text; where there is none, null. */
hapta_value hapta_string_value(hapta_string text);

/* Why a document did not take an edit. */
typedef enum {
    HAPTA_DONE,
    HAPTA_READ_ONLY,     /* the principal, a stored record, a body after `before` */
    HAPTA_BAD_POINTER,   /* not an RFC 6901 JSON Pointer */
    HAPTA_NO_SUCH_PLACE, /* a parent is missing or is no container */
    HAPTA_BAD_JSON,      /* not one JSON value, or a key twice */
    HAPTA_MASKED,        /* a password or token */
    HAPTA_TOO_LARGE,     /* over the rule's bound */
} hapta_edit;

/* The value at a place. */
hapta_value hapta_get(hapta_document document, const char *pointer);
/* Whether there is anything at a place, if only null. */
bool hapta_has(hapta_document document, const char *pointer);
/* The text at a place; none where there is anything else. */
hapta_string hapta_text(hapta_document document, const char *pointer);
/* The truth value at a place, or this where there is anything else. */
bool hapta_truth(hapta_document document, const char *pointer, bool otherwise);
/* The texts of the array at a place; what is no text is left out and counted. */
hapta_strings hapta_texts(hapta_document document, const char *pointer, size_t *others);
/* The keys of the object at a place; none where there is no object. */
hapta_strings hapta_keys(hapta_document document, const char *pointer);
/* How many items an array, or keys an object, has; false for anything else. */
bool hapta_length(hapta_document document, const char *pointer, uint32_t *length);
/* The whole, printed as JSON. */
hapta_string hapta_print(hapta_document document);
/* Puts a value at a place: replaces it, adds a key, or appends to an array at its length (or `-`). */
HAPTA_MATTERS hapta_edit hapta_set(hapta_document document, const char *pointer, hapta_value to);
/* Takes the value at a place out; what isn't there may be removed. */
HAPTA_MATTERS hapta_edit hapta_remove(hapta_document document, const char *pointer);
/* A document of the rule's own, of a text. It may be edited, and goes nowhere. */
hapta_edit hapta_parse(hapta_string text, hapta_document *document);

/* What is asked of PocketBase, whichever door it came through. */
typedef enum {
    HAPTA_LIST,
    HAPTA_VIEW,
    HAPTA_CREATE,
    HAPTA_UPDATE,
    HAPTA_DELETE,
    HAPTA_AUTH_METHODS,
    HAPTA_AUTH_WITH_PASSWORD,
    HAPTA_AUTH_WITH_OAUTH2,
    HAPTA_REQUEST_OTP,
    HAPTA_AUTH_WITH_OTP,
    HAPTA_AUTH_REFRESH,
    HAPTA_REQUEST_VERIFICATION,
    HAPTA_CONFIRM_VERIFICATION,
    HAPTA_REQUEST_PASSWORD_RESET,
    HAPTA_CONFIRM_PASSWORD_RESET,
    HAPTA_REQUEST_EMAIL_CHANGE,
    HAPTA_CONFIRM_EMAIL_CHANGE,
    HAPTA_IMPERSONATE,
    HAPTA_FILE_TOKEN,
    HAPTA_DOWNLOAD,
    HAPTA_SUBSCRIBE,
    HAPTA_EVENT,
} hapta_operation;

/* The operation's name in the contract, like `auth-refresh`. */
const char *hapta_operation_name(hapta_operation operation);

/* The request under judgement. Only headers and query are the client's unverified claim. */
typedef struct {
    int32_t handle;
} hapta_request;

/* The answer on its way out. */
typedef struct {
    int32_t handle;
} hapta_response;

/* Something that the gateway could not do for a rule. */
typedef enum {
    HAPTA_OK,
    HAPTA_UPSTREAM,    /* PocketBase did not answer, or not in time */
    HAPTA_NOT_HERE,    /* the operation has no such thing: a list has no stored record */
    HAPTA_BAD_FILTER,  /* a filter that doesn't parse, or a parameter without a value */
    HAPTA_EXHAUSTED,   /* the rule's bound is used up, or a counter has no room */
    HAPTA_NOT_GRANTED, /* what is asked for was not granted */
} hapta_fault;

/* More about the last fault, in words; none where there is no more. */
hapta_string hapta_why(void);

typedef struct {
    hapta_string field;
    hapta_string name;
    uint64_t size;           /* bytes */
    hapta_string media_type; /* sniffed from the bytes, not the client's word */
} hapta_upload;

typedef struct {
    const hapta_upload *at;
    size_t length;
} hapta_uploads_list;

/* A value of a filter, by name. */
typedef struct {
    const char *name;
    hapta_value value;
} hapta_parameter;

hapta_operation hapta_asks(hapta_request request);
/* The collection's name as the schema spells it. */
hapta_string hapta_collection(hapta_request request);
/* The id in the path, for operations on one record. */
hapta_string hapta_record_id(hapta_request request);
/* Who asks: the auth record that PocketBase vouched for; none is a guest. */
hapta_document hapta_principal(hapta_request request);
/* The id of who asks. Ids are told apart within one collection only: look at `/collectionName` as well. */
hapta_string hapta_principal_id(hapta_request request);
bool hapta_is_superuser(hapta_request request);
/* The address of the client; of an event it is 0.0.0.0. */
hapta_string hapta_client_ip(hapta_request request);
/* A request header by name, in any case. Credentials and cookies are never told. */
hapta_string hapta_header(hapta_request request, const char *name);
hapta_string hapta_query(hapta_request request, const char *name);
/* When the request came in: milliseconds since 1970. There is no other clock. */
uint64_t hapta_time(hapta_request request);
/* The place in a batch, from 0; false outside one. */
bool hapta_batch_index(hapta_request request, uint32_t *index);
/* The body of a write or login, if it has one. `before` may edit it. */
hapta_document hapta_body(hapta_request request);
/* The fields that this write would change, by their bare names. Guard fields by this, not by the body's keys. */
hapta_strings hapta_changes(hapta_request request);
/* The files that come with a write. */
hapta_uploads_list hapta_uploads(hapta_request request);
/* The record as PocketBase holds it, hidden fields included. Asked for at the first call only. */
HAPTA_MATTERS hapta_fault hapta_stored(hapta_request request, hapta_document *stored);
/* Narrows a list, or a subscription. Values come in by name, `{:me}`, and are bound, never pasted. */
HAPTA_MATTERS hapta_fault hapta_narrow(hapta_request request, const char *filter, const hapta_parameter *parameters, size_t count);
/* A word for the decision log. */
void hapta_note(hapta_request request, const char *key, hapta_string value);

uint16_t hapta_status(hapta_response response);
/* The JSON of the answer, which may be edited; none where it is a file or has no body. */
hapta_document hapta_answer(hapta_response response);

/* A hook's word. What is zero denies. */
typedef enum {
    HAPTA_DENY = 0,
    HAPTA_ALLOW = 1,
} hapta_verdict;

/* Refuses: `return hapta_deny(403, "not_yours", "It is somebody else's.")`. The status is from 400 to 499. */
HAPTA_MATTERS hapta_verdict hapta_deny(uint16_t status, const char *code, const char *message);
/* Before that: one field that is at fault. */
void hapta_deny_field(hapta_string field, const char *code, const char *message);
/* Refuses since the gateway could not do something: 424 `upstream_unavailable`, else 403 `rule_fault`. */
HAPTA_MATTERS hapta_verdict hapta_deny_fault(hapta_fault fault);
/* Refuses since an edit was not taken: 403 `rule_fault`. */
HAPTA_MATTERS hapta_verdict hapta_deny_edit(hapta_edit edit);
/* Ends the call as a fault, with words for the operator. It refuses, and the client is not told them. */
_Noreturn void hapta_fail(const char *message);

typedef enum {
    HAPTA_DEBUG,
    HAPTA_INFO,
    HAPTA_WARN,
    HAPTA_ERROR,
} hapta_level;

/* A line for the operator: to the log where the rule is of the world `powered-rule`, else to the notes. */
void hapta_say(hapta_request request, hapta_level level, hapta_string line);

/* As whom PocketBase is asked. */
typedef enum {
    HAPTA_AS_CALLER,  /* as who asks: PocketBase's own rules decide what there is */
    HAPTA_AS_GATEWAY, /* past them, for collections that the configuration names */
} hapta_standing;

/* Other records: a power, for the world `powered-rule`. The record is none if there is none to be seen. */
hapta_fault hapta_record(const char *collection, hapta_string id, hapta_standing standing, hapta_document *record);

/* A question about a collection's records. */
typedef struct {
    const char *collection;
    const char *filter; /* NULL: all */
    const hapta_parameter *parameters;
    size_t count;
    const char *sort; /* NULL: PocketBase's own order */
    hapta_standing standing;
} hapta_question;

hapta_fault hapta_first(hapta_question question, hapta_document *record);
hapta_fault hapta_count(hapta_question question, uint64_t *count);

/* Adds to a counter, which is forgotten so many seconds after it began: a power, for `powered-rule`. */
HAPTA_MATTERS hapta_fault hapta_add(const char *key, int64_t amount, uint64_t seconds, int64_t *total);

/* What a rule tells of itself; filled in by the functions below. */
typedef struct hapta_manifest hapta_manifest;

typedef enum {
    HAPTA_BEFORE = 1,
    HAPTA_REVEAL = 2,
    HAPTA_AFTER = 4,
} hapta_hook;

/* The moments to be called in, joined by `|`. */
void hapta_calls(hapta_manifest *manifest, int hooks);
/* An operation that `before` and `after` judge; none: all. */
void hapta_judges(hapta_manifest *manifest, hapta_operation operation);
/* A collection that the rule is for; none: all. */
void hapta_is_for(hapta_manifest *manifest, const char *collection);
/* A field that `reveal` may take out or change, of this collection or, with NULL, of any. */
void hapta_removes(hapta_manifest *manifest, const char *collection, hapta_string field);
/* `reveal` may deny a record in a list or an expand. Lists have no totals then. */
void hapta_drops(hapta_manifest *manifest);
/* The code of one of its denials: `hapta test` tells which no case brings about. */
void hapta_denies(hapta_manifest *manifest, const char *code);

/* In `configure`: refuses a setting, with words for the operator. It returns false. */
bool hapta_refuse(hapta_string key, const char *wrong);
/* In `configure`: false, and refused, where there is a setting that is none of these. */
bool hapta_only(hapta_document settings, const char *const *known, size_t count);

/*
 * What the rule's author writes: `configure`, and the hooks that it tells to call.
 *
 * `configure` is called once, at load, and answers whether it takes the settings. There is no clock and no randomness.
 */
bool configure(hapta_document settings, hapta_manifest *manifest);
/* A request is about to go to PocketBase. */
hapta_verdict before(hapta_request request);
/* One record is about to leave, in whichever answer and at whatever depth. */
hapta_verdict reveal(hapta_request request, hapta_document record);
/* The whole answer is about to leave, its records already revealed. */
hapta_verdict after(hapta_request request, hapta_response response);

#endif
