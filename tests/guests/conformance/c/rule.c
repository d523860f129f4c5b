/* Calls every function of the contract, one a request, and denies with what came of it: ../README.md. */
#include "hapta.h"

#include <stdlib.h>
#include <string.h>

#define OWN "{\"null\":null,\"boolean\":true,\"number\":1.5,\"text\":\"ü\",\"json\":{\"a\":[1,2]}}"

/* ---- what was seen, word by word ---- */

static char *seen;
static size_t used, room;

static void more(const char *text, size_t length) {
    if (used + length + 1 > room) {
        room = 2 * (used + length + 1);
        char *larger = malloc(room);
        if (larger == NULL) hapta_fail("there is no memory left");
        if (used != 0) memcpy(larger, seen, used);
        seen = larger;
    }
    memcpy(seen + used, text, length);
    used += length;
    seen[used] = '\0';
}

static void word_of(const char *text, size_t length) {
    if (used != 0) more(" ", 1);
    more(text, length);
}

static void word(const char *text) { word_of(text, strlen(text)); }

static void told(hapta_string text) {
    if (text.at == NULL) word("none");
    else word_of(text.at, text.length);
}

static void whole(long long number) {
    hapta_string text = hapta_decimal(number);
    word_of(text.at, text.length);
}

static hapta_verdict tell(void) { return hapta_deny(418, "seen", seen); }

static void fault(hapta_fault fault) {
    static const char *const names[] = {"done", "upstream", "not-here", "bad-filter", "exhausted", "not-granted"};
    /* Two of them come with words. */
    if ((fault == HAPTA_BAD_FILTER || fault == HAPTA_NOT_GRANTED) && hapta_why().at == NULL)
        hapta_fail("a fault without its words");
    word(names[fault]);
}

static void edit(hapta_edit edit) {
    static const char *const names[] = {"done",     "read-only", "bad-pointer", "no-such-place",
                                        "bad-json", "masked",    "too-large"};
    word(names[edit]);
}

static hapta_document parsed(const char *text) {
    hapta_document document;
    if (hapta_parse(hapta_of(text), &document) != HAPTA_DONE) hapta_fail("this is JSON");
    return document;
}

static int by_bytes(const void *one, const void *other) {
    const hapta_string *a = one, *b = other;
    size_t length = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->at, b->at, length);
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

/* Sorted, with commas between. */
static void list(hapta_strings texts) {
    qsort((void *) texts.at, texts.length, sizeof *texts.at, by_bytes);
    for (size_t i = 0; i < texts.length; i++) {
        if (i > 0) more(",", 1);
        more(texts.at[i].at, texts.at[i].length);
    }
}

static void value(hapta_value value, const char *const kinds[]) {
    hapta_document printed = parsed("[0]");
    hapta_string text;
    more(kinds[value.kind], strlen(kinds[value.kind]));
    switch (value.kind) {
        case HAPTA_BOOLEAN: more(value.boolean ? "true" : "false", value.boolean ? 4 : 5); break;
        case HAPTA_NUMBER:
            if (hapta_set(printed, "/0", value) != HAPTA_DONE) hapta_fail("an edit was not taken");
            text = hapta_print(printed);
            more(text.at + 1, text.length - 2);
            break;
        case HAPTA_TEXT:
        case HAPTA_JSON: more(value.text.at, value.text.length); break;
        case HAPTA_NOTHING:
        case HAPTA_NULL: break;
    }
}

/* ---- documents ---- */

static void kinds(void) {
    static const char *const names[] = {"nothing", "null", "boolean:", "number:", "text:", "json:"};
    static const char *const places[] = {"/null", "/boolean", "/number", "/text", "/json", "/absent"};
    for (size_t i = 0; i < 6; i++) {
        if (i > 0) more(" ", 1);
        value(hapta_get(parsed(OWN), places[i]), names);
    }
}

static void length(hapta_document document, const char *pointer) {
    uint32_t length;
    if (hapta_length(document, pointer, &length)) whole(length);
    else word("none");
}

