"""What code inside of an interpreter actor can use of its library."""

from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from types import ModuleType
from typing import Any, Literal, Self, TypeAlias, final

from _typeshed import structseq

# What recv() gives is most often a view; who sends None or ends of channels knows so.
_Message: TypeAlias = memoryview | Any
_Payload: TypeAlias = bytes | memoryview | None
_Shape: TypeAlias = int | Iterable[int] | None

class ActorError(Exception):
    """An error between actors.

    category and code name it as CAF does, text is what came with the code, and traceback is that of a
    Python exception in another interpreter; text and traceback may be None.
    """

    category: str
    code: int
    text: str | None
    traceback: str | None

class RemoteError(Exception):
    """Raised for an exception in another interpreter, as its traceback there.

    Its attributes `type`, `message` and `traceback` are texts.
    """

    type: str
    message: str
    traceback: str

class CancelledError(Exception):
    """Raised for the result of a Future that was cancelled."""

class Interrupted(KeyboardInterrupt):
    """Raised in a handler by its deadline, a cancellation or a stop.

    Code that catches it may clean up and must end soon: an interpreter that goes on is abandoned.
    """

class ChannelClosed(Exception):
    """Raised where nobody will receive, or nothing will come any more.

    Its attribute `reason` says why.
    """

    reason: str

class ChannelFull(Exception):
    """Raised where a channel has no room and lets nobody wait."""

@final
class Reference:
    """An actor's address.

    It keeps the actor alive; two are equal where their actors are the same. Every other attribute is a
    function of the actor: ref.name(*args) calls it, ref.name.send(*args) does not wait,
    ref.name.future(*args) waits later. ref['name'] is the same, also for names that a Reference has itself.
    """

    def __getattr__(self, name: str) -> Method: ...
    def __getitem__(self, name: str, /) -> Method: ...
    def monitor(self, callback: Callable[[ActorError | None], object], /) -> Monitor:
        """Call callback(reason) once the actor has ended, and return a Monitor to take that back.

        The reason is None for a normal end, else an ActorError. The callback runs as a message of this
        interpreter, in its own thread between two handlers; at once where the actor has ended already.
        """
    def link(self) -> None:
        """End this interpreter with the actor and the actor with this interpreter, unless the end is a
        normal one.
        """
    def unlink(self) -> None:
        """Take a link back, that of a child, too."""
    def exit(self, reason: str | BaseException | None = None, /) -> None:
        """Ask the actor to end, after what it runs at the moment.

        Args:
            reason: for those who monitor it or are linked to it: a str, an exception, or None for a
                shutdown.
        """
    def kill(self) -> None:
        """End the actor, and interrupt what it runs."""

@final
class Method:
    """A function of another actor.

    method(*args, timeout=None) calls it and waits for the result.

    Args:
        timeout: seconds to wait; None is the runtime's call timeout.

    Raises:
        RemoteError: the function raised.
        ActorError: the actor could not answer.
        TimeoutError: no answer came in time.
        TypeError: an argument cannot be sent.
        RuntimeError: the actor is this interpreter itself.
    """

    def __call__(self, *args: Any, timeout: float | None = None) -> Any: ...
    def send(self, *args: Any) -> None:
        """Send the message and do not wait for an answer.

        What the receiver does not understand becomes a dead letter there.

        Raises:
            TypeError: an argument cannot be sent.
        """
    def future(self, *args: Any, timeout: float | None = None) -> Future:
        """Send a request and return the Future of its answer.

        Args:
            timeout: seconds after which the Future fails; None is the runtime's call timeout.

        Raises:
            TypeError: an argument cannot be sent.
        """
    def send_after(self, seconds: float, /, *args: Any) -> Timer:
        """Send the message after a delay and return its Timer.

        It is not sent where this interpreter has ended by then.

        Raises:
            TypeError: an argument cannot be sent.
            ValueError: the delay is negative or endless.
        """

@final
class Future:
    """An answer that is to come, as ref.name.future() asked for."""

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the answer and return it.

        Args:
            timeout: seconds to wait; None waits until the call's own timeout.

        Raises:
            RemoteError: the function raised.
            ActorError: the actor could not answer.
            TimeoutError: no answer came in time.
            CancelledError: this Future was cancelled.
        """
    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the answer and return the exception that result() raises, or None.

        Args:
            timeout: seconds to wait; None waits until the call's own timeout.

        Raises:
            TimeoutError: no answer came within timeout.
            CancelledError: this Future was cancelled.
        """
    def done(self) -> bool:
        """Return whether the answer has come, or has been cancelled."""
    def cancelled(self) -> bool:
        """Return whether this Future was cancelled."""
    def running(self) -> bool:
        """Return whether the answer is still to come."""
    def cancel(self) -> bool:
        """Give up the answer, wake those who wait for it, and run the callbacks.

        The actor is not told, and may do what it was asked for. Return whether this Future is
        cancelled.
        """
    def add_done_callback(self, callback: Callable[[Future], object], /) -> None:
        """Call callback(future) once this Future is done.

        It runs as a message of this interpreter, in its own thread between two handlers; at once where
        the Future is done already.
        """

