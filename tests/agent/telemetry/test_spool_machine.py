"""The spool against a plain dict, over any sequence of appends, acknowledgements, crashes, power cuts, full disks, bits that flip,
clocks that jump and quotas that change.

Whatever happens: no number goes out twice with another content, what is held is what was said, and what is neither held nor
acknowledged is told as lost.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from paper_disk import PaperDisk
from spool_samples import FOLDER, MIB, QUOTA, Lost, at, batch, batch_of, read_all, see_to, signed

from guestwire.agent.telemetry.coarsening import coarsening_for
from guestwire.agent.telemetry.records import CLASS_OF, KINDS
from guestwire.agent.telemetry.spool import Spool
from guestwire.protocol.steps import Now
from guestwire.protocol.telemetry import SPOOL_CLASSES, SpoolClass

Number = tuple[bytes, SpoolClass, int]


class SpoolMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.disk = PaperDisk()
        self.boot = 1
        self.now_s = 1000.0
        self.ahead_s = 0
        self.quota = dict(QUOTA)
        self.damaged = False
        self.unsure = False
        self.said: dict[Number, bytes] = {}
        self.left: set[Number] = set()
        self.spans: dict[Number, int] = {}
        self.loose: set[bytes] = set()
        self.acked: set[Number] = set()
        self.spool = self._open()

    def _open(self) -> Spool:
        return Spool(self.disk, FOLDER, f"boot-{self.boot}", self.quota, self._now())

    def _now(self) -> Now:
        return Now(at(self.now_s + self.ahead_s).wall_ms, self.now_s)

    def _append(self, kind: str, size: int, *, sent: bool) -> None:
        def make(log: bytes, seq: int) -> bytes:
            if CLASS_OF[kind] != "metric":
                return log + b"%d" % seq + bytes(size)
            return signed(batch(log, seq, t0_s=round(self.now_s + self.ahead_s), points=3, series=size // 50))

        kept = self.spool.append(kind, make, self._now(), sent=sent)
        key = (kept.log, kept.spool_class, kept.seq)
        assert key not in self.said, "a number is given once"
        self.said[key] = kept.frame
        if not kept.kept:
            self.loose.add(kept.log)
        if sent:
            self.left.add(key)

    @rule(kind=st.sampled_from(KINDS), size=st.sampled_from([0, 100, 5000, 40_000]), sent=st.booleans(),
          times=st.integers(1, 12))  # fmt: skip
    def append(self, kind: str, size: int, sent: bool, times: int) -> None:
        for _ in range(times):
            self.now_s += 1
            self._append(kind, size, sent=sent or CLASS_OF[kind] != "metric")

    @rule(data=st.data(), name=st.sampled_from(SPOOL_CLASSES), all_of_it=st.booleans())
    def acknowledge(self, data: st.DataObject, name: SpoolClass, all_of_it: bool) -> None:
        """What left the host, or was told as lost: nobody can have anything else."""
        told = Lost(self.spool)
        for log in self.spool.logs:
            used = log.classes[name].used
            first = 1 if all_of_it else data.draw(st.integers(1, used + 3))
            last = used + 9 if all_of_it else data.draw(st.integers(first, used + 9))
            known = [key for key in self.said if key[:2] == (log.log, name) and first <= key[2] <= last]
            for key in known:
                if key in told or key in self.left:
                    self.spool.acknowledge(log.log, name, [(key[2], key[2])])
                    # who has a coarse batch has all that it stands for
                    begin = self.spans.get(key, key[2])
                    self.acked |= {(log.log, name, number) for number in range(begin, key[2] + 1)}

    @rule(rounds=st.integers(1, 3))
    def see_to_the_disk(self, rounds: int) -> None:
        self.now_s += 6
        see_to(self.spool, self.now_s, rounds=rounds)

    @rule()
    def send_what_is_held(self) -> None:
        self.every_number_is_accounted_for()

    @rule()
    def make_coarser(self) -> None:
        coarsening = coarsening_for(self.spool, signed)
        if coarsening is None:
            return
        coarsening.run(self.disk)
        if not self.disk.full:
            assert coarsening.failed is None, coarsening.failed
        coarsening.put_in_place(self.disk)
        self.disk.sync_folder(coarsening.old[0].path.parent)
        coarsening.over()

    @rule()
    def die_and_start_again(self) -> None:
        """What was written is in the page cache; what waited for a full disk is not."""
        waiting = self._waiting()
        self.disk.kill()
        self.disk.full = False
        self.spool = self._open()
        told = Lost(self.spool)
        assert all(key in told or key in self.acked for key in waiting)
        if not self.unsure:
            assert not self.acked & read_all(self.spool).keys(), "what is acknowledged is not sent again"

    @rule(data=st.data())
    def lose_power(self, data: st.DataObject) -> None:
        self.disk.full, self.unsure = False, True
        self.disk.cut_power(lambda most: data.draw(st.integers(0, most)))
        self.boot += 1
        self.spool = self._open()

    @rule(reboot=st.booleans())
    def end_and_start_again(self, reboot: bool) -> None:
        self.disk.full = False
        before, waiting = Lost(self.spool), self._waiting()
        self.spool.stop()
        self.spool.close(self._now())
        self.boot += reboot
        self.spool = self._open()
        after = Lost(self.spool)
        news = [key for key in self.said if key in after and key not in before]
        assert waiting or self.damaged or all(key in self.acked for key in news), "an orderly end loses nothing"

    @rule(years=st.sampled_from([-30, -1, 1, 30]))
    def jump_in_time(self, years: int) -> None:
        """The wall clock is set; batches say what it says."""
        self.ahead_s = years * 365 * 86_400

    @rule(name=st.sampled_from(SPOOL_CLASSES), kib=st.sampled_from([512, 1024, 2048]))
    def start_again_with_another_quota(self, name: SpoolClass, kib: int) -> None:
        self.quota[name] = kib * 1024
        self.die_and_start_again()
        assert self.spool.room(name) <= self.quota[name]

    @rule(data=st.data())
    def flip_a_bit(self, data: st.DataObject) -> None:
        """Of a segment or of what was acknowledged, on the disk."""
        files = [path for path, file in self.disk.names_now.items() if file.data and path.suffix in (".seg", ".acks")]
        if files:
            file = self.disk.names_now[data.draw(st.sampled_from(sorted(files)))]
            bit = data.draw(st.integers(0, 8 * len(file.data) - 1))
            file.data[bit // 8] ^= 1 << bit % 8
            file.writes.append((bit // 8, bytes(file.data[bit // 8 : bit // 8 + 1])))
            self.damaged = self.unsure = True

    @rule()
    @precondition(lambda self: not self.disk.full)
    def get_full(self) -> None:
        self.disk.full = self.unsure = True

    @rule()
    @precondition(lambda self: self.disk.full)
    def get_room(self) -> None:
        self.disk.full = False

    @rule()
    def find_the_disk_older(self) -> None:
        self.disk.full = False
        self.spool.begin_anew()
        assert self.spool.wants_log
        self.spool.number_in(self.spool.another_log(self._now()))

    def _waiting(self) -> set[Number]:
        return {
            (log.log, name, one.seq)
            for log in self.spool.logs
            for name, of in log.classes.items()
            for one in of.waiting
        }

    @invariant()
    def the_quotas_hold(self) -> None:
        for name in SPOOL_CLASSES:
            assert self.spool.room(name) <= self.quota[name] + MIB // 16
            assert self.spool.room(name) == sum(one.room for of in self.spool.all_of(name) for one in of.segments)

    def teardown(self) -> None:
        self.every_number_is_accounted_for()

    @rule()
    def every_number_is_accounted_for(self) -> None:
        read_all(self.spool)  # which finds out what is damaged
        held, told = read_all(self.spool), Lost(self.spool)
        covered: set[Number] = set()
        logs = {log.log for log in self.spool.logs}
        for key, record in held.items():
            log, name, seq = key
            covered |= {(log, name, number) for number in range(record.first, record.seq + 1)}
            if record.frame != self.said[key]:
                assert name == "metric"
                assert key not in self.left, "what left the host keeps its content"
                coarse = batch_of(record.frame)
                assert (coarse.log, coarse.seq, coarse.replaces) == (log, seq, (record.first, record.seq))
                self.said[key] = record.frame
                self.spans[key] = record.first
            self.left.add(key)
        waiting = self._waiting()
        for key in self.said:
            if key[0] in logs and key[0] not in self.loose:
                assert key in covered or key in told or key in self.acked or key in waiting, key
        assert not any(key in told for key in covered), "what is held is not told as lost"


SpoolMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
test_the_spool_keeps_its_promises = SpoolMachine.TestCase
