"""Sends what the user's code prints to the program, between user_code.py and what follows."""

from _thread import get_ident


class Speaker:
    """Something that is being done, and its way to the program."""

    most_unread = 256 * 1024  # bytes of output after which it waits until the program has written them

    def __init__(self, call: str, recorder: interp_actors.Reference):
        self.call = call
        self.recorder = recorder
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


class Output(io.RawIOBase):
    """What lies below sys.stdout or sys.stderr: whole lines go to the program, with what is being done, or, where nothing is, to this process's stderr.

    There is one for each stream as long as the interpreter lives, so that what keeps a stream (logging) writes to the right place.
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
        if speaker:
            speaker.output(text)
        else:
            outside.write(text)


speaker: Speaker | None = None  # what is being done
outside = sys.stderr
outputs = []


def capture() -> None:
    """Put streams to the program in the place of this process's."""
    for name in ("stdout", "stderr"):
        outputs.append(Output())
        stream = io.TextIOWrapper(outputs[-1], encoding="utf-8", errors="backslashreplace", newline="\n", write_through=True)
        setattr(sys, name, stream)
