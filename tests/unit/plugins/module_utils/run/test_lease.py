# Copyright: (c) 2026, slotwise.redis contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Lease against an API and a clock of the test: taken, kept, lost, never stolen, never waited for without end."""

from __future__ import annotations

import copy
import json
import threading
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace as Some

import pytest
from kubernetes import client
from urllib3.exceptions import MaxRetryError, ReadTimeoutError

from ansible_collections.slotwise.redis.plugins.module_utils._errors import EngineError, Unreachable
from ansible_collections.slotwise.redis.plugins.module_utils.io.kubernetes import ApiException
from ansible_collections.slotwise.redis.plugins.module_utils.run import lease as _lease
from ansible_collections.slotwise.redis.plugins.module_utils.run.lease import LEASE_SECONDS, Lease

OURS = {"app.kubernetes.io/instance": "orders", "app.kubernetes.io/managed-by": "slotwise.redis"}
OLD, NEW = "orders", "orders.slotwise.redis"
NOBODY = "root@elsewhere/1-1:1"


class Clock:
    """Seconds that pass when somebody sleeps. What is due in the meantime happens."""

    def __init__(self):
        self.now, self.naps, self.due = 1000.0, 0, []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        assert seconds > 0, "a loop without a pause"
        self.naps += 1
        assert self.naps < 10_000, "a loop without an end"
        self.now += seconds
        for happens in self.due:
            happens()


class Api:
    """Leases of one namespace, with the versions that the real API gives them. ``answers`` are given first."""

    def __init__(self):
        self.leases, self.version, self.answers, self.calls = {}, 0, {}, []

    def _begin(self, verb):
        self.calls.append(verb)
        answer = self.answers.get(verb)
        answer = answer(self) if callable(answer) else answer
        if answer is not None:
            raise answer

    def _store(self, body):
        self.version += 1
        stored = copy.deepcopy(body)
        stored.metadata.resource_version = str(self.version)
        stored.metadata.uid = body.metadata.uid or f"uid-{self.version}"
        self.leases[stored.metadata.name] = stored
        return copy.deepcopy(stored)

    def create_namespaced_lease(self, namespace, body, **_options):
        self._begin("create")
        if body.metadata.name in self.leases:
            raise refused(409, "AlreadyExists")
        return self._store(body)

    def read_namespaced_lease(self, name, namespace, **_options):
        self._begin("read")
        if name not in self.leases:
            raise refused(404, "NotFound", "leases")
        return copy.deepcopy(self.leases[name])

    def replace_namespaced_lease(self, name, namespace, body, **_options):
        self._begin("replace")
        if name not in self.leases:
            raise refused(404, "NotFound", "leases")
        if body.metadata.resource_version != self.leases[name].metadata.resource_version:
            raise refused(409, "Conflict")
        body.metadata.uid = self.leases[name].metadata.uid
        return self._store(body)

    def delete_namespaced_lease(self, name, namespace, body, **_options):
        self._begin("delete")
        if name not in self.leases:
            raise refused(404, "NotFound", "leases")
        mine, there = body.preconditions, self.leases[name].metadata
        if (mine.uid, mine.resource_version) != (there.uid, there.resource_version):
            raise refused(409, "Conflict")
        del self.leases[name]

    def put(self, name, holder, labels=None, renewed=None, seconds=15):
        """What somebody else writes."""
        old = self.leases.get(name)
        self._store(
            client.V1Lease(
                metadata=client.V1ObjectMeta(name=name, labels=labels, uid=old.metadata.uid if old else None),
                spec=client.V1LeaseSpec(
                    holder_identity=holder,
                    lease_duration_seconds=seconds,
                    renew_time=renewed or datetime.now(timezone.utc),
                ),
            )
        )

    @property
    def holder(self):
        return self.leases[NEW].spec.holder_identity


def refused(status, reason, kind=""):
    error = ApiException(status=status, reason=reason)
    error.body = json.dumps({"status": "Failure", "message": f'{kind} "x" {reason}', "details": {"kind": kind}})
    return error


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(_lease, "time", clock)
    return clock


@pytest.fixture
def api(monkeypatch):
    api = Api()
    monkeypatch.setattr(_lease.client, "CoordinationV1Api", lambda _client: api)
    # the renewals are those of the test
    monkeypatch.setattr(_lease.Lease, "_renew_until_stopped", lambda lease: None)
    return api


def lease(timeout=60, **options):
    return Lease(Some(configuration=Some(host="https://api.example")), "shop", "orders", timeout, **options)


# Taken and given back


def test_it_is_ours_while_the_run_lasts_and_gone_after_it(api, clock):
    with lease() as held:
        assert set(api.leases) == {NEW}
        assert api.holder == held.identity
        assert api.leases[NEW].metadata.labels.items() >= OURS.items()
        held.check()
    assert not api.leases
    assert clock.now == 1000, "nobody had to be waited for"


