//! Uploads in three steps.

use super::*;

/// Step one: a place for the bytes.
async fn place(slack: &Slack, name: &str, length: usize) -> Value {
    let url = format!("{}/api/files.getUploadURLExternal", slack.base);
    let request = slack.client.post(url).bearer_auth("xoxb-sandbox");
    let length = length.to_string();
    let mut response = request.send_form(&[("filename", name), ("length", length.as_str())]).await.expect("an answer");
    response.json().await.expect("JSON")
}

async fn put(slack: &Slack, place: &Value, kind: &str, body: Vec<u8>) -> u16 {
    let url = place["upload_url"].as_str().expect("a URL");
    slack.client.post(url).content_type(kind).send_body(body).await.expect("an answer").status().as_u16()
}

#[actix_web::test]
async fn a_file_is_there_once_its_upload_is_complete_and_in_the_thread_it_belongs_to() {
    let slack = Slack::start(3000);
    let parent = slack.api("chat.postMessage", json!({"channel": "COPS", "text": "parent"})).await;
    let place = place(&slack, "fleet.txt", 5).await;
    assert_eq!(put(&slack, &place, "application/octet-stream", b"a\nb\nc".to_vec()).await, 200);
    assert_eq!(slack.get("files").await["files"], json!([]), "the bytes alone are nothing yet");
    let args = json!({"files": [{"id": place["file_id"], "title": "The fleet"}], "channel_id": "COPS",
        "thread_ts": parent["ts"], "initial_comment": "All of it"});
    let done = slack.api("files.completeUploadExternal", args.clone()).await;
    assert_eq!(done["ok"], true, "{done}");
    let files = slack.get("files").await;
    assert_eq!(files["files"][0]["content"], "a\nb\nc");
    assert_eq!(files["files"][0]["thread_ts"], parent["ts"]);
    let seen = slack.get("messages?channel=ops&user=vera").await;
    let message = &seen["messages"][1];
    assert_eq!(message["files"][0]["title"], "The fleet");
    assert_eq!(message["text"], "All of it");
    assert_eq!(message["via"], "files.completeUploadExternal");
    assert_eq!(slack.api("files.completeUploadExternal", args).await["error"], "file_not_found", "once");
    let url = files["files"][0]["url_private"].as_str().expect("a URL").to_owned();
    let mut response = slack.client.get(url).send().await.expect("an answer");
    assert_eq!(response.body().await.expect("a body"), bytes("a\nb\nc"));
    assert_eq!(response.headers().get("content-type").expect("a type"), "text/plain; charset=utf-8");
    slack.stop().await;
}

#[actix_web::test]
async fn a_form_with_the_file_is_taken_too() {
    let slack = Slack::start(3000);
    let place = place(&slack, "a.csv", 3).await;
    let form = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n1,2\r\n--x--\r\n";
    assert_eq!(put(&slack, &place, "multipart/form-data; boundary=x", form.as_bytes().to_vec()).await, 200);
    slack.api("files.completeUploadExternal", json!({"files": [{"id": place["file_id"]}], "channel_id": "COPS"})).await;
    assert_eq!(slack.get("files").await["files"][0]["content"], "1,2");
    slack.stop().await;
}

#[actix_web::test]
async fn what_is_wrong_with_an_upload_has_slacks_names() {
    let slack = Slack::start(3000);
    assert_eq!(place(&slack, "a.txt", 0).await["error"], "missing_argument");
    assert_eq!(place(&slack, "a.txt", 30 << 20).await["error"], "file_upload_size_restricted");
    let by_json = slack.api("files.getUploadURLExternal", json!({"filename": "a.txt", "length": 3})).await;
    assert_eq!(by_json["error"], "invalid_arguments", "this method takes no JSON");
    let place = place(&slack, "a.txt", 3).await;
    let complete = async |extra: Value| {
        let mut args = json!({"files": [{"id": place["file_id"]}]});
        for (key, value) in extra.as_object().expect("fields") {
            args[key] = value.clone();
        }
        slack.api("files.completeUploadExternal", args).await["error"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(complete(json!({"channel_id": "COPS"})).await, "file_not_found", "no bytes came");
    put(&slack, &place, "text/plain", b"abc".to_vec()).await;
    assert_eq!(complete(json!({"channel_id": "CNONE"})).await, "channel_not_found");
    assert_eq!(complete(json!({"channel_id": "UMAYA"})).await, "channel_not_found", "a person is no channel here");
    assert_eq!(complete(json!({"channel_id": "CRANDOM"})).await, "not_in_channel");
    let gone = json!({"upload_url": format!("{}/upload/v1/nobody", slack.base)});
    assert_eq!(put(&slack, &gone, "text/plain", b"abc".to_vec()).await, 404);
    slack.stop().await;
}
