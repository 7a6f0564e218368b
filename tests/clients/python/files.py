"""Files upload v2: the SDK asks for a URL, sends the bytes there, and completes the upload."""

from people import check

CONTENT = "id,state\ni-0abc,stopped\nnaïve,✓\n"


def shown(people, file_id):
    return [file for file in people.get("files")["files"] if file["id"] == file_id][0]


def a_file_is_uploaded_into_a_thread(bot, people):
    before = people.cursor()
    parent = bot.api("chat_postMessage", channel="COPS", text="the list")["ts"]
    upload = {"channel": "COPS", "thread_ts": parent, "filename": "list.csv", "title": "The list", "content": CONTENT}
    answer = bot.api("files_upload_v2", **upload, initial_comment="all of it")
    file = answer["files"][0]
    check("the answer names the file", bool(file["id"]) and file["title"], "The list")
    seen = people.sees("maya", "ops", "all of it", after=before)
    check(
        "people see a message in the thread", (seen["thread_ts"], seen["via"]), (parent, "files.completeUploadExternal")
    )
    check(
        "with the file",
        [(f["id"], f["name"], f["title"]) for f in seen["files"]],
        [(file["id"], "list.csv", "The list")],
    )
    kept = shown(people, file["id"])
    check("whole", (kept["size"], kept["content"]), (len(CONTENT.encode()), CONTENT))


def several_files_are_uploaded_at_once(bot, people):
    files = [{"filename": f"{name}.txt", "title": name, "content": name * 1000} for name in ["a", "b"]]
    answer = bot.api("files_upload_v2", channel="COPS", file_uploads=files, initial_comment="both")
    check("the answer names both", [file["title"] for file in answer["files"]], ["a", "b"])
    seen = people.sees("maya", "ops", "both")
    check("in one message", [file["size"] for file in seen["files"]], [1000, 1000])


def a_file_without_a_channel_is_shown_to_nobody(bot, people):
    before = people.cursor()
    answer = bot.api("files_upload_v2", filename="secret.txt", title="secret", content="x")
    check("it is kept", shown(people, answer["files"][0]["id"])["size"], 1)
    check("and not shown", [m for m in people.visible("maya", "ops", before) if m.get("files")], [])


def what_cannot_be_uploaded_is_refused(bot, people):
    error = bot.refused("files_upload_v2", channel="CNONE", filename="a.txt", content="x")["error"]
    check("no such channel", error, "channel_not_found")
    error = bot.refused("files_completeUploadExternal", files=[{"id": "FNONE", "title": "x"}], channel_id="COPS")[
        "error"
    ]
    check("no such file", error, "file_not_found")


ALL = [
    a_file_is_uploaded_into_a_thread,
    several_files_are_uploaded_at_once,
    a_file_without_a_channel_is_shown_to_nobody,
    what_cannot_be_uploaded_is_refused,
]
