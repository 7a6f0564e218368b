"""The sample app on Bolt for Python with the built-in Socket Mode client. Only the API's base URL and the tokens are the sandbox's."""

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

import views
from people import Failed


class Bot:
    """The running app."""

    name = "slack_bolt App, built-in Socket Mode client"

    def __init__(self, url, heard):
        self.heard = heard
        self.client = WebClient(token="xoxb-sandbox", base_url=f"{url}/api/")
        self.app = App(client=self.client)
        register(self.app, heard)
        self.handler = SocketModeHandler(self.app, "xapp-sandbox")

    def start(self):
        self.handler.connect()

    def stop(self):
        self.handler.close()

    def api(self, method, **arguments):
        """A call of the Web API by the SDK's method of that name; its data."""
        return getattr(self.client, method)(**arguments).data

    def refused(self, method, **arguments):
        """A call that Slack refuses: the response the SDK's error carries."""
        try:
            self.api(method, **arguments)
        except SlackApiError as error:
            return error.response
        raise Failed(f"{method} was not refused: {arguments}")


def register(app, heard):
    @app.error
    def failed(error):
        heard.put("error", repr(error))

    @app.command("/drone")
    def drone(ack, command, client, respond):
        heard.put("command", command)
        word, _, rest = command["text"].partition(" ")
        if word == "echo":
            ack(f"You said {rest}")
        elif word == "public":
            ack(response_type="in_channel", text=rest, blocks=[views.section(rest)])
        elif word == "large":
            ack("x" * int(rest))
        elif word == "respond":
            ack()
            for number in range(1, int(rest) + 1):
                answer = respond(f"answer {number}")
                heard.put("responded", (answer.status_code, answer.body))
        elif word == "replace":
            ack()
            respond("draft")
            respond(text="final", replace_original=True)
        elif word == "delete":
            ack()
            respond("gone soon")
            respond(delete_original=True)
            respond(text="all can read this", response_type="in_channel")
        elif word == "form":
            ack()
            opened = client.views_open(trigger_id=command["trigger_id"], view=views.FORM)
            heard.put("opened", opened.data)
        elif word == "keep":
            ack()
        # `silence` and all else: no ack at all

    @app.event("app_mention")
    def mentioned(event, say, body):
        heard.put("mention", body)
        say(text=f"Hello <@{event['user']}>", thread_ts=event.get("thread_ts") or event["ts"])

    @app.event("message")
    def message(event, say):
        heard.put("message", event)
        if event["channel_type"] == "im" and "subtype" not in event:
            say(f"You wrote: {event['text']}")

    @app.action("approve")
    def approve(ack, body, respond):
        ack()
        heard.put("action", body)
        if "response_url" in body:
            respond(text=f"approved by <@{body['user']['id']}>", replace_original=True)

    @app.action("more")
    def more(ack, body, client):
        ack()
        heard.put("action", body)
        pushed = client.views_push(trigger_id=body["trigger_id"], view=views.MORE)
        heard.put("pushed", pushed.data)

    @app.view("command")
    def submitted(ack, body, view, client):
        heard.put("submission", body)
        value = view["state"]["values"]["target"]["value"]["value"]
        if not value.startswith("i-"):
            ack(response_action="errors", errors={"target": "An instance id begins with i-"})
        elif value == "i-update":
            ack(response_action="update", view=views.DONE)
        elif value == "i-push":
            ack(response_action="push", view=views.MORE)
        elif value == "i-clear":
            ack(response_action="clear")
        else:
            ack()
            client.chat_postMessage(channel=view["private_metadata"], text=f"will stop {value}")

    @app.view("more")
    def submitted_more(ack, body):
        heard.put("submission", body)
        ack()

    @app.view_closed("command")
    def closed(ack, body):
        ack()
        heard.put("closed", body)

    @app.event("app_home_opened")
    def home_opened(event, client):
        heard.put("home_opened", event)
        if event["tab"] == "home":
            client.views_publish(user_id=event["user"], view=views.HOME)

    @app.shortcut("new_request")
    def shortcut(ack, shortcut, client):
        ack()
        heard.put("shortcut", shortcut)
        client.views_open(trigger_id=shortcut["trigger_id"], view=views.FORM)

    @app.shortcut("run_again")
    def message_shortcut(ack, shortcut, respond):
        ack()
        heard.put("message_shortcut", shortcut)
        respond(f"again: {shortcut['message']['text']}")