def test_one_that_another_took_over_is_not_deleted(api, clock):
    with lease():
        api.put(NEW, "b", OURS)
    assert api.holder == "b"


# Somebody else's


@pytest.mark.parametrize("name", [OLD, NEW])
@pytest.mark.parametrize(
    "labels",
    [
        None,
        {"app.kubernetes.io/instance": "orders"},
        {**OURS, "app.kubernetes.io/managed-by": "Helm"},
        {**OURS, "app.kubernetes.io/instance": "other"},
    ],
)
def test_the_lease_of_another_program_is_left_alone_for_ever(api, clock, name, labels):
    """An application elects its leader by a Lease; ours is another, and where it is not, we stop."""
    api.put(name, "app-7d9f", labels)
    before = copy.deepcopy(api.leases[name])
    if name == NEW:
        with pytest.raises(EngineError) as caught, lease():
            pass
        assert "belongs to someone else" in caught.value.message
        assert "orders.slotwise.redis" in caught.value.found[0]
    else:
        with lease() as held:
            assert api.holder == held.identity
    assert api.leases == {name: before}


# Another run


@pytest.mark.parametrize("name", [OLD, NEW], ids=["of the version before", "of this version"])
def test_a_run_that_renews_is_named_and_stops_this_one(api, clock, name):
    renewals = iter(range(1, 100))

    def renew():
        if clock.naps % 5 == 0:
            api.put(name, "ann@laptop/1:7", OURS, datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(next(renewals)))

    api.put(name, "ann@laptop/1:7", OURS, datetime(2026, 1, 1, tzinfo=timezone.utc))
    clock.due.append(renew)
    with pytest.raises(EngineError) as caught, lease():
        pass
    assert "Another run is changing shop/orders" in caught.value.message
    assert "holder: ann@laptop/1:7" in caught.value.found
    assert set(api.leases) == {name}
    assert "replace" not in api.calls
    assert "delete" not in api.calls


@pytest.mark.parametrize("step", [timedelta(hours=-1), timedelta(hours=1), timedelta(days=-400)])
def test_whose_clock_steps_counts_as_well(api, clock, step):
    """Times of the holder are compared with each other only."""
    api.put(NEW, "b", OURS, datetime(2026, 1, 1, tzinfo=timezone.utc))
    clock.due.append(lambda: api.put(NEW, "b", OURS, datetime(2026, 1, 1, tzinfo=timezone.utc) + step))
    with pytest.raises(EngineError, match="Another run"), lease():
        pass
    assert api.holder == "b"


@pytest.mark.parametrize(
    "renewed", [datetime(2020, 1, 1, tzinfo=timezone.utc), datetime(2040, 1, 1, tzinfo=timezone.utc)]
)
@pytest.mark.parametrize("name", [OLD, NEW])
def test_one_that_was_killed_is_followed_when_it_was_watched_to_be_silent(api, clock, name, renewed):
    """Not before, whatever its time says: the clocks of two machines may be years apart."""
    api.put(name, NOBODY, OURS, renewed)
    seen = []
    clock.due.append(lambda: seen.append((clock.now, set(api.leases), api.leases[name].spec.holder_identity)))
    with lease() as held:
        assert LEASE_SECONDS < clock.now - 1000 <= LEASE_SECONDS + 3
        assert seen and all((names, holder) == ({name}, NOBODY) for _now, names, holder in seen)
        assert api.holder == held.identity
    assert not api.leases


def test_the_patience_is_that_of_the_holder(api, clock):
    api.put(NEW, NOBODY, OURS, seconds=40)
    with lease():
        assert 40 < clock.now - 1000 <= 43


@pytest.mark.parametrize("error", [KeyError("getpwuid(): uid not found: 12345"), OSError("No username set")])
def test_a_user_without_a_name_is_a_number(monkeypatch, error):
    """As containers have it that run as any user. Python says so by one or the other."""

    def nameless():
        raise error

    monkeypatch.setattr(_lease.getpass, "getuser", nameless)
    monkeypatch.setattr(_lease.os, "getuid", lambda: 12345)
    assert _lease._here().startswith("12345@")


def test_a_process_of_this_host_that_has_ended_is_known_at_once(api, clock):
    api.put(NEW, f"{_lease._here()}:{2**22 + 1}", OURS)
    with lease():
        assert clock.now == 1000


def test_the_same_process_id_on_another_host_of_the_same_name_is_not(api, clock, monkeypatch):
    """Hosts called ansible or localhost are many, and the first namespace of process ids has one number everywhere."""
    there = _lease._here()
    monkeypatch.setattr(_lease, "_process_ids", lambda: "another-boot")
    api.put(NEW, f"{there}:{2**22 + 1}", OURS)
    with lease():
        assert clock.now - 1000 > LEASE_SECONDS


