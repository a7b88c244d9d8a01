"""Whether what is sent arrives at once, and what is late by the machine's fault, which has other work, too."""

import threading
import time
from contextlib import contextmanager

LIMIT_S = 0.05
STEP_S = 0.001
# The mock, Envoy and the client each may have to wait for the processor.
PROCESSES = 3


@contextmanager
def at_once():
    """A list for the delays of what arrives; at the end of the block each must be below the limit, but for what a thread
    that did nothing but sleep was late by, meanwhile.
    """
    delays, over, late = [], threading.Event(), [0]

    def sleep():
        while not over.is_set():
            began = time.monotonic()
            time.sleep(STEP_S)
            late.append(time.monotonic() - began - STEP_S)

    sleeper = threading.Thread(target=sleep)
    sleeper.start()
    try:
        yield delays
    finally:
        over.set()
        sleeper.join()
    assert max(delays) < LIMIT_S + PROCESSES * max(late), (delays, max(late))
