//! `files.*` in the second form: ask for a place, put the bytes there, say that it is complete and where it belongs.

use actix_multipart::Multipart;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::chat::Content;
use super::request::Args;
use super::{Answer, Refusal, respond_to, serve};
use crate::chat::Message;
use crate::files::SIZE;
use crate::state::{Sandbox, State};

type Outcome = Result<Value, Refusal>;

/// Channels that one call may share to.
const CHANNELS: usize = 100;

/// Runs a method of this file; `None` if it is none of them.
pub fn run(state: &mut State, method: &str, args: &Args) -> Option<Outcome> {
    Some(match method {
        "files.getUploadURLExternal" => begin(state, args),
        "files.completeUploadExternal" => complete(state, args),
        "files.info" => info(state, args),
        _ => return None,
    })
}

fn begin(state: &mut State, args: &Args) -> Outcome {
    let name = args.text("filename").ok_or("invalid_arguments")?;
    let length = args.number("length").ok_or("invalid_arguments")?;
    if length == 0 {
        return Err("missing_argument".into());
    }
    if length > SIZE {
        return Err("file_upload_size_restricted".into());
    }
    if args.text("alt_txt").is_some_and(|text| text.chars().count() > 1000) {
        return Err("alt_txt_too_large".into());
    }
    if args.text("snippet_type").is_some() && length > 1_000_000 {
        return Err("snippet_too_large".into());
    }
    let file = state.files.begin(name, length as u64);
    let url = format!("{}/upload/v1/{}", state.options.base_url, file.secret);
    Ok(json!({"upload_url": url, "file_id": file.id}))
}

fn info(state: &State, args: &Args) -> Outcome {
    let file = args.text("file").and_then(|id| state.files.get(id)).filter(|file| file.complete);
    let file = file.ok_or("file_not_found")?;
    Ok(json!({"file": file.json(&state.options.base_url), "comments": [], "response_metadata": {"next_cursor": ""}}))
}

/// The channels it goes to; none keeps it private.
fn channels(state: &State, args: &Args) -> Result<Vec<String>, Refusal> {
    let listed = args.text("channels").unwrap_or_default();
    let wanted: Vec<&str> = args.text("channel_id").into_iter().chain(listed.split(',')).map(str::trim).collect();
    let wanted: Vec<&str> = wanted.into_iter().filter(|name| !name.is_empty()).collect();
    if wanted.len() > CHANNELS {
        return Err("channels_limit_exceeded".into());
    }
    if args.text("thread_ts").is_some() && wanted.len() > 1 {
        return Err("invalid_arguments".into());
    }
    let known = |id: &str| {
        // unlike chat.postMessage it takes no person for a channel
        let room = state.directory.channel(id).ok_or("channel_not_found")?;
        match (room.has_bot(), room.archived) {
            (true, false) => Ok(room.id.clone()),
            (false, _) => Err("not_in_channel".into()),
            (true, true) => Err("is_archived".into()),
        }
    };
    wanted.into_iter().map(known).collect()
}

fn complete(state: &mut State, args: &Args) -> Outcome {
    let listed = args.data("files", "invalid_arguments")?.ok_or("invalid_arguments")?;
    let listed = listed.as_array().filter(|list| !list.is_empty()).ok_or("invalid_arguments")?;
    let channels = channels(state, args)?;
    let thread_ts = args.text("thread_ts").map(str::to_owned);
    for asked in listed {
        let file = asked["id"].as_str().and_then(|id| state.files.get(id));
        // bytes that never came, and a file that is complete, are no upload that could be completed
        if file.is_none_or(|file| file.complete || file.content.is_none()) {
            return Err("file_not_found".into());
        }
    }
    if state.options.rate_limits {
        for channel in &channels {
            state.limits.post(channel).map_err(Refusal::Limited)?;
        }
    }
    let ids: Vec<&str> = listed.iter().filter_map(|asked| asked["id"].as_str()).collect();
    for asked in listed {
        if let Some(file) = asked["id"].as_str().and_then(|id| state.files.get_mut(id)) {
            file.complete = true;
            if let Some(title) = asked["title"].as_str().filter(|title| !title.is_empty()) {
                file.title = title.to_owned();
            }
        }
    }
    for channel in &channels {
        share(state, args, channel, thread_ts.clone(), &ids)?;
    }
    let files: Vec<Value> =
        ids.iter().filter_map(|id| state.files.get(id)).map(|file| file.json(&state.options.base_url)).collect();
    Ok(json!({"files": files}))
}

/// The message by which people see the files.
fn share(
    state: &mut State,
    args: &Args,
    channel: &str,
    thread_ts: Option<String>,
    ids: &[&str],
) -> Result<(), Refusal> {
    let said = json!({"text": args.text("initial_comment").unwrap_or_default(), "blocks": args.value()["blocks"]});
    let content = Content::read(&said)?.unwrap_or(Content {
        text: String::new(),
        blocks: None,
        attachments: None,
        warning: None,
    });
    let base = state.options.base_url.clone();
    let files: Vec<Value> = ids.iter().filter_map(|id| state.files.get(id)).map(|file| file.json(&base)).collect();
    let message = Message { thread_ts: thread_ts.clone(), files, ..content.message("files.completeUploadExternal") };
    let message = state.chat.add(channel, message);
    for id in ids {
        if let Some(file) = state.files.get_mut(id) {
            file.shares.push((channel.to_owned(), message.ts(), thread_ts.clone()));
        }
    }
    state.announce(channel, &message);
    Ok(())
}

/// The handler of `/upload/v1/{secret}`: the bytes, raw or as the only field of a form. No token: the URL is one.
pub async fn upload(
    request: HttpRequest,
    secret: web::Path<String>,
    payload: web::Payload,
    sandbox: web::Data<Sandbox>,
) -> HttpResponse {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let content = if kind.starts_with("multipart/") {
        let mut form = Multipart::new(request.headers(), payload);
        match form.next().await {
            Some(Ok(mut field)) => gather(&mut field).await,
            _ => None,
        }
    } else {
        let mut payload = payload;
        gather(&mut payload).await
    };
    let Some(content) = content else { return respond_to(413, "too large or not understood") };
    let fault = sandbox.lock().faults.take_api("upload");
    let args = Args::of(json!({"bytes": content.len(), "content_type": kind}));
    serve(&request, &sandbox, fault, "upload", &args, |state| {
        let length = content.len();
        match state.files.upload(&secret, content) {
            Some(()) => Answer::text(200, format!("OK - {length}")),
            None => Answer::text(404, "not found".to_owned()),
        }
    })
    .await
}

async fn gather<E>(chunks: &mut (impl futures_util::Stream<Item = Result<web::Bytes, E>> + Unpin)) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(chunk) = chunks.next().await {
        all.extend_from_slice(&chunk.ok()?);
        if all.len() > SIZE {
            return None;
        }
    }
    Some(all)
}

/// The handler of `url_private`: for the page, so without a token.
pub async fn content(path: web::Path<(String, String)>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let (id, _) = path.into_inner();
    let id = id.rsplit('-').next().unwrap_or_default();
    let state = sandbox.lock();
    let Some(file) = state.files.get(id).filter(|file| file.complete) else { return respond_to(404, "no such file") };
    // a text is shown, everything else is kept: nothing of it is ever run
    let text = file.mimetype().starts_with("text/");
    let kind = if text { "text/plain; charset=utf-8" } else { "application/octet-stream" };
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header(("Content-Security-Policy", "default-src 'none'; sandbox"))
        .body(file.content.clone().unwrap_or_default())
}
