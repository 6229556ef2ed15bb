"""Runs the trials of `interp-actors sweep`, behind user_code.py."""

from _thread import get_ident


class Pruned(BaseException):
    """Raised by report() in a trial that is not worth going on. It is no Exception, so that `except Exception` lets it through."""


class Trial:
    """A trial that runs, and its way to the program."""

    most_unread = 256 * 1024  # bytes of output after which the trial waits until the program has written them

    def __init__(self, call: str, recorder: interp_actors.Reference):
        self.call = call
        self.recorder = recorder
        self.pruned = False
        self.unread = 0

    def output(self, text: str) -> None:
        """Send a piece of output."""
        self.unread += len(text)
        if self.unread < self.most_unread:
            self.recorder.output.send(self.call, text)
        else:
            self.unread = 0
            self.recorder.output(self.call, text, timeout=math.inf)

    def finish_output(self) -> None:
        """Wait until the program has written all output. (The answer takes another way, and might be there first.)"""
        for one in outputs:
            one.finish()
        if self.unread:
            self.recorder.output(self.call, "", timeout=60)

    def report(self, step: int, /, **metrics: float) -> None:
        """Report metrics of a step.

        Args:
            step: counts up, from wherever.
            metrics: numbers.

        Raises:
            Pruned: the trial is worse than others were at this step, and should end.
        """
        numbers = {}
        for name, value in metrics.items():
            try:
                numbers[name] = float(value)
            except (TypeError, ValueError):
                raise TypeError(f"report({name}=...): {value!r} is no number") from None
        if self.recorder.report(self.call, int(step), numbers, timeout=math.inf):
            self.pruned = True
            raise Pruned(f"not worth going on after step {step}")


class Output(io.RawIOBase):
    """What lies below sys.stdout or sys.stderr: whole lines go to the trial that runs, or, where none does, to the program's stderr.

    There is one for each stream as long as the interpreter lives, so that what keeps a stream (logging) writes to the right trial.
    """

    def __init__(self):
        self.lines = {}  # those without an end, by thread

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        data = bytes(data)
        thread = get_ident()
        line = self.lines.pop(thread, b"") + data
        end = line.rfind(b"\n") + 1
        if not end and len(line) > 65536:
            end = len(line)
        if rest := line[end:]:
            self.lines[thread] = rest
        if end:
            self.send(line[:end])
        return len(data)

    def finish(self) -> None:
        """Send the lines that have no end."""
        lines, self.lines = self.lines, {}
        for line in lines.values():
            self.send(line)

    @staticmethod
    def send(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        if trial:
            trial.output(text)
        else:
            outside.write(text)


trial: Trial | None = None
outside = sys.stderr
outputs = []


def capture() -> None:
    """Put the trial's streams in the place of the program's."""
    for name in ("stdout", "stderr"):
        outputs.append(Output())
        stream = io.TextIOWrapper(outputs[-1], encoding="utf-8", errors="backslashreplace", newline="\n", write_through=True)
        setattr(sys, name, stream)


if USER_CODE["capture"]:
    capture()
user_run, _ = function(load(), "run", {2: "params, report"})


def about() -> str:
    """Return the version of Python, and the files that belong to the experiment with their hashes."""
    return json.dumps({"python": sys.version.split()[0], "files": modules()})


def run(work: str, recorder: interp_actors.Reference) -> str:
    """Run one trial and return what became of it as JSON."""
    global trial
    work = json.loads(work)
    mine = Trial(work["call"], recorder)
    before = interp_actors.previous_death()
    incarnation = before.incarnation + 1 if before else 1
    recorder.begin(mine.call, interp_actors.current().name, incarnation, timeout=math.inf)
    # Only who has imported it can use it; importing it costs milliseconds.
    if random := sys.modules.get("random"):
        random.seed(work["random"])
    trial = mine
    try:
        result = user_run(work["parameters"], mine.report)
    except Pruned:
        mine.pruned = True
    finally:
        mine.finish_output()
        trial = None
    if mine.pruned:
        return '{"pruned": true}'
    if not isinstance(result, dict):
        raise TypeError(f"run() returned {type(result).__name__}, where a dict of results is expected")
    return '{"result": ' + to_json(result, "what run() returned") + "}"
