//! The gateway's own bounds on uploads, each at its edge. They hold whatever the collection says.

use hapta_tests::albums::{self, ALBUMS, PNG};
use hapta_tests::demo::records;
use hapta_tests::{Form, Stage};

async fn stage(settings: &str) -> Stage {
    albums::stage(|gateway| albums::open(gateway).also(&format!("[uploads]\n{settings}"))).await
}

fn film(size: usize) -> Form {
    Form::new().file("film", "a.bin", vec![7; size])
}

#[tokio::test]
async fn one_file_has_a_size() {
    let stage = stage("max_file = \"2KiB\"").await;
    let post = async |form| stage.guest().post(&records(ALBUMS)).form(form).await;
    post(film(2_048)).await.expect(200);
    post(film(2_048).file("scan", "b.bin", vec![7; 2_048]))
        .await
        .expect(200);
    stage.proxy.take();
    let refused = post(film(2_049)).await.refused(400);
    assert_eq!(
        refused["data"]["film"]["code"], "validation_file_size_limit",
        "{refused}"
    );
    assert!(stage.proxy.take().iter().all(|seen| seen.method == "GET"));
}

#[tokio::test]
async fn the_files_of_one_request_have_a_size_together() {
    let stage = stage("max_request = \"4KiB\"").await;
    let post = async |form| stage.guest().post(&records(ALBUMS)).form(form).await;
    post(film(2_000).file("scan", "b.bin", vec![7; 2_096]))
        .await
        .expect(200);
    let refused = post(film(2_000).file("scan", "b.bin", vec![7; 2_097])).await;
    refused.refused(413);
}

#[tokio::test]
async fn one_request_brings_so_many_files() {
    let stage = stage("files = 2").await;
    let two = || {
        Form::new()
            .file("photos", "a.txt", "a")
            .file("photos", "b.txt", "b")
    };
    let post = async |form| stage.guest().post(&records(ALBUMS)).form(form).await;
    post(two()).await.expect(200);
    post(two().file("photos", "c.txt", "c")).await.refused(400);
}

#[tokio::test]
async fn types_can_be_named() {
    let stage = stage("types = [\"image/*\", \"application/pdf\"]").await;
    let post = async |form| stage.guest().post(&records(ALBUMS)).form(form).await;
    post(Form::new().file("scan", "a.txt", PNG))
        .await
        .expect(200);
    post(Form::new().file("scan", "a.txt", "%PDF-1.7\n"))
        .await
        .expect(200);
    let refused = post(Form::new().file_of_type("scan", "a.png", "image/png", "text"))
        .await
        .refused(400);
    assert_eq!(
        refused["data"]["scan"]["code"], "validation_invalid_mime_type",
        "{refused}"
    );
}
