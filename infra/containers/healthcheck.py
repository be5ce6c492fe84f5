"""``python -m infra.containers.healthcheck api|control|worker``: 0 when the process in this container is well, else 1.

The API is asked over HTTP. Control and worker leave a key in Redis every few seconds, which vanishes when their loop stands
still. The key belongs to the queue, so with several workers it says that one of them is well.
"""

import os
import sys
import urllib.error
import urllib.request

from arq.constants import health_check_key_suffix
from redis import Redis, RedisError

from workers.contract import CONTROL_QUEUE, WORK_QUEUE

_SECONDS = 3
_QUEUES = {"control": CONTROL_QUEUE, "worker": WORK_QUEUE}


def answers(port: str) -> bool:
    try:
        url = f"http://127.0.0.1:{port}/healthz"
        with urllib.request.urlopen(url, timeout=_SECONDS) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def beats(redis_url: str, queue: str) -> bool:
    try:
        with Redis.from_url(redis_url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS) as redis:
            return bool(redis.exists(queue + health_check_key_suffix))
    except (RedisError, OSError, ValueError):  # ValueError: no address at all
        return False


def main(arguments: list[str]) -> int:
    match arguments:
        case ["api"]:
            return 0 if answers(os.environ.get("TUNEPROOF_PORT", "8000")) else 1
        case ["control" | "worker" as process]:
            return 0 if beats(os.environ.get("TUNEPROOF_REDIS_URL", ""), _QUEUES[process]) else 1
        case _:
            sys.stderr.write("usage: python -m infra.containers.healthcheck api|control|worker\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
