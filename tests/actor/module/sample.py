"""Use everything that the module interp_actors has, as its documentation says. Checked by mypy, never run."""

import pathlib
from array import array

import interp_actors as ia

numbers: ia.ReceiveChannel  # globals that spawn() or run() bound
sums: ia.SendChannel


def channels() -> None:
    with ia.channel(messages=8, when_full="fail", format="d", shape=(-1, 2))[0] as sender:
        sender.send(array("d", [1.0]).tobytes(), timeout=1)
    for view in numbers:
        sums.send(array("d", [sum(view)]).tobytes())
        sums.send(view)
    tx, rx = ia.channel(0, 1 << 20, objects=True)
    tx.send_object({"any": "object"})
    tx.send(b"abcd", "I", 1)
    tx.send(rx)
    tx.send(None)
    print(len(tx), len(rx), rx.recv_object(), str(rx.recv(timeout=0.5), "utf-8"))
    try:
        for ready in ia.select([rx, numbers], timeout=1):
            ready.recv().tobytes()
    except ia.ChannelClosed as end:
        print(end.reason)
    except (ia.ChannelFull, TimeoutError):
        rx.close()
    builder = ia.Builder(16)
    memoryview(builder)[:4] = b"abcd"
    tx.send(builder.freeze())


def interpreters() -> None:
    with ia.create("other") as other:
        other.run("sums.send(b'x')", channels={"sums": sums, "numbers": numbers}, reraise=True, timeout=3)
    ends = {"sums": sums}
    ia.create().run("pass", channels=ends)


def ended(reason: ia.ActorError | None) -> None:
    if reason is not None:
        print(reason.category, reason.code, reason.text, reason.traceback)


def actors() -> list[int]:
    worker = ia.spawn("def square(x): return x * x", name="worker", link=False, timeout=10)
    ia.spawn(pathlib.Path("worker.py")).kill()
    ia.spawn(pathlib).exit("not needed")
    watch = worker.monitor(ended)
    worker.link()
    worker.unlink()
    result: int = worker.square(7, timeout=1)
    worker.square.send(7)
    worker["exit"].send()
    pending = [worker.square.future(n, timeout=2) for n in range(result)]
    pending[0].add_done_callback(lambda future: print(future.result()))
    print(pending[0].done(), pending[0].running(), pending[0].cancel(), pending[0].cancelled(), pending[0].exception())
    timer = worker.square.send_after(1.5, 7)
    print(timer.cancel(), ia.send_after(1, worker.square, 7).cancel(), watch.cancel())
    me = ia.current()
    print(me.name, me.address == worker, {me.address: 1})
    if me.sender is not None:
        me.sender.answer.send(1)
    address, name, sender = me
    print(address.somebody, name.upper(), sender)
    try:
        return [answer.result(timeout=1) for answer in pending]
    except ia.RemoteError as problem:
        print(problem.type, problem.message, problem.traceback)
    except ia.CancelledError:
        pass
    except ia.Interrupted:
        raise
    raise ia.ActorError("nobody answered")