static char *long_text(void) {
    char *text = malloc(5001);
    if (text == NULL) hapta_fail("there is no memory left");
    memset(text, 'x', 5000);
    text[5000] = '\0';
    return text;
}

static void edits(hapta_request request) {
    static const char *const names[] = {"nothing", "null", "", "", "", ""};
    static const char *const places[] = {"/null", "/boolean", "/number", "/text", "/json/a/0", "/list/0"};
    hapta_document document = parsed("{\"list\":[]}");
    if (hapta_set(document, "/null", hapta_null()) || hapta_set(document, "/boolean", hapta_boolean(true)) ||
        hapta_set(document, "/number", hapta_number(2)) ||
        hapta_set(document, "/text", hapta_string_value(hapta_of("t"))) ||
        hapta_set(document, "/json", hapta_json("{\"a\":[1]}")) || hapta_set(document, "/list/-", hapta_number(1)))
        hapta_fail("an edit was not taken");
    for (size_t i = 0; i < 6; i++) {
        if (i > 0) more(",", 1);
        value(hapta_get(document, places[i]), names);
    }
    edit(hapta_set(hapta_principal(request), "/id", hapta_string_value(hapta_of("x"))));
    edit(hapta_set(parsed("{}"), "/~2", hapta_number(1)));
    edit(hapta_set(parsed("{}"), "/a/b", hapta_number(1)));
    edit(hapta_set(hapta_body(request), "/password", hapta_string_value(hapta_of("x"))));
    edit(hapta_set(parsed("{}"), "/a", hapta_string_value(hapta_of(long_text()))));
}

static hapta_verdict of_document(hapta_string probe, hapta_request request) {
    hapta_document document;
    if (hapta_is(probe, "json.parse")) {
        whole((long long) hapta_get(parsed("{\"a\":1}"), "/a").number);
        edit(hapta_parse(hapta_of("{"), &document));
    } else if (hapta_is(probe, "document.get")) {
        kinds();
    } else if (hapta_is(probe, "document.keys")) {
        list(hapta_keys(parsed(OWN), ""));
        more(";", 1);
        list(hapta_keys(parsed(OWN), "/text"));
    } else if (hapta_is(probe, "document.length")) {
        length(parsed(OWN), "");
        length(parsed(OWN), "/json");
        length(parsed(OWN), "/text");
    } else if (hapta_is(probe, "document.text")) {
        told(hapta_print(parsed("{\"a\":[true,\"ü\"]}")));
    } else if (hapta_is(probe, "document.set")) {
        edits(request);
    } else if (hapta_is(probe, "document.remove")) {
        document = parsed("{\"a\":1,\"b\":2}");
        if (hapta_remove(document, "/a") || hapta_remove(document, "/absent")) hapta_fail("an edit was not taken");
        told(hapta_print(document));
        edit(hapta_remove(hapta_principal(request), "/id"));
    }
    return tell();
}

/* ---- the request ---- */

static hapta_verdict narrow(hapta_request request) {
    hapta_string say = hapta_header(request, "x-say");
    const char *text = hapta_is(say, "much") ? long_text() : "it's";
    const hapta_parameter values[] = {
        {"a", hapta_null()},
        {"b", hapta_boolean(true)},
        {"c", hapta_number(2.5)},
        {"d", hapta_string_value(hapta_of(text))},
    };
    const char *filter = hapta_is(say, "bad") ? "(" : "a = {:a} || b = {:b} || c = {:c} || d = {:d}";
    hapta_fault refused = hapta_narrow(request, filter, values, 4);
    if (refused == HAPTA_OK) return HAPTA_ALLOW;
    fault(refused);
    return tell();
}

