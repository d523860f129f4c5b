"""PocketBase's SDK for Python as its users have it: nothing here but the address is Hapta's."""

import os
import sys
import urllib.request

from pocketbase import PocketBase
from pocketbase.errors import ClientResponseError

PASSWORD = "1234567890"
ALICE = "alice0000000000"
POST_OF_ALICE = "post00000000100"

TOUR = []


def step(function):
    """Makes a function a step of the tour."""
    TOUR.append(function)
    return function


def client(name=None):
    """A client of the server under test; as one of the demo's people if named."""
    pb = PocketBase(os.environ["HAPTA_URL"])
    if name:
        pb.collection("users").auth_with_password(f"{name}@example.com", PASSWORD)
    return pb


def refused(call, status):
    """The error of a call that must fail with this status."""
    try:
        call()
    except ClientResponseError as error:
        assert error.status == status, error
        return error
    raise AssertionError("it was not refused")


@step
def a_login_fills_the_auth_store():
    pb = client()
    answer = pb.collection("users").auth_with_password("alice@example.com", PASSWORD)
    assert answer.record.id == ALICE and answer.record.email == "alice@example.com"
    assert pb.auth_store.token == answer.token and pb.auth_store.is_valid


@step
def a_wrong_password_is_an_error_of_the_known_shape():
    pb = client()
    error = refused(lambda: pb.collection("users").auth_with_password("alice@example.com", "wrong"), 400)
    assert error.data == {"status": 400, "message": "Failed to authenticate.", "data": {}}, error.data


@step
def a_refresh_keeps_one_logged_in():
    pb = client("alice")
    assert pb.collection("users").auth_refresh().record.id == ALICE
    assert pb.auth_store.is_valid
    refused(client().collection("users").auth_refresh, 401)


@step
def lists_are_filtered_sorted_expanded_and_cut():
    posts = client().collection("posts")
    found = posts.get_list(
        1, 2, {"filter": "status = 'published' && author.name != ''", "sort": "-views,title", "expand": "author,comments_via_post.author"}
    )
    assert (found.page, found.per_page, found.total_items, found.total_pages) == (1, 2, 3, 2)
    assert [item.views for item in found.items] == [8, 5]
    assert found.items[1].expand["author"].name == "bob"
    [only] = posts.get_list(1, 1, {"fields": "id,title", "skipTotal": True, "sort": "id"}).items
    assert only.title == "Hello from alice" and not hasattr(only, "content")


@step
def all_of_a_list_comes_in_batches():
    posts = client().collection("posts")
    assert len(posts.get_full_list()) == 5
    assert [post.id for post in posts.get_full_list(2, {"sort": "id"})] == [f"post00000000{n}00" for n in range(1, 6)]


@step
def the_first_of_a_list_is_found_by_a_bound_filter():
    pb = client()
    posts = pb.collection("posts")
    bound = pb.filter("author.name = {:name} && views > {:views}", {"name": "bob", "views": 4})
    assert posts.get_first_list_item(bound).title == "Hello from bob"
    assert posts.get_first_list_item("author.name = 'bob' &&\n  views > 4").title == "Hello from bob"
    refused(lambda: posts.get_first_list_item(pb.filter("title = {:title}", {"title": "x' || id != '"})), 404)


@step
def a_record_is_found_by_its_id():
    posts = client().collection("posts")
    post = posts.get_one(POST_OF_ALICE, {"expand": "author"})
    assert post.tags == ["hello"] and post.collection_name == "posts"
    assert post.expand["author"].id == ALICE
    error = refused(lambda: posts.get_one("missing00000000"), 404)
    assert sorted(error.data) == ["data", "message", "status"]


@step
def records_are_made_changed_and_deleted():
    posts = client("alice").collection("posts")
    made = posts.create({"title": "Made by the SDK", "author": ALICE, "views": 1, "tags": ["a", {"b": None}]})
    changed = posts.update(made.id, {"title": "Changed by the SDK", "views+": 2}, {"expand": "author"})
    assert (changed.title, changed.views, changed.tags) == ("Changed by the SDK", 3, ["a", {"b": None}])
    assert changed.expand["author"].name == "alice"
    assert posts.update(made.id, {"views-": 5}).views == -2
    assert posts.delete(made.id) is True
    refused(lambda: posts.get_one(made.id), 404)


@step
def relations_are_added_and_taken_away():
    pb = client("alice")
    users = pb.collection("users")
    assert users.update(ALICE, {"following+": ["bob000000000000", "carol0000000000"]}).following == ["bob000000000000", "carol0000000000"]
    assert users.update(ALICE, {"following-": "bob000000000000"}).following == ["carol0000000000"]
    assert pb.auth_store.model.following == ["carol0000000000"]
    assert users.update(ALICE, {"following": []}).following == []


@step
def a_field_at_fault_is_named():
    posts = client("alice").collection("posts")
    error = refused(lambda: posts.create({"title": ""}), 400)
    assert error.data["data"]["title"]["code"] == "validation_required", error.data
    refused(lambda: client().collection("posts").create({"title": "x"}), 400)
    refused(lambda: client().collection("posts").delete(POST_OF_ALICE), 404)


@step
def an_account_is_made_used_and_left():
    pb = client()
    users = pb.collection("users")
    made = users.create({"email": "eve@example.com", "password": PASSWORD, "passwordConfirm": PASSWORD})
    users.auth_with_password("eve@example.com", PASSWORD)
    assert pb.auth_store.model.id == made.id
    users.delete(made.id)
    assert not pb.auth_store.is_valid


@step
def a_file_is_found_by_its_url():
    pb = client()
    post = pb.collection("posts").get_one(POST_OF_ALICE)
    with urllib.request.urlopen(pb.files.get_url(post, post.cover)) as response:
        assert response.headers["content-type"] == "image/png"
        assert response.read()[1:4] == b"PNG"
    with urllib.request.urlopen(pb.files.get_url(post, post.cover, {"download": True, "thumb": "100x100"})) as response:
        assert response.headers["content-disposition"].startswith("attachment")


@step
def a_file_is_found_by_a_token():
    pb = client("alice")
    post = pb.collection("posts").get_one(POST_OF_ALICE)
    token = pb.files.get_token()
    with urllib.request.urlopen(pb.files.get_url(post, post.cover, {"token": token})) as response:
        assert response.read()[1:4] == b"PNG"


@step
def the_ways_to_log_in_and_health_are_told():
    pb = client()
    methods = pb.collection("users").list_auth_methods()
    assert methods.password.enabled and methods.password.identity_fields == ["email"]
    assert pb.health.check().code == 200


@step
def a_superuser_administers():
    pb = client()
    pb.collection("_superusers").auth_with_password("admin@example.com", PASSWORD)
    assert pb.collection("posts").get_one(POST_OF_ALICE).moderation == "seen"
    assert pb.settings.get_all()["meta"]["appName"]
    assert {"users", "posts"} <= {collection.name for collection in pb.collections.get_full_list()}
    assert pb.collections.get_first_list_item("name = 'posts'").name == "posts"


for at in TOUR:
    at()
print(f"{len(TOUR)} steps")
sys.exit(0)