@final
class Monitor:
    """Watches an actor, as Reference.monitor() asked for. It need not be kept."""

    def cancel(self) -> bool:
        """Stop watching; the callback does not run any more.

        Return whether it could still have run.
        """

@final
class Timer:
    """A message that is sent later, as send_after() asked for. It need not be kept."""

    def cancel(self) -> bool:
        """Do not send the message.

        Return whether it had not been sent yet.
        """

@final
class Current(structseq[Any], tuple[Reference, str, Reference | None]):
    """What an interpreter knows of itself, as current() tells it."""

    @property
    def address(self) -> Reference:
        """this interpreter's own Reference"""
    @property
    def name(self) -> str:
        """its name"""
    @property
    def sender(self) -> Reference | None:
        """the Reference of whoever sent the message that is being handled, or None"""

@final
class Death:
    """What is known of the end of an interpreter, as previous_death() tells it.

    str() gives all of it as a block of lines.
    """

    @property
    def child(self) -> str:
        """name of the child"""
    @property
    def incarnation(self) -> int:
        """which life of its address it was, from 1 on"""
    @property
    def reason(
        self,
    ) -> Literal[
        "normal",
        "shutdown",
        "exception",
        "exit_code",
        "deadline",
        "interrupted",
        "abandoned",
        "start_failed",
        "killed",
        "node_lost",
    ]:
        """'normal', 'shutdown', 'exception', 'exit_code', 'deadline', 'interrupted', 'abandoned',
        'start_failed', 'killed' or 'node_lost'
        """
    @property
    def node(self) -> str | None:
        """the node that it ran on, or None for the controller's own process"""
    @property
    def text(self) -> str:
        """the reason in words"""
    @property
    def error_type(self) -> str | None:
        """class of the exception that ended it, or None"""
    @property
    def error_message(self) -> str | None:
        """what that exception said, or None"""
    @property
    def traceback(self) -> str | None:
        """the exception's traceback as text, or None"""
    @property
    def exit_code(self) -> int | None:
        """what sys.exit() was given, or None"""
    @property
    def request(self) -> str | None:
        """the request that was being handled, or None"""
    @property
    def uptime(self) -> float:
        """how long it lived, in seconds"""
    @property
    def requests_served(self) -> int:
        """messages that its handlers were given"""
    @property
    def tracked_objects(self) -> int:
        """objects that its garbage collector knew; 0 where that is not known"""
    @property
    def views_held(self) -> int:
        """payloads that it still saw as memoryviews"""
    @property
    def restarts_left(self) -> int | None:
        """restarts that its supervisor would still make within the period, or None where nobody counts"""
    @property
    def when(self) -> float:
        """when it ended, as of time.time()"""

@final
class SendChannel:
    """A sending end of a channel.

    len() is the number of messages that wait.
    """

    def send(
        self,
        data: _Payload | SendChannel | ReceiveChannel,
        format: str | None = None,
        shape: _Shape = None,
        *,
        timeout: float | None = None,
    ) -> None:
        """Send a payload, or an end of a channel.

        Args:
            data: None, bytes, a memoryview of bytes or of a received payload (not copied where large),
                a
                SendChannel, which stays usable, or a ReceiveChannel, which moves to whoever receives
                it.
            format: format of its elements, as in the module struct.
            shape: lengths along each dimension.
            timeout: seconds to wait for room; None waits as long as it takes.

        Raises:
            ChannelClosed: nobody will receive it.
            ChannelFull: there is no room, and the channel lets nobody wait.
            TimeoutError: no room in time.
            TypeError, ValueError: it is no payload, or not what the channel carries.
            ActorError, RemoteError: the actor behind this end refused it.
        """
    def send_object(self, value: object, *, timeout: float | None = None) -> None:
        """Pickle an object and send it; what it holds as pickle.PickleBuffer of bytes or of payloads is
        not copied.

        Args:
            value: whatever the module pickle takes.
            timeout: seconds to wait for room; None waits as long as it takes.

        Raises:
            TypeError: the channel was made without objects=True, or leads to another node.
            ChannelClosed, ChannelFull, TimeoutError: as send().
        """
    def close(self) -> None:
        """Give this end up. Once all sending ends are gone, the receiver gets what is there and sees
        the end.
        """
    def __enter__(self) -> Self:
        """Return this end."""
    def __exit__(self, /, *exception: object) -> None:
        """Close this end."""
    def __len__(self) -> int: ...
    def __bool__(self) -> Literal[True]: ...

