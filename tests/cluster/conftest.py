"""A Slurm of the tests' own: real daemons on the loopback, in a folder of their own; skipped where not installed."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

PROGRAMS = ("slurmctld", "slurmd", "slurmstepd", "munged", "sbatch")
ENVIRONMENT = {"PATH": os.environ["PATH"] + ":/usr/sbin"}


def find(program):
    return shutil.which(program, path=ENVIRONMENT["PATH"])


def free_ports(count):
    """Return the first of `count` consecutive ports that are free."""
    for first in range(20000 + os.getpid() % 20000, 60000, 50):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise RuntimeError("no free ports")


def communication(host):
    """Listen on the host's own address alone; on every one where, as in a bare root, nothing resolves its name."""
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return []
    return ["CommunicationParameters=NoCtldInAddrAny,NoInAddrAny"]


class Slurm:
    """Start and stop the daemons; run its commands."""

    def __init__(self, lab: Path, nodes: int = 1, cpus: int = 2, mem: int = 6000):
        self.lab, self.nodes = lab, nodes
        self.host = socket.gethostname().split(".")[0]
        self.env = ENVIRONMENT | {"SLURM_CONF": str(lab / "etc" / "slurm.conf"), "SLURM_TIME_FORMAT": "standard"}
        for name in ("etc", "run", "log", "state", "munge"):
            (lab / name).mkdir(parents=True, exist_ok=True)
        (lab / "munge").chmod(0o700)
        lab.chmod(0o755)
        self.names = [f"n{i}" for i in range(1, nodes + 1)]
        self._configure(cpus, mem)
        self._start()

    def _configure(self, cpus, mem):
        lab, port = self.lab, free_ports(self.nodes + 2)
        me = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        cgroup = os.access("/sys/fs/cgroup/memory/cgroup.procs", os.W_OK)
        track = ["ProctrackType=proctrack/linuxproc", "JobAcctGatherFrequency=task=1"]
        if cgroup:
            track += ["TaskPlugin=task/cgroup", "JobAcctGatherType=jobacct_gather/cgroup"]
        else:
            track += ["TaskPlugin=task/none", "JobAcctGatherType=jobacct_gather/linux"]
            track += ["JobAcctGatherParams=OverMemoryKill"]
        plugins = next(Path("/usr/lib").glob("*/slurm-wlm"))
        lines = [
            "ClusterName=lab", f"SlurmctldHost={self.host}(127.0.0.1)", f"SlurmUser={me}", f"SlurmdUser={me}",
            f"SlurmctldPort={port}", f"SlurmdPort={port + 1}",
            *communication(self.host), "AuthType=auth/munge",
            f"AuthInfo=socket={lab}/run/munge.sock", f"PluginDir={plugins}",
            f"SlurmctldPidFile={lab}/run/slurmctld.pid", f"SlurmdPidFile={lab}/run/slurmd.%n.pid",
            f"SlurmctldLogFile={lab}/log/slurmctld.log", f"SlurmdLogFile={lab}/log/slurmd.%n.log",
            f"StateSaveLocation={lab}/state", f"SlurmdSpoolDir={lab}/spool/%n", "MailProg=/bin/true", *track,
            "MpiDefault=none", "SwitchType=switch/none", "SelectType=select/cons_tres",
            "SelectTypeParameters=CR_CPU_Memory", "DefMemPerCPU=500",
            "AccountingStorageType=accounting_storage/none", "MinJobAge=300", "MaxArraySize=1001",
            "ReturnToService=2", "SlurmdParameters=config_overrides", "SchedulerType=sched/backfill",
            "SchedulerParameters=bf_interval=1,sched_interval=2,sched_min_interval=0,batch_sched_delay=0,"
            "requeue_delay=1",
            "KillWait=2", "CompleteWait=0", "SlurmctldTimeout=30", "SlurmdTimeout=10", "InactiveLimit=0", "Waittime=0",
            "PropagateResourceLimits=NONE",
        ]  # fmt: skip
        for index, name in enumerate(self.names, start=2):
            lines.append(
                f"NodeName={name} NodeHostname={self.host} NodeAddr=127.0.0.1 Port={port + index} CPUs={cpus} "
                f"RealMemory={mem} State=UNKNOWN"
            )
        lines.append("PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=01:00:00 State=UP")
        text = "\n".join(lines) + "\n"
        (lab / "etc" / "slurm.conf").write_text(text.replace(",requeue_delay=1", ""))
        constrain = "ConstrainRAMSpace=yes\n" if cgroup else ""
        (lab / "etc" / "cgroup.conf").write_text(
            f"CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\nCgroupAutomount=no\n{constrain}"
        )

    def _start(self):
        lab = self.lab
        key = lab / "munge" / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        self._daemon(
            "munged", f"--key-file={key}", f"--socket={lab}/run/munge.sock", f"--pid-file={lab}/run/munged.pid",
            f"--log-file={lab}/munge/munged.log", f"--seed-file={lab}/munge/seed", "--force",
        )  # fmt: skip
        self._daemon("slurmctld", "-c")
        for name in self.names:
            self.start_node(name)
        self.wait(lambda: self.idle() == self.nodes, "nodes", 30)

    def _daemon(self, program, *words):
        # By Debian's name of the program: slurmstepd started under another one fails.
        done = subprocess.run(
            [find(program), *words], env={**os.environ, **self.env}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (program, done.stderr, self.logs())

    def start_node(self, name):
        (self.lab / "spool" / name).mkdir(parents=True, exist_ok=True)
        self._daemon("slurmd", "-N", name, "-d", find("slurmstepd"))

    def kill_node(self, name):
        """Lose a node: its daemons and all that runs on it, at once."""
        # The daemons first, which would otherwise report the job's end as that of a job on a sound node.
        os.kill(int((self.lab / "run" / f"slurmd.{name}.pid").read_text()), signal.SIGKILL)
        tasks = [process for process in psutil.process_iter() if self._runs_on(process, name)]
        parents = {parent for task in tasks if (parent := task.parent()) and parent.name().startswith("slurmstepd")}
        for process in (*parents, *tasks):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def _runs_on(self, process, name):
        try:
            environment = process.environ()
        except psutil.Error:
            return False
        return environment.get("SLURMD_NODENAME") == name and environment.get("SLURM_CONF") == self.env["SLURM_CONF"]

    def idle(self):
        return self.run("sinfo", "-h", "-N", "-o", "%T").split().count("idle")

    def run(self, *words, check=True):
        done = subprocess.run(
            words, env={**os.environ, **self.env}, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0 or not check, (words, done.stderr)
        return done.stdout

    def jobs(self):
        """Return the states of all jobs by their name such as 12_3."""
        text = self.run("squeue", "-h", "-r", "-t", "all", "-o", "%i %T")
        return dict(line.split() for line in text.splitlines())

    def unfinished(self):
        over = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL")
        return [job for job, state in self.jobs().items() if state not in over]

    def wait_for_jobs(self, seconds=300):
        self.wait(lambda: not self.unfinished(), "jobs", seconds)

    def wait(self, condition, what, seconds):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited {seconds} s for {what}: {self.jobs()}\n{self.logs()}"
            time.sleep(0.3)

    def logs(self):
        return "\n".join(f"== {path.name}\n{path.read_text()[-800:]}" for path in self.lab.glob("log/*.log"))

    def harmoniq(self, *words, cwd, timeout=120):
        return subprocess.run(
            [sys.executable, "-P", "-m", "harmoniq", *map(str, words)], cwd=cwd, capture_output=True, text=True,
            check=False, timeout=timeout, env={**os.environ, **self.env},
        )  # fmt: skip

    def stop(self):
        self.run("scancel", "--state=PENDING", "--user=" + self.run("id", "-un").strip(), check=False)
        self.run("scancel", "--state=RUNNING", "--user=" + self.run("id", "-un").strip(), check=False)
        time.sleep(0.5)
        for name in ("slurmctld", *(f"slurmd.{node}" for node in self.names), "munged"):
            try:
                os.kill(int((self.lab / "run" / f"{name}.pid").read_text()), signal.SIGTERM)
            except (OSError, ValueError):
                continue


@pytest.fixture(scope="module")
def slurm(request, tmp_path_factory):
    absent = [program for program in PROGRAMS if find(program) is None]
    if absent:
        pytest.skip(f"{', '.join(absent)} not installed: apt-get install slurmctld slurmd slurm-client munge")
    if os.geteuid() != 0:
        pytest.skip("a Slurm of the tests' own is started as root only")
    lab = Slurm(tmp_path_factory.mktemp("slurm"), nodes=getattr(request, "param", 2))
    yield lab
    lab.stop()


def _cli_conftest():
    import importlib.util

    path = Path(__file__).parents[1] / "cli" / "conftest.py"
    spec = importlib.util.spec_from_file_location("cli_conftest", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_CLI = _cli_conftest()
Tiny = _CLI.Tiny


@pytest.fixture(scope="session")
def make_tiny():
    """Return the maker of tiny datasets of the command line's tests."""
    return Tiny


class Run:
    """One participant's run that a test disturbs."""

    def __init__(self, bids: Path, out: Path, *words, env=None):
        self.bids, self.out = bids, out
        (self.label,) = [path.name for path in bids.glob("sub-*S1*")]
        command = [sys.executable, "-P", "-m", "harmoniq", "run", bids, out, "participant", "--participant-label"]
        options = [self.label, "--nprocs", "2", "--skip-bids-validation", *words]
        self.log = out.with_suffix(".log").open("a+")
        self.process = subprocess.Popen(
            [*map(str, command), *map(str, options)], stdout=self.log, stderr=subprocess.STDOUT, cwd=bids.parent,
            env={**os.environ, **(env or {})},
        )  # fmt: skip

    def record(self):
        try:
            return json.loads((self.out / "logs" / "status" / f"{self.label}.json").read_text())
        except (OSError, ValueError):
            return {"nodes_done": 0, "state": "absent"}

    def wait_for_nodes(self, count, seconds=240):
        """Wait until some nodes are done, so that there is something to lose and something to go on from."""
        end = time.monotonic() + seconds
        while self.record()["nodes_done"] < count:
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < end, self.text()
            time.sleep(0.05)

    def workers(self):
        """Return the processes that compute nodes."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        return [process for process in family if not self._is_helper(process)]

    def _is_helper(self, process):
        """Return whether a process only starts workers, or keeps count of semaphores."""
        words = " ".join(process.cmdline())
        return "resource_tracker" in words or ("forkserver" in words and process.ppid() == self.process.pid)

    def wait(self, seconds=240):
        code = self.process.wait(seconds)
        return code

    def text(self):
        self.log.flush()
        return Path(self.log.name).read_text()


def tables(out: Path):
    """Return the bytes of all tables of the results."""
    found = {path.relative_to(out): path.read_bytes() for path in sorted(out.glob("sub-*/**/*.tsv"))}
    assert found
    return found


@pytest.fixture
def start(cohort, tmp_path):
    runs = []

    def start_run(*words, out="out", env=None):
        runs.append(Run(cohort, tmp_path / out, *words, env=env))
        return runs[-1]

    yield start_run
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
        run.log.close()


@pytest.fixture(scope="session")
def undisturbed(cohort, tmp_path_factory):
    """The tables of a run that nothing happened to."""
    from filelock import FileLock

    shared = tmp_path_factory.getbasetemp().parent
    out = shared / "undisturbed"
    with FileLock(shared / "undisturbed.lock"):
        if not (shared / "undisturbed.done").exists():
            run = Run(cohort, out)
            assert run.wait() == 0, run.text()
            (shared / "undisturbed.done").touch()
    return tables(out)
