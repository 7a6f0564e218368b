"""Links over which nothing comes any more: half open, or ended by TCP without a word."""

from links import delivered
from people import until

NOTICED = 60.0
"""Seconds: slack_sdk misses four pongs, five seconds apart, before it gives a connection up."""


def silent_connections_are_noticed_and_replaced(bot, people):
    bot.another()
    half_open, other = until("two connections are ready", lambda: len(people.links()) == 2 and people.links())
    people.fault(connection=half_open, socket="half_open")
    people.fault(connection=other, socket="drop" if bot.sees_the_end_of_tcp else "half_open")
    until("both are dialled again", lambda: len(set(people.links()) - {half_open, other}) == 2, NOTICED)
    until("Slack still counts the half-open one", lambda: half_open in people.links())
    people.post("faults/clear")
    until("until it can read again", lambda: {half_open, other}.isdisjoint(people.links()))
    delivered(bot, people, "after the silence")


ALL = [silent_connections_are_noticed_and_replaced]
