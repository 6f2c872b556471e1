# Calls some thirty deep, on and on.
import time


def work(depth):
    if depth:
        return work(depth - 1) + 1
    return sum(i * i for i in range(2000))


while True:
    work(30)
    time.sleep(0.001)