static hapta_verdict of_request(hapta_string probe, hapta_request request) {
    uint32_t index;
    if (hapta_is(probe, "request.operation")) word(hapta_operation_name(hapta_asks(request)));
    else if (hapta_is(probe, "request.collection")) told(hapta_collection(request));
    else if (hapta_is(probe, "request.record-id")) told(hapta_record_id(request));
    else if (hapta_is(probe, "request.principal")) told(hapta_text(hapta_principal(request), "/id"));
    else if (hapta_is(probe, "request.is-superuser")) word(hapta_is_superuser(request) ? "true" : "false");
    else if (hapta_is(probe, "request.client-ip")) told(hapta_client_ip(request));
    else if (hapta_is(probe, "request.header")) {
        told(hapta_header(request, "X-SAY"));
        told(hapta_header(request, "authorization"));
    } else if (hapta_is(probe, "request.query")) {
        told(hapta_query(request, "sort"));
        told(hapta_query(request, "absent"));
    } else if (hapta_is(probe, "request.time")) whole((long long) hapta_time(request));
    else if (hapta_is(probe, "request.batch-index")) {
        if (hapta_batch_index(request, &index)) whole(index);
        else word("none");
    } else if (hapta_is(probe, "request.changes")) list(hapta_changes(request));
    else if (hapta_is(probe, "request.uploads")) {
        hapta_uploads_list uploads = hapta_uploads(request);
        for (size_t i = 0; i < uploads.length; i++) {
            told(uploads.at[i].field);
            told(uploads.at[i].name);
            whole((long long) uploads.at[i].size);
            told(uploads.at[i].media_type);
        }
    } else if (hapta_is(probe, "request.stored")) {
        hapta_document stored;
        hapta_fault refused = hapta_stored(request, &stored);
        if (refused == HAPTA_OK) told(hapta_text(stored, "/title"));
        else fault(refused);
    } else if (hapta_is(probe, "request.body")) {
        if (!hapta_exists(hapta_body(request))) {
            word("none");
            return tell();
        }
        hapta_edit refused = hapta_set(hapta_body(request), "/title", hapta_string_value(hapta_of("edited")));
        return refused == HAPTA_DONE ? HAPTA_ALLOW : hapta_deny_edit(refused);
    } else if (hapta_is(probe, "request.narrow")) return narrow(request);
    else if (hapta_is(probe, "request.note")) {
        hapta_note(request, "said", hapta_of("a word"));
        return HAPTA_ALLOW;
    }
    return tell();
}

/* ---- the powers ---- */

static void member(const char *id) {
    hapta_document record;
    hapta_fault refused = hapta_record("members", hapta_of(id), HAPTA_AS_CALLER, &record);
    if (refused == HAPTA_OK) told(hapta_text(record, "/user"));
    else fault(refused);
}

static hapta_verdict of_powers(hapta_string probe, hapta_request request) {
    const hapta_parameter user = {"user", hapta_string_value(hapta_of("ada"))};
    hapta_question all = {.collection = "members"};
    hapta_question of_user = {
        .collection = "members", .filter = "user = {:user}", .parameters = &user, .count = 1, .sort = "-team"};
    hapta_question bad = {.collection = "members", .filter = "("};
    hapta_document record;
    uint64_t count;
    int64_t total;
    if (hapta_is(probe, "records.get")) {
        member("m1");
        member("absent");
        if (hapta_record("teams", hapta_of("t1"), HAPTA_AS_GATEWAY, &record) != HAPTA_OK) hapta_fail("it is granted");
        told(hapta_text(record, "/name"));
        fault(hapta_record("members", hapta_of("m1"), HAPTA_AS_GATEWAY, &record));
    } else if (hapta_is(probe, "records.first")) {
        if (hapta_first(of_user, &record) != HAPTA_OK) hapta_fail("there is one");
        told(hapta_text(record, "/id"));
        fault(hapta_first(bad, &record));
    } else if (hapta_is(probe, "records.count")) {
        if (hapta_count(all, &count) != HAPTA_OK) hapta_fail("they can be counted");
        whole((long long) count);
        if (hapta_count(of_user, &count) != HAPTA_OK) hapta_fail("they can be counted");
        whole((long long) count);
    } else if (hapta_is(probe, "counters.add")) {
        for (int64_t amount = 2; amount <= 3; amount++) {
            if (hapta_add("k", amount, 60, &total) != HAPTA_OK) hapta_fail("it can be added to");
            whole(total);
        }
    } else if (hapta_is(probe, "log.write")) {
        hapta_say(request, HAPTA_DEBUG, hapta_of("a debug line"));
        hapta_say(request, HAPTA_INFO, hapta_of("an info line"));
        hapta_say(request, HAPTA_WARN, hapta_of("a warn line"));
        hapta_say(request, HAPTA_ERROR, hapta_of("an error line"));
        return HAPTA_ALLOW;
    }
    return tell();
}

