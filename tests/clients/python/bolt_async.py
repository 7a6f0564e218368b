"""The sample app on Bolt for Python with asyncio and the aiohttp Socket Mode client. Only the API's base URL and the tokens are the sandbox's."""

import asyncio
import threading

from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

import views
from people import NEVER, Failed


class Loop:
    """An event loop on a thread of its own, so that the behaviours stay plain functions."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(NEVER)

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(NEVER)


class Bot:
    """The running app."""

    name = "slack_bolt AsyncApp, aiohttp Socket Mode client"

    def __init__(self, url, heard):
        self.heard = heard
        self.loop = Loop()
        self.loop.run(self._build(url))

    async def _build(self, url):
        self.client = AsyncWebClient(token="xoxb-sandbox", base_url=f"{url}/api/")
        self.app = AsyncApp(client=self.client)
        register(self.app, self.heard)
        self.handler = AsyncSocketModeHandler(self.app, "xapp-sandbox")

    def start(self):
        self.loop.run(self.handler.connect_async())

    def stop(self):
        self.loop.run(self.handler.close_async())
        self.loop.stop()

    def api(self, method, **arguments):
        """A call of the Web API by the SDK's method of that name; its data."""

        async def call():
            return (await getattr(self.client, method)(**arguments)).data

        return self.loop.run(call())

    def refused(self, method, **arguments):
        """A call that Slack refuses: the response the SDK's error carries."""
        try:
            self.api(method, **arguments)
        except SlackApiError as error:
            return error.response
        raise Failed(f"{method} was not refused: {arguments}")


def register(app, heard):
    @app.error
    async def failed(error):
        heard.put("error", repr(error))

    @app.command("/drone")
    async def drone(ack, command, client, respond):
        heard.put("command", command)
        word, _, rest = command["text"].partition(" ")
        if word == "echo":
            await ack(f"You said {rest}")
        elif word == "public":
            await ack(response_type="in_channel", text=rest, blocks=[views.section(rest)])
        elif word == "large":
            await ack("x" * int(rest))
        elif word == "respond":
            await ack()
            for number in range(1, int(rest) + 1):
                answer = await respond(f"answer {number}")
                heard.put("responded", (answer.status_code, answer.body))
        elif word == "replace":
            await ack()
            await respond("draft")
            await respond(text="final", replace_original=True)
        elif word == "delete":
            await ack()
            await respond("gone soon")
            await respond(delete_original=True)
            await respond(text="all can read this", response_type="in_channel")
        elif word == "form":
            await ack()
            opened = await client.views_open(trigger_id=command["trigger_id"], view=views.FORM)
            heard.put("opened", opened.data)
        elif word == "keep":
            await ack()
        # `silence` and all else: no ack at all

    @app.event("app_mention")
    async def mentioned(event, say, body):
        heard.put("mention", body)
        await say(text=f"Hello <@{event['user']}>", thread_ts=event.get("thread_ts") or event["ts"])

    @app.event("message")
    async def message(event, say):
        heard.put("message", event)
        if event["channel_type"] == "im" and "subtype" not in event:
            await say(f"You wrote: {event['text']}")

    @app.action("approve")
    async def approve(ack, body, respond):
        await ack()
        heard.put("action", body)
        if "response_url" in body:
            await respond(text=f"approved by <@{body['user']['id']}>", replace_original=True)

    @app.action("more")
    async def more(ack, body, client):
        await ack()
        heard.put("action", body)
        pushed = await client.views_push(trigger_id=body["trigger_id"], view=views.MORE)
        heard.put("pushed", pushed.data)

    @app.view("command")
    async def submitted(ack, body, view, client):
        heard.put("submission", body)
        value = view["state"]["values"]["target"]["value"]["value"]
        if not value.startswith("i-"):
            await ack(response_action="errors", errors={"target": "An instance id begins with i-"})
        elif value == "i-update":
            await ack(response_action="update", view=views.DONE)
        elif value == "i-push":
            await ack(response_action="push", view=views.MORE)
        elif value == "i-clear":
            await ack(response_action="clear")
        else:
            await ack()
            await client.chat_postMessage(channel=view["private_metadata"], text=f"will stop {value}")

    @app.view("more")
    async def submitted_more(ack, body):
        heard.put("submission", body)
        await ack()

    @app.view_closed("command")
    async def closed(ack, body):
        await ack()
        heard.put("closed", body)

    @app.event("app_home_opened")
    async def home_opened(event, client):
        heard.put("home_opened", event)
        if event["tab"] == "home":
            await client.views_publish(user_id=event["user"], view=views.HOME)

    @app.shortcut("new_request")
    async def shortcut(ack, shortcut, client):
        await ack()
        heard.put("shortcut", shortcut)
        await client.views_open(trigger_id=shortcut["trigger_id"], view=views.FORM)

    @app.shortcut("run_again")
    async def message_shortcut(ack, shortcut, respond):
        await ack()
        heard.put("message_shortcut", shortcut)
        await respond(f"again: {shortcut['message']['text']}")
