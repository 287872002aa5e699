"""What happened in a cluster, in order: each change of an object as the API server told it.

Watched, not polled: no state of an object is missed, however short it was.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.support.kube_api import KubeApi
from tests.support.kwok_market import Manifest

Facts = Callable[[Manifest], Iterable[str]]
"""What is true of an object, each as a few words; those that come to be true are noted."""

GONE = "gone"
WATCH_SECONDS = "3"
"""One watch; the next goes on at the version where it ended."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that came to be true; ``seconds`` since the timeline began."""

    seconds: float
    kind: str
    name: str
    fact: str


@dataclass(slots=True)
class _Watched:
    """One kind of object; ``after`` is called with all of them after each change."""

    api_version: str
    kind: str
    facts: Facts
    after: Callable[[Mapping[str, Manifest]], None]
    things: dict[str, Manifest] = field(default_factory=dict)
    true: dict[str, frozenset[str]] = field(default_factory=dict)


class Timeline:
    """Notes what happens from when it is made until it is stopped."""

    def __init__(self, api: KubeApi, connect: Callable[[], httpx.Client]) -> None:
        """``connect`` makes connections of the timeline's own; they are closed when it stops."""
        self._api, self._connect = api, connect
        self.began_at = datetime.now(UTC)
        self._lock = threading.Lock()
        self._moments: list[Moment] = []
        self._streams: list[httpx.Client] = []
        self._threads: list[threading.Thread] = []
        self._is_over = threading.Event()
        self.failure: Exception | None = None

    def watch(
        self,
        api_version: str,
        kind: str,
        facts: Facts,
        after: Callable[[Mapping[str, Manifest]], None] = lambda _: None,
    ) -> None:
        """Note what comes to be true of all objects of a kind, from now on."""
        watched = _Watched(api_version, kind, facts, after)
        listed = self._api.http.get(self._api.path_of_kind(api_version, kind)).raise_for_status()
        for thing in listed.json()["items"]:
            self._take(watched, "ADDED", thing)
        since = listed.json()["metadata"]["resourceVersion"]
        client = self._connect()
        self._streams.append(client)
        thread = threading.Thread(target=self._follow, args=(watched, since, client), daemon=True)
        self._threads.append(thread)
        thread.start()

    def note(self, kind: str, name: str, fact: str, at: datetime | None = None) -> None:
        """Note something that is told by no object; ``at`` is when, now if not given."""
        seconds = ((at or datetime.now(UTC)) - self.began_at).total_seconds()
        with self._lock:
            self._moments.append(Moment(seconds, kind, name, fact))

    def moments(self) -> list[Moment]:
        """All that was noted until now, in order."""
        with self._lock:
            return sorted(self._moments, key=lambda one: one.seconds)

    def first(self, fact: str, name: str | None = None) -> float:
        """When that was first noted (of that object); fails if it never was."""
        for one in self.moments():
            if one.fact == fact and name in {None, one.name}:
                return one.seconds
        raise AssertionError(f"never {fact!r} ({name or 'of anything'}):\n{self}")

    def stop(self) -> None:
        """Stop watching.

        Raises:
            AssertionError: a watch failed; then something may have been missed.
        """
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        for client in self._streams:
            client.close()
        assert self.failure is None, f"a watch failed: {self.failure!r}"

    def __str__(self) -> str:
        """A line for each moment."""
        return "\n".join(
            f"{one.seconds:7.1f} s  {one.kind:<24} {one.name:<44} {one.fact}"
            for one in self.moments()
        )

    def _follow(self, watched: _Watched, since: str, client: httpx.Client) -> None:
        path = self._api.path_of_kind(watched.api_version, watched.kind)
        asked = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": WATCH_SECONDS}
        try:
            while not self._is_over.is_set():
                given = asked | {"resourceVersion": since}
                with client.stream("GET", path, params=given, timeout=None) as answer:
                    answer.raise_for_status()
                    for line in answer.iter_lines():
                        since = self._told(watched, json.loads(line))
        except Exception as error:  # noqa: BLE001 - told by stop, in the test's own thread
            self.failure = error

    def _told(self, watched: _Watched, event: Mapping[str, Any]) -> str:
        """Take an event; the version from which the next watch goes on."""
        assert event["type"] != "ERROR", event
        if event["type"] != "BOOKMARK":
            self._take(watched, event["type"], event["object"])
        return str(event["object"]["metadata"]["resourceVersion"])

    def _take(self, watched: _Watched, how: str, thing: Manifest) -> None:
        name = str(thing["metadata"]["name"])
        if how == "DELETED":
            watched.things.pop(name, None)
            watched.true.pop(name, None)
            self.note(watched.kind, name, GONE)
        else:
            watched.things[name] = thing
            now = dict.fromkeys(watched.facts(thing))
            before = watched.true.get(name, frozenset())
            watched.true[name] = frozenset(now)
            for fact in now:
                if fact not in before:
                    self.note(watched.kind, name, fact)
        watched.after(watched.things)
