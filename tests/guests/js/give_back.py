"""Has a component of componentize-qjs give back what it borrowed before a call returns, not after.

The request, the response and the record are lent to a rule for one call, and a component has to drop
its handles to them before that call returns. This release of componentize-qjs drops them in the
post-return function: that is too late, and the call traps with "borrow handles still remain".

From standard input to standard output, both as `wasm-tools print` writes it. The module between the
component's functions and the interpreter gets a function around each that lends something: it calls the
old one, then drops. The interpreter's own drops of the same handles come later and do nothing.
"""

import re
import sys

ADDED = """
        (global $lent (mut i32) (i32.const -1))
        (func $"drop unless lent" (param i32)
          (if (i32.ne (local.get 0) (global.get $lent))
            (then (call $"[resource-drop]document" (local.get 0)))))
        (func $"drop nothing" (param i32))
        (func $"before, and give back" (param i32) (result i32)
          (call $before (local.get 0))
          (call $"[resource-drop]request" (local.get 0)))
        (func $"reveal, and give back" (param i32 i32) (result i32)
          (global.set $lent (local.get 1))
          (call $reveal (local.get 0) (local.get 1))
          (call $"[resource-drop]document" (local.get 1))
          (call $"[resource-drop]request" (local.get 0)))
        (func $"after, and give back" (param i32 i32) (result i32)
          (call $after (local.get 0) (local.get 1))
          (call $"[resource-drop]response" (local.get 1))
          (call $"[resource-drop]request" (local.get 0)))
        (func $"reveal is over" (param i32)
          (call $cabi_post_reveal (local.get 0))
          (global.set $lent (i32.const -1)))
"""

EXPORTS = {
    '(export "before" (func $before))': '(export "before" (func $"before, and give back"))',
    '(export "reveal" (func $reveal))': '(export "reveal" (func $"reveal, and give back"))',
    '(export "after" (func $after))': '(export "after" (func $"after, and give back"))',
    '(export "cabi_post_reveal" (func $cabi_post_reveal))': '(export "cabi_post_reveal" (func $"reveal is over"))',
}

# The interpreter finds the functions that drop in this table.
DROPS = {
    '$"[resource-drop]document"': '$"drop unless lent"',
    '$"[resource-drop]request"': '$"drop nothing"',
    '$"[resource-drop]response"': '$"drop nothing"',
}


def once(text, old, new):
    if text.count(old) != 1:
        sys.exit(f"give_back: {old} is there {text.count(old)} times; another componentize-qjs?")
    return text.replace(old, new)


def main():
    text = sys.stdin.read()
    start = text.index("(core module $wit-dylib.wasm")
    # It ends where a line has as much before it and no more.
    indent = text[text.rindex("\n", 0, start) : start]
    end = text.index(f"{indent})\n", start)
    module = text[start:end]
    for old, new in EXPORTS.items():
        module = once(module, old, new)
    elements = re.search(r"\(elem \(;0;\) .*", module).group()
    dropping = elements
    for old, new in DROPS.items():
        dropping = once(dropping, old, new)
    module = once(module, elements, dropping) + ADDED
    sys.stdout.write(text[:start] + module + text[end:])


main()
