"""slack_sdk's aiohttp Socket Mode client without Bolt: what comes over the link, and when it is acked."""

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bolt_async import Loop
from people import Failed


class Bot:
    """Its clients, and whether they ack."""

    name = "slack_sdk SocketModeClient, aiohttp"

    sees_the_end_of_tcp = True

    def __init__(self, url, heard):
        self.base_url = f"{url}/api/"
        self.heard = heard
        self.clients = []
        self.acks = lambda request: True
        self.loop = Loop()
        self.web = AsyncWebClient(token="xoxb-sandbox", base_url=self.base_url)

    def start(self):
        self.another()

    def another(self, app_token="xapp-sandbox", first_frame=None):
        """Connects one more client, of this name in the inbox; `first_frame` gets every frame as it comes."""
        return self.loop.run(self._another(app_token, first_frame))

    async def _another(self, app_token, first_frame):
        number = len(self.clients)
        client = SocketModeClient(app_token=app_token, web_client=AsyncWebClient(base_url=self.base_url))

        async def frame(client, message, raw):
            self.heard.put("frame", (number, message))

        async def request(client, request):
            self.heard.put("request", (number, request))
            if self.acks(request):
                await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))

        async def raw(message):
            first_frame(message.data)

        client.message_listeners.append(frame)
        client.socket_mode_request_listeners.append(request)
        if first_frame:
            client.on_message_listeners.append(raw)
        self.clients.append(client)
        await client.connect()
        return number

    def dials_again(self, number):
        """Whether the URL that this client used opens another connection."""

        async def dial():
            client = self.clients[number]
            try:
                session = await client.aiohttp_client_session.ws_connect(client.wss_uri)
            except aiohttp.WSServerHandshakeError:
                return False
            await session.close()
            return True

        return self.loop.run(dial())

    def close(self, *numbers):
        for number in numbers:
            self.loop.run(self.clients[number].close())

    def stop(self):
        self.close(*range(len(self.clients)))
        self.loop.stop()

    def connecting_fails(self, app_token):
        """The error with which this token is refused. `connect` of this client would retry for ever."""

        async def issue():
            client = SocketModeClient(app_token=app_token, web_client=AsyncWebClient(base_url=self.base_url))
            try:
                await client.issue_new_wss_url()
            except SlackApiError as error:
                return error.response["error"]
            finally:
                await client.close()

        return self.loop.run(issue())

    def api(self, method, **arguments):
        async def call():
            return (await getattr(self.web, method)(**arguments)).data

        return self.loop.run(call())

    def refused(self, method, **arguments):
        try:
            self.api(method, **arguments)
        except SlackApiError as error:
            return error.response
        raise Failed(f"{method} was not refused: {arguments}")

    def waits_when_limited(self):
        """From now on calls wait as long as Slack says and are tried again."""
        self.web.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=3))
