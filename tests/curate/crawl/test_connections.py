"""Each answer goes to its request, and a request is sent once, with servers that get both wrong."""

import asyncio

import pytest

from curate.crawl.addresses import parse_cidrs
from curate.crawl.config import Crawl
from curate.crawl.fetch import INTERIM, ask, session
from curate.crawl.resolver import Resolver

RULES = Crawl(contact="https://operator.test/", first_byte_seconds=5)
PATHS = ("/1", "/2", "/3", "/4")


def page(text: bytes, before: bytes = b"") -> bytes:
    body = b"<html>" + text
    return before + b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class Server:
    """Answers by a function of the connection's writer, its number of requests so far, and the path; counts them."""

    def __init__(self, answer):
        self.answer, self.asked, self.connections, self.answered = answer, [], 0, 0

    async def connected(self, reader, writer):
        self.connections += 1
        number = 0
        try:
            while True:
                path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
                self.asked.append(path.decode())
                number += 1
                try:
                    await self.answer(writer, number, path)
                finally:
                    self.answered += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def all_asked(self):
        server = await asyncio.start_server(self.connected, "127.0.0.1", 0)
        port, replies = server.sockets[0].getsockname()[1], []
        async with session(RULES, Resolver({}, parse_cidrs(["127.0.0.0/8"]))) as client:
            for path in PATHS:
                replies.append(await ask(client, f"http://127.0.0.1:{port}{path}", RULES, limit=1000))
                while self.answered < len(self.asked):
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.05)  # the loop reads what came before it looks at its timers
        server.close()
        return replies


async def fine(writer, number, path):
    writer.write(page(path))


async def more_later(writer, number, path):
    writer.write(page(path))
    await asyncio.sleep(0.05)
    writer.write(page(b"of another request"))


async def half_later(writer, number, path):
    writer.write(page(path))
    await asyncio.sleep(0.05)
    writer.write(page(b"of another request")[:-3])


async def junk_later(writer, number, path):
    writer.write(page(path))
    await asyncio.sleep(0.05)
    writer.write(b"junk\r\n")


@pytest.mark.parametrize("answer", [fine, more_later, half_later, junk_later])
def test_h43_an_answer_is_that_of_its_own_request(answer):
    server = Server(answer)
    replies = asyncio.run(server.all_asked())
    assert [(reply.outcome, reply.body.decode()) for reply in replies] == [("", f"<html>{path}") for path in PATHS]
    assert server.connections == (1 if answer is fine else len(PATHS))
    assert server.asked == [*PATHS]


async def hang_up(writer, number, path):
    writer.close()


async def reset(writer, number, path):
    writer.transport.abort()


@pytest.mark.parametrize("answer", [hang_up, reset])
def test_h37_a_new_connection_that_breaks_is_not_asked_again_at_once(answer):
    server = Server(answer)
    replies = asyncio.run(server.all_asked())
    assert {reply.outcome for reply in replies} <= {"disconnect", "connect_reset"}
    assert server.asked == [*PATHS]


async def hang_up_second(writer, number, path):
    writer.close() if number > 1 else writer.write(page(path))


def test_h37_a_used_connection_that_breaks_is_given_one_more_try_on_a_new_one():
    server = Server(hang_up_second)
    replies = asyncio.run(server.all_asked())
    assert [reply.body.decode() for reply in replies] == [f"<html>{path}" for path in PATHS]
    assert server.asked == ["/1", "/2", "/2", "/3", "/3", "/4", "/4"]


@pytest.mark.parametrize("number", [0, 1, INTERIM, INTERIM + 1, 10_000])
def test_h29_so_many_answers_of_1xx_are_passed_over(number):
    async def answer(writer, _, path):
        writer.write(page(path, b"HTTP/1.1 103 Early Hints\r\n\r\n" * number))

    replies = asyncio.run(Server(answer).all_asked())
    assert {reply.outcome for reply in replies} == {"" if number <= INTERIM else "protocol_status"}