def test_host_names_do_not_tell_hosts_apart():
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot:
        assert boot.read(8) in _lease._here()


def test_of_two_runs_that_wait_for_a_dead_one_only_one_gets_it(api, clock):
    api.put(NEW, NOBODY, OURS)
    # the other one is a moment faster
    api.answers["replace"] = lambda _api: None if api.holder == "b" else api.put(NEW, "b", OURS)
    with pytest.raises(EngineError, match="Another run is changing"), lease():
        pass
    assert api.holder == "b"


# Answers of the API


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (refused(500, "Internal Server Error"), "Internal Server Error"),
        (refused(503, "Service Unavailable"), "Service Unavailable"),
        (refused(429, "Too Many Requests"), "Too Many Requests"),
        (refused(404, "Not Found"), "Not Found"),
        (MaxRetryError(None, "/", "Connection refused"), "does not answer"),
        (ReadTimeoutError(None, "/", "timed out"), "does not answer"),
    ],
)
@pytest.mark.parametrize("verb", ["create", "read"])
def test_what_passes_is_waited_out_until_the_deadline(api, clock, verb, error, reason):
    if (verb, getattr(error, "status", 0)) == ("read", 404):
        return
    said = []
    api.answers[verb] = lambda _api: error if clock.now < 1020 else None
    with lease(report=said.append) as held:
        assert api.holder == held.identity
        assert 1020 <= clock.now < 1025
    assert len(said) == 1, "one line, not one a second"

    api.answers[verb] = error
    clock.now, clock.naps = 1000.0, 0
    with pytest.raises(EngineError) as caught, lease(timeout=30):
        pass
    assert reason in caught.value.message
    assert 30 < clock.now - 1000 < 35


@pytest.mark.parametrize("verb", ["create", "read"])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (refused(404, "Not Found", "namespaces"), "The namespace does not exist"),
        (refused(403, "Forbidden", "leases"), "Grant the missing verb"),
        (refused(403, "Forbidden because it is being terminated", "leases"), "is being deleted"),
        (refused(401, "Unauthorized"), "credentials"),
        (refused(422, "Unprocessable Entity"), ""),
    ],
)
def test_what_does_not_pass_ends_the_run_at_once(api, clock, verb, error, said):
    if (verb, error.status) == ("read", 404):
        return
    api.answers[verb] = error
    with pytest.raises(EngineError) as caught, lease():
        pass
    assert f"{error.status} {error.reason}" in caught.value.message
    assert "shop/orders.slotwise.redis" in caught.value.message
    assert said in caught.value.advice
    assert clock.now == 1000


def test_a_lease_that_can_neither_be_made_nor_read_ends_at_the_deadline(api, clock):
    api.answers["create"] = refused(409, "AlreadyExists")
    with pytest.raises(Unreachable) as caught, lease(timeout=20):
        pass
    assert "could not be taken within 20 s" in caught.value.message
    assert 20 < clock.now - 1000 < 25


def test_one_that_changes_hands_too_fast_to_be_taken_ends_at_the_deadline(api, clock):
    api.put(NEW, NOBODY, OURS)
    api.answers["replace"] = refused(409, "Conflict")
    with pytest.raises(Unreachable), lease(timeout=40):
        pass
    assert 40 < clock.now - 1000 < 45


def test_what_this_run_wrote_while_the_answer_was_lost_is_its_own(api, clock):
    def stored_but_not_answered(_api):
        del api.answers["create"]
        api.put(NEW, held.identity, OURS)
        return ReadTimeoutError(None, "/", "timed out")

    held = lease()
    api.answers["create"] = stored_but_not_answered
    with held:
        assert clock.now - 1000 < 3
        held.check()
    assert not api.leases


# Kept and lost


def test_it_is_kept_as_long_as_it_is_renewed(api, clock):
    with lease() as held:
        for _unused in range(20):
            clock.now += LEASE_SECONDS / 3
            held.renew()
            held.check()


def test_it_is_lost_before_another_run_may_take_it(api, clock):
    with lease() as held:
        clock.now += LEASE_SECONDS - 2
        held.check()
        clock.now += 1.5
        with pytest.raises(EngineError) as caught:
            held.check()
    assert "has lost the Lease shop/orders.slotwise.redis" in caught.value.message
    assert caught.value.found == ("not renewed for 14 s",)


@pytest.mark.parametrize("error", [refused(500, "no"), refused(403, "no"), MaxRetryError(None, "/", "no")])
def test_renewals_that_fail_do_not_count(api, clock, error):
    with lease() as held:
        api.answers["replace"] = error
        for _unused in range(3):
            clock.now += LEASE_SECONDS / 3
            with pytest.raises(type(error)):
                held.renew()
        with pytest.raises(EngineError, match="has lost the Lease"):
            held.check()


