"""Records as they change, as PocketBase's SDK for Python watches them."""

import os
import queue
import time

from pocketbase import PocketBase

PASSWORD = "1234567890"
ALICE = "alice0000000000"


def watch(pb, collection):
    """What is told of a collection. The SDK subscribes in a thread of its own and doesn't say when it has."""
    told = queue.Queue()
    pb.collection(collection).subscribe(told.put)
    return told


def told_of(pb, told, change):
    """Writes until something is told, and gives that back."""
    for _ in range(100):
        change()
        try:
            return told.get(timeout=0.2)
        except queue.Empty:
            continue
    raise AssertionError("no event came")


def settle(told):
    """Waits until nothing more is told."""
    while True:
        try:
            told.get(timeout=0.5)
        except queue.Empty:
            return


def play(name):
    """All that it can, as one of the demo's people or a guest."""
    pb = PocketBase(os.environ["HAPTA_URL"])
    if name:
        pb.collection("users").auth_with_password(f"{name}@example.com", PASSWORD)
    notes = pb.collection("notes")
    told = watch(pb, "notes")
    made = []

    def create():
        made.append(notes.create({"title": "x", "status": "public"}))

    event = told_of(pb, told, create)
    assert event.action == "create" and event.record.id in {note.id for note in made}, event
    settle(told)
    note = made[-1]
    notes.update(note.id, {"title": "y"})
    event = told.get(timeout=10)
    assert (event.action, event.record.title) == ("update", "y"), event
    if name:
        mine = notes.create({"title": "mine", "status": "private", "owner": ALICE})
        event = told.get(timeout=10)
        assert (event.action, event.record.id) == ("create", mine.id), event
    notes.delete(note.id)
    event = told.get(timeout=10)
    assert (event.action, event.record.id) == ("delete", note.id), event
    notes.unsubscribe()
    time.sleep(0.2)
    create()
    assert told.empty()


for person in [None, "alice"]:
    play(person)
print("2 steps")
# Its threads read on for ever.
os._exit(0)
