;; A rule by hand. The comment CASES stands for what it does in `before`, MORE for more definitions.
;;
;; Memory: 16 an allowing verdict, 64 the manifest, 128 a denial, 256 and 512 room for results,
;; 1024 a page of `x`, 131072 what lists are made of.
(module
  (import "hapta:rule/json@0.1.0" "[method]document.get" (func $get (param i32 i32 i32 i32)))
  (import "hapta:rule/json@0.1.0" "[method]document.text" (func $text (param i32 i32)))
  (import "hapta:rule/json@0.1.0" "[method]document.set" (func $set (param i32 i32 i32 i32 i64 i32 i32)))
  (import "hapta:rule/json@0.1.0" "[resource-drop]document" (func $drop-document (param i32)))
  (import "hapta:rule/types@0.1.0" "[method]request.principal" (func $principal (param i32 i32)))
  (import "hapta:rule/types@0.1.0" "[method]request.header" (func $header (param i32 i32 i32 i32)))
  (import "hapta:rule/types@0.1.0" "[method]request.narrow" (func $narrow (param i32 i32 i32 i32 i32 i32)))
  (import "hapta:rule/types@0.1.0" "[resource-drop]request" (func $drop-request (param i32)))
  (import "hapta:rule/types@0.1.0" "[resource-drop]response" (func $drop-response (param i32)))

  (memory (export "memory") 16)
  (table 1 funcref)
  ;; How the rule's memory is handed out; and up to where it is.
  (global $realloc (mut i32) (i32.const 0))
  (global $top (mut i32) (i32.const 524288))
  ;; MORE

  (data (i32.const 32) "x-case")
  ;; It has `before` and nothing else, and no more is said.
  (data (i32.const 68) "\01")

  (func (export "cabi_realloc") (param $old i32) (param $was i32) (param $align i32) (param $size i32) (result i32)
    (if (i32.eq (global.get $realloc) (i32.const 1)) (then (return (i32.const -8))))
    (if (i32.eq (global.get $realloc) (i32.const 2)) (then (unreachable)))
    (if (i32.eq (global.get $realloc) (i32.const 3)) (then (loop $ever (br $ever))))
    (if (i32.eq (global.get $realloc) (i32.const 4))
      (then (call $get (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 256))))
    (global.get $top)
    (global.set $top (i32.and (i32.add (i32.add (global.get $top) (local.get $size)) (i32.const 7)) (i32.const -8))))

  (func (export "configure") (param i32 i32) (result i32) (i32.const 64))

  (func (export "before") (param $request i32) (result i32)
    (local $case i32) (local $own i32)
    (memory.fill (i32.const 1024) (i32.const 120) (i32.const 65536))
    (call $header (local.get $request) (i32.const 32) (i32.const 6) (i32.const 256))
    (if (i32.load (i32.const 256))
      (then (local.set $case (i32.load8_u (i32.load (i32.const 260))))))
    (call $principal (local.get $request) (i32.const 256))
    (if (i32.eqz (i32.load (i32.const 256))) (then (unreachable)))
    (local.set $own (i32.load (i32.const 260)))
    ;; CASES
    (call $drop-document (local.get $own))
    (call $drop-request (local.get $request))
    (i32.const 16))

  (func (export "reveal") (param $request i32) (param $record i32) (result i32) (i32.const 16))

  (func (export "after") (param $request i32) (param $response i32) (result i32) (i32.const 16))

  ;; A list of so many parameters, each named by the same page.
  (func $parameters (param $count i32) (result i32)
    (local $at i32)
    (local.set $at (i32.const 131072))
    (loop $next
      (i32.store (local.get $at) (i32.const 1024))
      (i32.store offset=4 (local.get $at) (i32.const 65536))
      (local.set $at (i32.add (local.get $at) (i32.const 24)))
      (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
    (i32.const 131072))

  ;; A denial with so many fields, each of which is called by the same page.
  (func $deny-with (param $count i32) (result i32)
    (i32.store (i32.const 128) (i32.const 1))
    (i32.store (i32.const 152) (call $parameters (local.get $count)))
    (i32.store (i32.const 156) (local.get $count))
    (i32.const 128))

  ;; A denial whose code and message are all of that page.
  (func $deny-at-length (result i32)
    (i32.store (i32.const 128) (i32.const 1))
    (i32.store16 (i32.const 132) (i32.const 403))
    (i32.store (i32.const 136) (i32.const 1024))
    (i32.store (i32.const 140) (i32.const 65536))
    (i32.store (i32.const 144) (i32.const 1024))
    (i32.store (i32.const 148) (i32.const 65536))
    (i32.const 128))
)
