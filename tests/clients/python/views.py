"""The views and blocks of the sample app."""


def text(words):
    return {"type": "plain_text", "text": words}


def section(words):
    return {"type": "section", "text": {"type": "mrkdwn", "text": words}}


def buttons(*ids):
    element = lambda name: {
        "type": "button",
        "action_id": name,
        "text": text(name.capitalize()),
        "value": f"{name}-value",
    }
    return {"type": "actions", "block_id": "buttons", "elements": [element(name) for name in ids]}


def field(block_id, label, **more):
    element = {"type": "plain_text_input", "action_id": "value"}
    return {"type": "input", "block_id": block_id, "label": text(label), "element": element, **more}


FORM = {
    "type": "modal",
    "callback_id": "command",
    "private_metadata": "COPS",
    "notify_on_close": True,
    "title": text("Stop an instance"),
    "submit": text("Stop"),
    "close": text("Cancel"),
    "blocks": [
        field("target", "Instance"),
        field("reason", "Reason", optional=True),
        {
            "type": "input",
            "block_id": "region",
            "label": text("Region"),
            "element": {
                "type": "static_select",
                "action_id": "value",
                "options": [
                    {"text": text("Frankfurt"), "value": "eu-central-1"},
                    {"text": text("Ireland"), "value": "eu-west-1"},
                ],
                "initial_option": {"text": text("Frankfurt"), "value": "eu-central-1"},
            },
        },
        buttons("more"),
    ],
}

MORE = {
    "type": "modal",
    "callback_id": "more",
    "title": text("More options"),
    "submit": text("Set"),
    "blocks": [field("note", "Note", optional=True)],
}

DONE = {
    "type": "modal",
    "callback_id": "done",
    "title": text("Stopping"),
    "blocks": [section("It will take a minute.")],
}

HOME = {"type": "home", "blocks": [section("What you may run"), buttons("approve")]}
