"""The screen keeps up with the agent: each change is told, and what it said is said again to a new agent."""

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from andon_station.updates.agent import Agent, AgentSilent
from andon_station.updates.present import SILENT
from andon_station.updates.talk import Talk


class FakeAgent:
    """A real server that answers as the agent does."""

    def __init__(self):
        self.state = {"phase": "idle", "is_ending": False}
        self.answers = 200
        self.heard = queue.Queue()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def _answer(self):
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length)) if length else None
                if body is not None and outer.answers == 200:
                    outer.heard.put((self.path, body))
                text = json.dumps(outer.state).encode()
                self.send_response(outer.answers)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = _answer  # noqa: N815

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def agent():
    made = FakeAgent()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def talk(agent):
    told = queue.Queue()
    made = Talk(Agent(agent.address, "token"), told.put, every=0.01)
    made.begin()
    yield made, told
    made.end()


def until(told, holds):
    while True:
        each = told.get(timeout=30)
        if holds(each):
            return each


def test_each_change_is_told_and_an_end_is_passed_on(agent, talk):
    _, told = talk
    until(told, lambda each: each.shown.english == "idle")
    agent.state = {"phase": "ready", "is_ending": False}
    until(told, lambda each: each.shown.may_agree)
    agent.state = {"phase": "switching", "is_ending": True}
    until(told, lambda each: each.is_ending)


def test_an_agent_that_comes_back_is_told_again_that_this_version_works(agent, talk):
    talking, told = talk
    talking.healthy()
    until(told, lambda each: each.shown != SILENT)
    agent.answers = 503
    until(told, lambda each: each.shown == SILENT)
    agent.heard = queue.Queue()
    agent.answers = 200
    until(agent.heard, lambda each: each == ("/v1/unit/health", {"is_healthy": True}))


def test_the_operators_word_reaches_the_agent(agent, talk):
    talk[0].agree(is_safe=True, why="the operator agreed")
    wanted = ("/v1/unit/safe-point", {"is_safe": True, "why": "the operator agreed"})
    until(agent.heard, lambda each: each == wanted)


def test_garbage_is_silence(agent):
    agent.state = ["not", "a", "state"]
    with pytest.raises(AgentSilent):
        Agent(agent.address, "token").state()
