"""slack_sdk's built-in Socket Mode client without Bolt: what comes over the link, and when it is acked."""

import threading

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.builtin.connection import Connection
from slack_sdk.socket_mode.response import SocketModeResponse

from people import Failed


class Bot:
    """Its clients, and whether they ack."""

    name = "slack_sdk SocketModeClient, built-in"

    # at the end of TCP this client reads nothing for ever, at full speed, until five of its pings failed
    sees_the_end_of_tcp = False

    def __init__(self, url, heard):
        self.base_url = f"{url}/api/"
        self.heard = heard
        self.clients = []
        self.acks = lambda request: True
        self.web = WebClient(token="xoxb-sandbox", base_url=self.base_url)

    def start(self):
        self.another()

    def another(self, app_token="xapp-sandbox", first_frame=None):
        """Connects one more client, of this name in the inbox; `first_frame` gets every frame as it comes."""
        number = len(self.clients)
        client = SocketModeClient(app_token=app_token, web_client=WebClient(base_url=self.base_url))
        client.message_listeners.append(lambda client, message, raw: self.heard.put("frame", (number, message)))
        client.socket_mode_request_listeners.append(lambda client, request: self._request(number, client, request))
        if first_frame:
            client.on_message_listeners.append(first_frame)
        self.clients.append(client)
        client.connect()
        return number

    def _request(self, number, client, request):
        self.heard.put("request", (number, request))
        if self.acks(request):
            client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))

    def dials_again(self, number):
        """Whether the URL that this client used opens another connection."""
        client = self.clients[number]
        connection = Connection(url=client.wss_uri, logger=client.logger)
        connection.connect()
        opened = connection.is_active()
        connection.close()
        return opened

    def close(self, *numbers):
        # each waits up to three seconds for its reader
        threads = [threading.Thread(target=self.clients[number].close) for number in numbers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def stop(self):
        self.close(*range(len(self.clients)))

    def connecting_fails(self, app_token):
        """The error with which this token is refused."""
        try:
            self.another(app_token=app_token)
        except SlackApiError as error:
            return error.response["error"]
        return None

    def api(self, method, **arguments):
        return getattr(self.web, method)(**arguments).data

    def refused(self, method, **arguments):
        try:
            self.api(method, **arguments)
        except SlackApiError as error:
            return error.response
        raise Failed(f"{method} was not refused: {arguments}")

    def waits_when_limited(self):
        """From now on calls wait as long as Slack says and are tried again."""
        self.web.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=3))
