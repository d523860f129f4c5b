/* hapta.h on the functions that wit-bindgen makes of the contract. */
#include "hapta.h"

#include <stdlib.h>
#include <string.h>

#include "contract.h"

/* ---- memory: an arena, taken back at the beginning of each hook ---- */

#define PAGE 65536u
#define ALIGNMENT 16u

extern unsigned char __heap_base;

/* The first free byte; where `configure` left it; where the memory ends. */
static uintptr_t top, configured, end;

static void *take(size_t bytes) {
    if (top == 0) {
        top = ((uintptr_t) &__heap_base + ALIGNMENT - 1) & ~(uintptr_t) (ALIGNMENT - 1);
        end = __builtin_wasm_memory_size(0) * PAGE;
    }
    /* Its size stands before it, for `realloc`. */
    if (bytes > UINT32_MAX - 2 * PAGE) return NULL;
    size_t whole = ((bytes + ALIGNMENT - 1) & ~(size_t) (ALIGNMENT - 1)) + ALIGNMENT;
    if (end - top < whole) {
        size_t pages = (whole - (end - top) + PAGE - 1) / PAGE;
        if (__builtin_wasm_memory_grow(0, pages) == (size_t) -1) return NULL;
        end += pages * PAGE;
    }
    *(size_t *) top = bytes;
    void *taken = (void *) (top + ALIGNMENT);
    top += whole;
    return taken;
}

void *malloc(size_t bytes) { return take(bytes); }

void free(void *memory) { (void) memory; }

void *calloc(size_t count, size_t bytes) {
    if (bytes != 0 && count > SIZE_MAX / bytes) return NULL;
    void *memory = take(count * bytes);
    /* The arena is used again. */
    if (memory != NULL) memset(memory, 0, count * bytes);
    return memory;
}

void *realloc(void *memory, size_t bytes) {
    void *moved = take(bytes);
    if (memory == NULL || moved == NULL) return moved;
    size_t before = *(size_t *) ((uintptr_t) memory - ALIGNMENT);
    memcpy(moved, memory, before < bytes ? before : bytes);
    return moved;
}

static void *need(size_t bytes) {
    void *memory = take(bytes);
    if (memory == NULL) hapta_fail("there is no memory left");
    return memory;
}

/* The description of the contract is put in by `hapta build`, which needs no object file with it. */
void __component_type_object_force_link_contract(void) {}

/* ---- texts ---- */

static contract_string_t in(hapta_string text) {
    return (contract_string_t) {(uint8_t *) text.at, text.length};
}

static contract_string_t in_c(const char *text) { return in(hapta_of(text)); }

static hapta_string out(contract_string_t text) {
    /* An empty text may have no address, and is there all the same. */
    return (hapta_string) {text.len == 0 ? "" : (const char *) text.ptr, text.len};
}

static hapta_strings out_list(contract_list_string_t list) {
    hapta_string *texts = need(list.len * sizeof *texts);
    for (size_t i = 0; i < list.len; i++) texts[i] = out(list.ptr[i]);
    return (hapta_strings) {texts, list.len};
}

hapta_string hapta_of(const char *text) { return (hapta_string) {text, text == NULL ? 0 : strlen(text)}; }

bool hapta_same(hapta_string one, hapta_string other) {
    return one.at != NULL && other.at != NULL && one.length == other.length &&
           memcmp(one.at, other.at, one.length) == 0;
}

bool hapta_is(hapta_string one, const char *text) { return hapta_same(one, hapta_of(text)); }

bool hapta_among(hapta_string one, hapta_strings list) {
    for (size_t i = 0; i < list.length; i++)
        if (hapta_same(one, list.at[i])) return true;
    return false;
}

const char *hapta_keep(hapta_string text) {
    if (text.at == NULL) return NULL;
    char *copy = need(text.length + 1);
    memcpy(copy, text.at, text.length);
    copy[text.length] = '\0';
    return copy;
}

hapta_strings hapta_keep_all(hapta_strings list) {
    hapta_string *copies = need(list.length * sizeof *copies);
    for (size_t i = 0; i < list.length; i++)
        copies[i] = (hapta_string) {hapta_keep(list.at[i]), list.at[i].length};
    return (hapta_strings) {copies, list.length};
}