@final
class ReceiveChannel:
    """The receiving end of a channel; iterating over it receives until the last sending end is gone.

    len() is the number of messages that wait.
    """

    def recv(self, timeout: float | None = None) -> _Message:
        """Return the next message: a read-only memoryview, None, or an end of a channel.

        A view stays valid until it is dropped, also when its sender or the channel is gone.

        Args:
            timeout: seconds to wait; None waits as long as it takes.

        Raises:
            ChannelClosed: nothing will come any more.
            TimeoutError: no message in time.
            RuntimeError: this end was moved to another owner.
        """
    def recv_object(self, timeout: float | None = None) -> Any:
        """Return the next object that was sent with send_object().

        Args:
            timeout: seconds to wait; None waits as long as it takes.

        Raises:
            TypeError: the channel was made without objects=True, or the next message is no object.
            ChannelClosed, TimeoutError, RuntimeError: as recv().
        """
    def close(self) -> None:
        """Close the channel for good: its senders get ChannelClosed."""
    def __enter__(self) -> Self:
        """Return this end."""
    def __exit__(self, /, *exception: object) -> None:
        """Close the channel."""
    def __iter__(self) -> Self: ...
    def __next__(self) -> _Message: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> Literal[True]: ...

@final
class Interpreter:
    """Another interpreter, made by create(). It ends with its last reference, or with this interpreter."""

    def run(
        self,
        source: str,
        *,
        channels: Mapping[str, SendChannel | ReceiveChannel] | None = None,
        reraise: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Run code in the __main__ of that interpreter and wait until it is done.

        Args:
            source: the code.
            channels: a dict of channel ends that become globals there; a ReceiveChannel moves.
            reraise: raise an exception as its own type where that can be imported and built here.
            timeout: seconds after which the code is interrupted; None lets it run.

        Raises:
            RemoteError: the code raised; or the exception itself, with the RemoteError as its cause.
            ActorError: that interpreter cannot run it.
            TimeoutError: it did not end in time.
            RuntimeError: this Interpreter was closed, or runs something else.
        """
    def close(self) -> None:
        """End that interpreter, and wait until it has ended."""
    def __enter__(self) -> Self:
        """Return this Interpreter."""
    def __exit__(self, /, *exception: object) -> None:
        """End that interpreter."""

@final
class Builder:
    """Make a block of memory, all zero, to be filled through memoryview(builder) and then frozen into a
    payload.

    Args:
        size: length in bytes, fixed.
    """

    def __new__(cls, size: int) -> Self: ...
    def freeze(self) -> memoryview:
        """End the filling and return the memory as a read-only memoryview, without a copy.

        The view stays valid until it is dropped, also in other interpreters.

        Raises:
            ValueError: it is frozen already.
            BufferError: a writable view still exists.
        """
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __release_buffer__(self, buffer: memoryview, /) -> None: ...

def channel(
    messages: int = 64,
    bytes: int = 0,
    when_full: Literal["wait", "fail", "drop_oldest"] = "wait",
    *,
    format: str | None = None,
    shape: _Shape = None,
    objects: bool = False,
) -> tuple[SendChannel, ReceiveChannel]:
    """Make a channel; return its SendChannel and its ReceiveChannel.

    Args:
        messages: how many may wait; 0 is no limit.
        bytes: how many may wait; 0 is no limit. One message is always let in.
        when_full: 'wait' lets senders wait, 'fail' refuses, 'drop_oldest' makes room.
        format: format of the elements of each message, as in the module struct.
        shape: lengths of each message along each dimension; -1 as the first one is any.
        objects: let senders send pickled objects; unpickling runs whatever they want.

    Raises:
        ValueError: an option makes no sense.
    """
def select(channels: Iterable[ReceiveChannel], timeout: float | None = None) -> list[ReceiveChannel]:
    """Wait until recv() would return at once, or raise ChannelClosed, for one of several channels; return
    the list of those.

    Args:
        channels: ReceiveChannels, each once.
        timeout: seconds to wait; None waits as long as it takes.

    Raises:
        TimeoutError: no message in time.
    """
def create(name: str = "interpreter") -> Interpreter:
    """Make another interpreter, with a GIL and a thread of its own.

    Args:
        name: for the thread and for logs.

    Raises:
        RuntimeError: it cannot be made.
    """
def spawn(
    source: str | ModuleType | PathLike[str] | PathLike[bytes],
    *,
    name: str | None = None,
    link: bool = True,
    timeout: float | None = None,
) -> Reference:
    """Start a child interpreter and return its Reference once its source has run.

    Its functions are called through the Reference, with any values.

    Args:
        source: source text, a module, which the child imports, or the path of a file.
        name: for its thread and for logs; None is this one's with '.child' behind it.
        link: the child ends with this interpreter, and this one with a child that fails.
        timeout: seconds that its start may take; None is 30.

    Raises:
        RemoteError: its source raised.
        ActorError: it could not be started.
        TimeoutError: it did not start in time.
    """
def current() -> Current:
    """Return this interpreter's address and name, and the sender of the message that it handles."""
def previous_death() -> Death | None:
    """Return how the interpreter before this one, which had the same address, ended, or None where this is
    the first.
    """
def send_after(seconds: float, method: Method, /, *args: Any) -> Timer:
    """Send a message to method, as in ref.name, after a delay and return its Timer.

    It is not sent where this interpreter has ended by then.

    Raises:
        TypeError: an argument cannot be sent.
        ValueError: the delay is negative or endless.
    """