/* ---- the hooks ---- */

bool configure(hapta_document settings, hapta_manifest *manifest) {
    static const char *const known[] = {"refuse"};
    if (!hapta_only(settings, known, 1)) return false;
    hapta_string refuse = hapta_text(settings, "/refuse");
    if (hapta_is(refuse, "fail")) hapta_fail("conformance: failed");
    if (refuse.length > 0) return hapta_refuse(hapta_of("refuse"), hapta_keep(refuse));
    hapta_calls(manifest, HAPTA_BEFORE | HAPTA_REVEAL | HAPTA_AFTER);
    for (int operation = HAPTA_LIST; operation <= HAPTA_EVENT; operation++)
        hapta_judges(manifest, (hapta_operation) operation);
    hapta_is_for(manifest, "posts");
    hapta_is_for(manifest, "users");
    hapta_is_for(manifest, "members");
    hapta_removes(manifest, "posts", hapta_of("secret"));
    hapta_removes(manifest, NULL, hapta_of("title"));
    hapta_drops(manifest);
    hapta_denies(manifest, "seen");
    hapta_denies(manifest, "shape");
    return true;
}

static bool begins(hapta_string probe, const char *with) {
    size_t length = strlen(with);
    return probe.length >= length && memcmp(probe.at, with, length) == 0;
}

static hapta_string probe_of(hapta_request request) {
    /* A reply's records are revealed one after the other, in one instance. */
    seen = NULL;
    used = room = 0;
    more("", 0);
    return hapta_header(request, "x-probe");
}

hapta_verdict before(hapta_request request) {
    hapta_string probe = probe_of(request);
    if (probe.at == NULL) return HAPTA_ALLOW;
    if (begins(probe, "json.") || begins(probe, "document.")) return of_document(probe, request);
    if (begins(probe, "request.")) return of_request(probe, request);
    if (begins(probe, "records.") || begins(probe, "counters.") || begins(probe, "log."))
        return of_powers(probe, request);
    if (hapta_is(probe, "types.fail")) hapta_fail("conformance: failed");
    if (hapta_is(probe, "before")) {
        hapta_deny_field(hapta_of("title"), "one", "First.");
        hapta_deny_field(hapta_of("secret"), "two", "Second.");
        return hapta_deny(451, "shape", "A message.");
    }
    return HAPTA_ALLOW;
}

hapta_verdict reveal(hapta_request request, hapta_document record) {
    if (!hapta_is(probe_of(request), "reveal")) return HAPTA_ALLOW;
    if (hapta_is(hapta_text(record, "/id"), "dropped")) return hapta_deny(404, "seen", "Dropped.");
    hapta_edit taken = hapta_remove(record, "/secret");
    if (taken == HAPTA_DONE) taken = hapta_set(record, "/title", hapta_string_value(hapta_of("revealed")));
    return taken == HAPTA_DONE ? HAPTA_ALLOW : hapta_deny_edit(taken);
}

hapta_verdict after(hapta_request request, hapta_response response) {
    hapta_string probe = probe_of(request);
    if (hapta_is(probe, "after")) return hapta_deny(409, "seen", "After.");
    if (hapta_is(probe, "request.operation")) {
        word(hapta_operation_name(hapta_asks(request)));
        return tell();
    }
    if (hapta_is(probe, "response.status")) {
        whole(hapta_status(response));
        return tell();
    }
    if (hapta_is(probe, "response.body")) {
        hapta_document body = hapta_answer(response);
        if (!hapta_exists(body)) {
            word("none");
            return tell();
        }
        hapta_edit refused = hapta_set(body, "/title", hapta_string_value(hapta_of("after")));
        return refused == HAPTA_DONE ? HAPTA_ALLOW : hapta_deny_edit(refused);
    }
    return HAPTA_ALLOW;
}