hapta_string hapta_decimal(int64_t number) {
    char *digits = need(20), *next = digits + 20;
    uint64_t rest = number < 0 ? -(uint64_t) number : (uint64_t) number;
    do *--next = (char) ('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (number < 0) *--next = '-';
    return (hapta_string) {next, (size_t) (digits + 20 - next)};
}

const char *hapta_pointer(hapta_string key) {
    char *pointer = need(2 * key.length + 2), *next = pointer;
    *next++ = '/';
    for (size_t i = 0; i < key.length; i++) {
        char letter = key.at[i];
        /* It would be the end of the pointer, which would then be that of another key. */
        if (letter == '\0') hapta_fail("a key with a zero byte can't be pointed to");
        if (letter == '~' || letter == '/') {
            *next++ = '~';
            *next++ = letter == '~' ? '0' : '1';
        } else {
            *next++ = letter;
        }
    }
    *next = '\0';
    return pointer;
}

/* ---- handles: those that are owned are given back when the hook returns ---- */

typedef struct owned {
    int32_t handle;
    struct owned *before;
} owned;

static owned *lent;

static hapta_document own(hapta_rule_json_own_document_t document) {
    owned *one = need(sizeof *one);
    *one = (owned) {document.__handle, lent};
    lent = one;
    return (hapta_document) {document.__handle};
}

static void give_back(void) {
    for (; lent != NULL; lent = lent->before)
        hapta_rule_json_document_drop_own((hapta_rule_json_own_document_t) {lent->handle});
}

static const hapta_document nothing = {0};

static hapta_rule_json_borrow_document_t behind(hapta_document document) {
    return (hapta_rule_json_borrow_document_t) {document.handle};
}

/* ---- documents ---- */

static contract_string_t place(const char *pointer) {
    if (pointer == NULL || (*pointer != '\0' && *pointer != '/'))
        hapta_fail("no JSON pointer: a place is written \"/author\", the whole \"\"");
    return in_c(pointer);
}

bool hapta_exists(hapta_document document) { return document.handle != 0; }

hapta_value hapta_null(void) { return (hapta_value) {.kind = HAPTA_NULL}; }

hapta_value hapta_boolean(bool boolean) { return (hapta_value) {.kind = HAPTA_BOOLEAN, .boolean = boolean}; }

hapta_value hapta_number(double number) { return (hapta_value) {.kind = HAPTA_NUMBER, .number = number}; }

hapta_value hapta_json(const char *printed) {
    return (hapta_value) {.kind = HAPTA_JSON, .text = hapta_of(printed)};
}

hapta_value hapta_string_value(hapta_string text) {
    return text.at == NULL ? hapta_null() : (hapta_value) {.kind = HAPTA_TEXT, .text = text};
}

static hapta_rule_json_value_t value_in(hapta_value value) {
    switch (value.kind) {
        case HAPTA_NULL: return (hapta_rule_json_value_t) {.tag = HAPTA_RULE_JSON_VALUE_NULL};
        case HAPTA_BOOLEAN:
            return (hapta_rule_json_value_t) {.tag = HAPTA_RULE_JSON_VALUE_BOOLEAN, .val.boolean = value.boolean};
        case HAPTA_NUMBER:
            return (hapta_rule_json_value_t) {.tag = HAPTA_RULE_JSON_VALUE_NUMBER, .val.number = value.number};
        case HAPTA_TEXT:
            return (hapta_rule_json_value_t) {.tag = HAPTA_RULE_JSON_VALUE_TEXT, .val.text = in(value.text)};
        case HAPTA_JSON:
            return (hapta_rule_json_value_t) {.tag = HAPTA_RULE_JSON_VALUE_JSON, .val.json = in(value.text)};
        case HAPTA_NOTHING: break;
    }
    hapta_fail("a value that is nothing can't be put anywhere; null is hapta_null()");
}

hapta_value hapta_get(hapta_document document, const char *pointer) {
    contract_string_t at = place(pointer);
    hapta_rule_json_value_t value;
    if (!hapta_exists(document) || !hapta_rule_json_method_document_get(behind(document), &at, &value))
        return (hapta_value) {.kind = HAPTA_NOTHING};
    switch (value.tag) {
        case HAPTA_RULE_JSON_VALUE_BOOLEAN: return hapta_boolean(value.val.boolean);
        case HAPTA_RULE_JSON_VALUE_NUMBER: return hapta_number(value.val.number);
        case HAPTA_RULE_JSON_VALUE_TEXT: return (hapta_value) {.kind = HAPTA_TEXT, .text = out(value.val.text)};
        case HAPTA_RULE_JSON_VALUE_JSON: return (hapta_value) {.kind = HAPTA_JSON, .text = out(value.val.json)};
        default: return hapta_null();
    }
}

bool hapta_has(hapta_document document, const char *pointer) {
    return hapta_get(document, pointer).kind != HAPTA_NOTHING;
}

hapta_string hapta_text(hapta_document document, const char *pointer) {
    hapta_value value = hapta_get(document, pointer);
    return value.kind == HAPTA_TEXT ? value.text : HAPTA_NONE;
}

bool hapta_truth(hapta_document document, const char *pointer, bool otherwise) {
    hapta_value value = hapta_get(document, pointer);
    return value.kind == HAPTA_BOOLEAN ? value.boolean : otherwise;
}

static char *item(const char *pointer, uint32_t index) {
    size_t length = strlen(pointer);
    hapta_string digits = hapta_decimal(index);
    char *path = need(length + digits.length + 2);
    memcpy(path, pointer, length);
    path[length] = '/';
    memcpy(path + length + 1, digits.at, digits.length);
    path[length + 1 + digits.length] = '\0';
    return path;
}

hapta_strings hapta_texts(hapta_document document, const char *pointer, size_t *others) {
    uint32_t length = 0;
    *others = 0;
    hapta_value whole = hapta_get(document, pointer);
    if (whole.kind != HAPTA_JSON || whole.text.at[0] != '[' || !hapta_length(document, pointer, &length)) {
        *others = whole.kind != HAPTA_NOTHING;
        return (hapta_strings) {NULL, 0};
    }
    hapta_string *texts = need(length * sizeof *texts);
    size_t found = 0;
    for (uint32_t i = 0; i < length; i++) {
        hapta_string text = hapta_text(document, item(pointer, i));
        if (text.at == NULL) ++*others;
        else texts[found++] = text;
    }
    return (hapta_strings) {texts, found};
}

hapta_strings hapta_keys(hapta_document document, const char *pointer) {
    contract_string_t at = place(pointer);
    if (!hapta_exists(document)) return (hapta_strings) {NULL, 0};
    contract_list_string_t keys;
    hapta_rule_json_method_document_keys(behind(document), &at, &keys);
    return out_list(keys);
}

bool hapta_length(hapta_document document, const char *pointer, uint32_t *length) {
    contract_string_t at = place(pointer);
    return hapta_exists(document) && hapta_rule_json_method_document_length(behind(document), &at, length);
}

hapta_string hapta_print(hapta_document document) {
    if (!hapta_exists(document)) return HAPTA_NONE;
    contract_string_t text;
    hapta_rule_json_method_document_text(behind(document), &text);
    return out(text);
}

/* The contract's errors in its order, after HAPTA_DONE. */
static hapta_edit edit_of(hapta_rule_json_edit_error_t error) { return (hapta_edit) (error.tag + 1); }

hapta_edit hapta_set(hapta_document document, const char *pointer, hapta_value to) {
    contract_string_t at = place(pointer);
    hapta_rule_json_value_t value = value_in(to);
    hapta_rule_json_edit_error_t error;
    if (!hapta_exists(document)) return HAPTA_READ_ONLY;
    return hapta_rule_json_method_document_set(behind(document), &at, &value, &error) ? HAPTA_DONE : edit_of(error);
}

hapta_edit hapta_remove(hapta_document document, const char *pointer) {
    contract_string_t at = place(pointer);
    hapta_rule_json_edit_error_t error;
    if (!hapta_exists(document)) return HAPTA_READ_ONLY;
    return hapta_rule_json_method_document_remove(behind(document), &at, &error) ? HAPTA_DONE : edit_of(error);
}

hapta_edit hapta_parse(hapta_string text, hapta_document *document) {
    contract_string_t given = in(text);
    hapta_rule_json_own_document_t parsed;
    hapta_rule_json_edit_error_t error;
    *document = nothing;
    if (!hapta_rule_json_parse(&given, &parsed, &error)) return edit_of(error);
    *document = own(parsed);
    return HAPTA_DONE;
}

/* ---- the request and the response ---- */

static hapta_string why;

hapta_string hapta_why(void) { return why; }

static hapta_fault fault_of(hapta_rule_types_fault_t fault) {
    why = HAPTA_NONE;
    if (fault.tag == HAPTA_RULE_TYPES_FAULT_BAD_FILTER) why = out(fault.val.bad_filter);
    if (fault.tag == HAPTA_RULE_TYPES_FAULT_NOT_GRANTED) why = out(fault.val.not_granted);
    /* The contract's faults in its order, after HAPTA_OK. */
    return (hapta_fault) (fault.tag + 1);
}

static hapta_rule_types_borrow_request_t asked(hapta_request request) {
    return (hapta_rule_types_borrow_request_t) {request.handle};
}

static hapta_rule_types_borrow_response_t answered(hapta_response response) {
    return (hapta_rule_types_borrow_response_t) {response.handle};
}

const char *hapta_operation_name(hapta_operation operation) {
    static const char *const names[] = {
        "list", "view", "create", "update", "delete", "auth-methods", "auth-with-password", "auth-with-oauth2",
        "request-otp", "auth-with-otp", "auth-refresh", "request-verification", "confirm-verification",
        "request-password-reset", "confirm-password-reset", "request-email-change", "confirm-email-change",
        "impersonate", "file-token", "download", "subscribe", "event",
    };
    _Static_assert(sizeof names / sizeof *names == HAPTA_EVENT + 1, "a name for each operation");
    return names[operation];
}

_Static_assert((int) HAPTA_EVENT == HAPTA_RULE_TYPES_OPERATION_EVENT, "the contract's operations, in its order");

hapta_operation hapta_asks(hapta_request request) {
    return (hapta_operation) hapta_rule_types_method_request_operation(asked(request));
}

hapta_string hapta_collection(hapta_request request) {
    contract_string_t text;
    hapta_rule_types_method_request_collection(asked(request), &text);
    return out(text);
}

hapta_string hapta_record_id(hapta_request request) {
    contract_string_t text;
    return hapta_rule_types_method_request_record_id(asked(request), &text) ? out(text) : HAPTA_NONE;
}

hapta_document hapta_principal(hapta_request request) {
    hapta_rule_types_own_document_t document;
    return hapta_rule_types_method_request_principal(asked(request), &document) ? own(document) : nothing;
}

hapta_string hapta_principal_id(hapta_request request) { return hapta_text(hapta_principal(request), "/id"); }

bool hapta_is_superuser(hapta_request request) {
    return hapta_rule_types_method_request_is_superuser(asked(request));
}

hapta_string hapta_client_ip(hapta_request request) {
    contract_string_t text;
    hapta_rule_types_method_request_client_ip(asked(request), &text);
    return out(text);
}

hapta_string hapta_header(hapta_request request, const char *name) {
    contract_string_t by = in_c(name), text;
    return hapta_rule_types_method_request_header(asked(request), &by, &text) ? out(text) : HAPTA_NONE;
}

hapta_string hapta_query(hapta_request request, const char *name) {
    contract_string_t by = in_c(name), text;
    return hapta_rule_types_method_request_query(asked(request), &by, &text) ? out(text) : HAPTA_NONE;
}

uint64_t hapta_time(hapta_request request) { return hapta_rule_types_method_request_time(asked(request)); }

bool hapta_batch_index(hapta_request request, uint32_t *index) {
    return hapta_rule_types_method_request_batch_index(asked(request), index);
}

hapta_document hapta_body(hapta_request request) {
    hapta_rule_types_own_document_t document;
    return hapta_rule_types_method_request_body(asked(request), &document) ? own(document) : nothing;
}

hapta_strings hapta_changes(hapta_request request) {
    contract_list_string_t changes;
    hapta_rule_types_method_request_changes(asked(request), &changes);
    return out_list(changes);
}

hapta_uploads_list hapta_uploads(hapta_request request) {
    hapta_rule_types_list_upload_t list;
    hapta_rule_types_method_request_uploads(asked(request), &list);
    hapta_upload *uploads = need(list.len * sizeof *uploads);
    for (size_t i = 0; i < list.len; i++) {
        const hapta_rule_types_upload_t *one = &list.ptr[i];
        uploads[i] = (hapta_upload) {out(one->field), out(one->name), one->size, out(one->media_type)};
    }
    return (hapta_uploads_list) {uploads, list.len};
}

hapta_fault hapta_stored(hapta_request request, hapta_document *stored) {
    hapta_rule_types_option_own_document_t found;
    hapta_rule_types_fault_t fault;
    *stored = nothing;
    if (!hapta_rule_types_method_request_stored(asked(request), &found, &fault)) return fault_of(fault);
    if (found.is_some) *stored = own(found.val);
    return HAPTA_OK;
}

static hapta_rule_types_tuple2_string_value_t *bound(const hapta_parameter *parameters, size_t count) {
    hapta_rule_types_tuple2_string_value_t *values = need(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (hapta_rule_types_tuple2_string_value_t) {in_c(parameters[i].name), value_in(parameters[i].value)};
    return values;
}

hapta_fault hapta_narrow(hapta_request request, const char *filter, const hapta_parameter *parameters, size_t count) {
    contract_string_t by = in_c(filter);
    hapta_rule_types_list_tuple2_string_value_t values = {bound(parameters, count), count};
    hapta_rule_types_fault_t fault;
    return hapta_rule_types_method_request_narrow(asked(request), &by, &values, &fault) ? HAPTA_OK : fault_of(fault);
}

void hapta_note(hapta_request request, const char *key, hapta_string value) {
    contract_string_t by = in_c(key), word = in(value);
    hapta_rule_types_method_request_note(asked(request), &by, &word);
}

uint16_t hapta_status(hapta_response response) { return hapta_rule_types_method_response_status(answered(response)); }

hapta_document hapta_answer(hapta_response response) {
    hapta_rule_types_own_document_t document;
    return hapta_rule_types_method_response_body(answered(response), &document) ? own(document) : nothing;
}

/* ---- the powers, which are not there in the world `rule` ---- */

#define IN_POWERED_RULE __attribute__((weak))
extern IN_POWERED_RULE void hapta_rule_log_write(hapta_rule_log_level_t, contract_string_t *);
extern IN_POWERED_RULE bool hapta_rule_counters_add(contract_string_t *, int64_t, uint64_t, int64_t *,
                                                    hapta_rule_counters_fault_t *);
extern IN_POWERED_RULE bool hapta_rule_records_get(contract_string_t *, contract_string_t *,
                                                   hapta_rule_records_standing_t,
                                                   hapta_rule_records_option_own_document_t *,
                                                   hapta_rule_records_fault_t *);
extern IN_POWERED_RULE bool hapta_rule_records_first(contract_string_t *, contract_string_t *,
                                                     hapta_rule_records_list_tuple2_string_value_t *,
                                                     contract_string_t *, hapta_rule_records_standing_t,
                                                     hapta_rule_records_option_own_document_t *,
                                                     hapta_rule_records_fault_t *);
extern IN_POWERED_RULE bool hapta_rule_records_count(contract_string_t *, contract_string_t *,
                                                     hapta_rule_records_list_tuple2_string_value_t *,
                                                     hapta_rule_records_standing_t, uint64_t *,
                                                     hapta_rule_records_fault_t *);

static void needs(bool power) {
    if (!power)
        hapta_fail("the rule has not this power: it needs world = \"powered-rule\" in rule.toml, and a grant where it "
                   "is configured");
}

void hapta_say(hapta_request request, hapta_level level, hapta_string line) {
    static const char *const keys[] = {"log debug", "log", "log warn", "log error"};
    contract_string_t text = in(line);
    if (hapta_rule_log_write) hapta_rule_log_write((hapta_rule_log_level_t) level, &text);
    else hapta_note(request, keys[level], line);
}

static hapta_fault found_or(bool ok, hapta_rule_records_option_own_document_t found, hapta_rule_records_fault_t fault,
                            hapta_document *record) {
    if (!ok) return fault_of(fault);
    if (found.is_some) *record = own(found.val);
    return HAPTA_OK;
}

hapta_fault hapta_record(const char *collection, hapta_string id, hapta_standing standing, hapta_document *record) {
    needs(hapta_rule_records_get);
    contract_string_t of = in_c(collection), by = in(id);
    hapta_rule_records_option_own_document_t found = {0};
    hapta_rule_records_fault_t fault = {0};
    *record = nothing;
    bool ok = hapta_rule_records_get(&of, &by, (hapta_rule_records_standing_t) standing, &found, &fault);
    return found_or(ok, found, fault, record);
}

/* The same two words under the name that another interface has for them. */
static hapta_rule_records_list_tuple2_string_value_t records_bound(hapta_question question) {
    void *values = bound(question.parameters, question.count);
    return (hapta_rule_records_list_tuple2_string_value_t) {values, question.count};
}

hapta_fault hapta_first(hapta_question question, hapta_document *record) {
    needs(hapta_rule_records_first);
    contract_string_t of = in_c(question.collection), by = in_c(question.filter), sort = in_c(question.sort);
    hapta_rule_records_list_tuple2_string_value_t values = records_bound(question);
    hapta_rule_records_option_own_document_t found = {0};
    hapta_rule_records_fault_t fault = {0};
    *record = nothing;
    bool ok = hapta_rule_records_first(&of, &by, &values, &sort, (hapta_rule_records_standing_t) question.standing,
                                       &found, &fault);
    return found_or(ok, found, fault, record);
}

hapta_fault hapta_count(hapta_question question, uint64_t *count) {
    needs(hapta_rule_records_count);
    contract_string_t of = in_c(question.collection), by = in_c(question.filter);
    hapta_rule_records_list_tuple2_string_value_t values = records_bound(question);
    hapta_rule_records_fault_t fault;
    bool ok = hapta_rule_records_count(&of, &by, &values, (hapta_rule_records_standing_t) question.standing, count,
                                       &fault);
    return ok ? HAPTA_OK : fault_of(fault);
}

hapta_fault hapta_add(const char *key, int64_t amount, uint64_t seconds, int64_t *total) {
    needs(hapta_rule_counters_add);
    contract_string_t by = in_c(key);
    hapta_rule_counters_fault_t fault;
    return hapta_rule_counters_add(&by, amount, seconds, total, &fault) ? HAPTA_OK : fault_of(fault);
}

/* ---- verdicts ---- */

static contract_denial_t denial;
static bool denied;

hapta_verdict hapta_deny(uint16_t status, const char *code, const char *message) {
    denial.status = status;
    denial.code = in_c(code);
    denial.message = in_c(message);
    denied = true;
    return HAPTA_DENY;
}

void hapta_deny_field(hapta_string field, const char *code, const char *message) {
    size_t count = denial.fields.len;
    hapta_rule_types_field_error_t *fields = need((count + 1) * sizeof *fields);
    if (count != 0) memcpy(fields, denial.fields.ptr, count * sizeof *fields);
    fields[count] = (hapta_rule_types_field_error_t) {in(field), in_c(code), in_c(message)};
    denial.fields.ptr = fields;
    denial.fields.len = count + 1;
}

static hapta_verdict rule_fault(void) { return hapta_deny(403, "rule_fault", "The request could not be judged."); }

hapta_verdict hapta_deny_fault(hapta_fault fault) {
    if (fault == HAPTA_UPSTREAM) return hapta_deny(424, "upstream_unavailable", "The request could not be judged now.");
    return rule_fault();
}

hapta_verdict hapta_deny_edit(hapta_edit edit) {
    (void) edit;
    return rule_fault();
}

_Noreturn void hapta_fail(const char *message) {
    contract_string_t text = in_c(message);
    hapta_rule_types_fail(&text);
    __builtin_trap();
}

/* ---- the manifest and the settings ---- */

struct hapta_manifest {
    hapta_rule_types_manifest_t told;
};

/* A list with one more item. */
static void *grown(void *list, size_t count, size_t item) {
    void *more = need((count + 1) * item);
    if (count != 0) memcpy(more, list, count * item);
    return more;
}

void hapta_calls(hapta_manifest *manifest, int hooks) { manifest->told.hooks |= (hapta_rule_types_hooks_t) hooks; }

void hapta_judges(hapta_manifest *manifest, hapta_operation operation) {
    hapta_rule_types_list_operation_t *list = &manifest->told.operations;
    list->ptr = grown(list->ptr, list->len, sizeof *list->ptr);
    list->ptr[list->len++] = (hapta_rule_types_operation_t) operation;
}

static void one_more(contract_list_string_t *list, const char *text) {
    list->ptr = grown(list->ptr, list->len, sizeof *list->ptr);
    list->ptr[list->len++] = in_c(text);
}

void hapta_is_for(hapta_manifest *manifest, const char *collection) { one_more(&manifest->told.collections, collection); }

void hapta_removes(hapta_manifest *manifest, const char *collection, hapta_string field) {
    hapta_rule_types_list_removal_t *list = &manifest->told.removes;
    list->ptr = grown(list->ptr, list->len, sizeof *list->ptr);
    list->ptr[list->len++] = (hapta_rule_types_removal_t) {{collection != NULL, in_c(collection)}, in(field)};
}

void hapta_drops(hapta_manifest *manifest) { manifest->told.drops = true; }

void hapta_denies(hapta_manifest *manifest, const char *code) { one_more(&manifest->told.denials, code); }

static hapta_string refused;

bool hapta_refuse(hapta_string key, const char *wrong) {
    static const char begin[] = "setting `", middle[] = "`: ";
    size_t length = sizeof begin + sizeof middle - 2 + key.length + strlen(wrong);
    char *text = need(length), *next = text;
    memcpy(next, begin, sizeof begin - 1), next += sizeof begin - 1;
    memcpy(next, key.at, key.length), next += key.length;
    memcpy(next, middle, sizeof middle - 1), next += sizeof middle - 1;
    memcpy(next, wrong, strlen(wrong));
    refused = (hapta_string) {text, length};
    return false;
}

bool hapta_only(hapta_document settings, const char *const *known, size_t count) {
    hapta_strings keys = hapta_keys(settings, "");
    for (size_t i = 0; i < keys.length; i++) {
        bool is_known = false;
        for (size_t k = 0; k < count; k++) is_known |= hapta_is(keys.at[i], known[k]);
        if (!is_known) return hapta_refuse(keys.at[i], "unknown");
    }
    return true;
}

/* ---- what the component exports ---- */

bool exports_contract_configure(contract_string_t *settings, contract_manifest_t *manifest, contract_string_t *error) {
    hapta_manifest own_manifest = {0};
    hapta_document document;
    if (hapta_parse(out(*settings), &document) != HAPTA_DONE) hapta_fail("the settings are no JSON");
    bool takes = configure(document, &own_manifest);
    give_back();
    configured = top;
    if (takes) *manifest = own_manifest.told;
    else *error = in(refused.at == NULL ? hapta_of("the settings are refused") : refused);
    return takes;
}

static void begin(void) {
    if (configured == 0) hapta_fail("the rule was not configured");
    top = configured;
    lent = NULL;
    why = HAPTA_NONE;
    memset(&denial, 0, sizeof denial);
    denied = false;
}

static bool ended(hapta_verdict verdict, contract_denial_t *error) {
    give_back();
    /* A denial that was made and not returned is one all the same. */
    if (verdict == HAPTA_ALLOW && !denied && denial.fields.len == 0) return true;
    if (!denied) rule_fault();
    *error = denial;
    return false;
}

bool exports_contract_before(contract_borrow_request_t request, contract_denial_t *error) {
    begin();
    hapta_verdict verdict = before((hapta_request) {request.__handle});
    hapta_rule_types_request_drop_borrow(request);
    return ended(verdict, error);
}

bool exports_contract_reveal(contract_borrow_request_t request, contract_borrow_document_t record,
                             contract_denial_t *error) {
    begin();
    hapta_verdict verdict = reveal((hapta_request) {request.__handle}, (hapta_document) {record.__handle});
    hapta_rule_json_document_drop_borrow(record);
    hapta_rule_types_request_drop_borrow(request);
    return ended(verdict, error);
}

bool exports_contract_after(contract_borrow_request_t request, contract_borrow_response_t response,
                            contract_denial_t *error) {
    begin();
    hapta_verdict verdict = after((hapta_request) {request.__handle}, (hapta_response) {response.__handle});
    hapta_rule_types_response_drop_borrow(response);
    hapta_rule_types_request_drop_borrow(request);
    return ended(verdict, error);
}

/* For the hooks that a rule has not. */
#define UNLESS_WRITTEN __attribute__((weak))

UNLESS_WRITTEN hapta_verdict before(hapta_request request) {
    (void) request;
    hapta_fail("the manifest names the hook before, which the rule has not");
}

UNLESS_WRITTEN hapta_verdict reveal(hapta_request request, hapta_document record) {
    (void) request, (void) record;
    hapta_fail("the manifest names the hook reveal, which the rule has not");
}

UNLESS_WRITTEN hapta_verdict after(hapta_request request, hapta_response response) {
    (void) request, (void) response;
    hapta_fail("the manifest names the hook after, which the rule has not");
}