def test_a_renewal_counts_from_when_it_was_sent(api, clock):
    """It may have been stored at once and its answer come late."""

    def slow(_api):
        clock.now += 10

    with lease() as held:
        api.answers["replace"] = slow
        held.renew()
        clock.now += 5
        with pytest.raises(EngineError, match="has lost the Lease"):
            held.check()


def test_one_that_was_stolen_stops_the_run_at_once(api, clock):
    with lease() as held:
        api.put(NEW, "thief@elsewhere:1", OURS)
        held.renew()
        with pytest.raises(EngineError) as caught:
            held.check()
    assert caught.value.found == ("it belongs to thief@elsewhere:1 now",)
    assert api.holder == "thief@elsewhere:1"


def test_one_that_was_deleted_stops_the_run_at_once(api, clock):
    with lease() as held:
        del api.leases[NEW]
        held.renew()
        with pytest.raises(EngineError, match="it was deleted"):
            held.check()


def test_a_renewal_whose_answer_was_lost_is_no_theft(api, clock):
    with lease() as held:
        api.put(NEW, held.identity, OURS)
        clock.now += LEASE_SECONDS - 2
        held.renew()
        clock.now += LEASE_SECONDS - 2
        held.check()
    assert not api.leases


def test_it_renews_by_itself(monkeypatch):
    """The thread, with the clock on the wall; outages do not end it."""
    api, renewed = Api(), threading.Event()
    monkeypatch.setattr(_lease.client, "CoordinationV1Api", lambda _client: api)
    monkeypatch.setattr(_lease, "RENEW_SECONDS", 0.01)

    def answer(_api):
        if api.calls.count("replace") == 1:
            return refused(500, "no")
        if api.calls.count("replace") == 3:
            renewed.set()
        return None

    api.answers["replace"] = answer
    with lease():
        assert renewed.wait(10)
    assert not api.leases


# Kept for the further tasks of a run


RUN, OTHER_RUN = 2**22 + 2, 2**22 + 3


def test_it_stays_that_of_the_run_until_it_is_given_back(api, clock, monkeypatch):
    """Each task has a process of its own."""
    monkeypatch.setattr(_lease, "_dead_here", lambda holder: False)
    with lease(keep=RUN):
        pass
    assert set(api.leases) == {NEW}
    assert api.leases[NEW].spec.lease_duration_seconds == 60
    monkeypatch.setattr(_lease.os, "getpid", lambda: 17)
    with lease(keep=RUN) as held:
        assert api.holder == held.identity
        held.check()
    assert clock.now == 1000, "nobody had to be waited for"
    lease(keep=OTHER_RUN).give_back()
    assert set(api.leases) == {NEW}
    lease(keep=RUN).give_back()
    assert not api.leases
    lease(keep=RUN).give_back()


def test_another_run_waits_as_long_as_one_task_may_take(api, clock, monkeypatch):
    monkeypatch.setattr(_lease, "_dead_here", lambda holder: False)
    with lease(keep=RUN):
        pass
    with lease(keep=OTHER_RUN, timeout=100) as held:
        assert clock.now - 1000 > _lease.KEPT_SECONDS
        assert api.holder == held.identity
    with pytest.raises(Unreachable) as caught, lease(keep=RUN, timeout=10):
        pass
    assert str(OTHER_RUN) in caught.value.found[0]


def test_the_worker_of_a_killed_run_is_waited_for(api, clock, monkeypatch):
    """A run that was killed leaves the worker of its last task at work."""
    with lease(keep=RUN) as held:
        assert not _lease._dead_here(held.identity)
    monkeypatch.setattr(_lease.os.path, "exists", lambda path: False)
    assert _lease._dead_here(held.identity)


@pytest.mark.parametrize(("holder", "goes_on"), [(None, False), ("b@elsewhere/1-1:7+8", False), ("this run", True)])
def test_who_waits_only_goes_on_with_what_the_run_has(api, clock, holder, goes_on):
    waiting = lease(keep=RUN)
    if holder:
        api.put(NEW, f"{_lease._here()}:{RUN}+1" if goes_on else holder, OURS)
    with waiting.while_ours():
        assert (NEW in api.leases and api.holder == waiting.identity) is goes_on
    assert ("replace" in api.calls) is goes_on


def test_one_of_another_program_is_not_given_back(api, clock):
    api.put(NEW, f"{_lease._here()}:{RUN}+1", {"app": "elector"})
    lease(keep=RUN).give_back()
    assert set(api.leases) == {NEW}


def test_one_of_a_run_that_ended_here_goes_with_it(api, clock):
    api.put(NEW, f"{_lease._here()}:{OTHER_RUN}+{OTHER_RUN}", OURS)
    lease(keep=RUN).give_back()
    assert not api.leases
