"""The control process's outer shape: an arq worker on the control queue, and four loops that no message has to start.

The loops run beside the worker, not as its cron jobs, which would wait for a free slot. Each loop outlives its faults: they
are logged and the next round tries again.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog
from arq.worker import func

from api.control.advance import advance
from api.control.context import Control, StatusIssuing
from api.control.messages import apply
from api.control.notices import NOTICE_FUNCTION, sign_due_notices, sign_notice
from api.control.relay import relay
from api.control.status_lists import STATUS_FUNCTION, sign_due_lists, sign_list
from api.control.sweeper import sweep
from api.db.session import Database
from api.issuance.errors import SigningKeyError
from api.issuance.issuer import Issuer
from api.issuance.keyring import Keyring, newest
from api.issuance.signing import known_keyrings, open_signer, status_key
from api.issuance.signing_key import SigningKey
from api.issuance.timestamping import TimestampClient, TimestampError
from api.queue import Queue, deserialize, redis_settings, serialize
from api.settings import ControlSettings, Settings
from api.storage import open_storage
from api.suites.offered import offered_suites
from attestations.keys import Signer
from attestations.trust import KeyRole
from workers.catalog import Catalog, CatalogError
from workers.contract import ADVANCE_FUNCTION, CONTROL_QUEUE, MESSAGE_FUNCTION, decode_message
from workers.queue_worker import QueueWorker

log = structlog.get_logger()

RELAY_SECONDS = 0.2
SWEEP_SECONDS = 2.0
_MESSAGE_SECONDS = 300
_ALWAYS = 1_000_000


async def run(settings: Settings, control_settings: ControlSettings) -> int:
    """Until SIGTERM or SIGINT. 2 when the key or the catalog cannot be used."""
    try:
        keyrings = known_keyrings(control_settings.signing_key, settings.trust, issuer=control_settings.issuer)
        issuers_key, status_lists_key = _signing_keys(control_settings, keyrings)
        timestamps = _timestamps(control_settings, keyrings)
        catalog = Catalog.load(settings.catalog)
        added = catalog.benchmark_suites()
    except (SigningKeyError, TimestampError, CatalogError) as error:
        log.error("cannot start", reason=str(error))  # noqa: TRY400 - an operator's mistake, not a fault of ours
        return 2
    control = Control(
        database=Database(settings.database_url),
        storage=open_storage(settings.storage),
        queue=await Queue.connect(control_settings.redis_url),
        catalog=catalog,
        suites=offered_suites(added),
        issuer=Issuer(control_settings.issuer, issuers_key, control_settings.validity_days),
        clock=unix_time,
        status=StatusIssuing(status_lists_key, control_settings.public_url),
        timestamps=timestamps,
    )
    log.info("control process up", issuer=control_settings.issuer, key_id=issuers_key.key_id)
    if not keyrings:
        log.warning("keys are not checked before they sign: set TUNEPROOF_TRUST_DIR to the folder of the trust roots")
    for key in (issuers_key, status_lists_key):  # what is wrong is said at once; all that needs no signature goes on
        await control.holding.may_sign(key, waiting="whatever comes")
    await _serve(control, control_settings.redis_url)
    await control.queue.close()
    await control.database.close()
    return 0


def unix_time() -> int:
    return int(time.time())


def _signing_keys(control_settings: ControlSettings, keyrings: tuple[Keyring, ...]) -> tuple[SigningKey, SigningKey]:
    """The issuer's key and that of status lists."""
    signer = open_signer(control_settings.signing_key, control_settings.access)
    issuers = SigningKey(signer, KeyRole.ISSUER, keyrings, unix_time)
    return issuers, SigningKey(_status_signer(control_settings), KeyRole.STATUS, keyrings, unix_time)


def _status_signer(settings: ControlSettings) -> Signer:
    """Raises ``SigningKeyError`` that says how an installation from before there was such a key gets one."""
    try:
        return open_signer(status_key(settings.signing_key, settings.status_key), settings.access)
    except SigningKeyError as error:
        remedy = "where it was never made: python -m api.issuance upgrade-trust KEY"
        raise SigningKeyError(f"the key for status lists: {error} ({remedy})") from error


def _timestamps(control_settings: ControlSettings, keyrings: tuple[Keyring, ...]) -> TimestampClient | None:
    """Believes whom buyers believe: the authorities of the newest trust root."""
    if control_settings.timestamp_url is None:
        return None
    if not keyrings:
        raise SigningKeyError("set TUNEPROOF_TRUST_DIR: timestamps are checked under the trust root in it")
    return TimestampClient(control_settings.timestamp_url, newest(keyrings).timestamp_authorities)


async def _serve(control: Control, redis_url: str) -> None:
    worker = QueueWorker(
        functions=[
            func(_receive, name=MESSAGE_FUNCTION, timeout=_MESSAGE_SECONDS, max_tries=_ALWAYS, keep_result=0),
            func(_advance, name=ADVANCE_FUNCTION, timeout=_MESSAGE_SECONDS, max_tries=_ALWAYS, keep_result=0),
            func(_sign_status, name=STATUS_FUNCTION, timeout=_MESSAGE_SECONDS, max_tries=_ALWAYS, keep_result=0),
            func(_sign_notice, name=NOTICE_FUNCTION, timeout=_MESSAGE_SECONDS, max_tries=_ALWAYS, keep_result=0),
        ],
        queue_name=CONTROL_QUEUE,
        redis_settings=redis_settings(redis_url),
        job_serializer=serialize,
        job_deserializer=deserialize,
        ctx={"control": control},
        handle_signals=False,
        poll_delay=0.1,
        max_jobs=4,
        health_check_interval=5,
    )
    loops = [
        asyncio.create_task(worker.async_run(), name="messages"),
        asyncio.create_task(_every(RELAY_SECONDS, lambda: relay(control)), name="relay"),
        asyncio.create_task(_every(SWEEP_SECONDS, lambda: sweep(control)), name="sweeper"),
        asyncio.create_task(_every(SWEEP_SECONDS, lambda: sign_due_lists(control)), name="status lists"),
        asyncio.create_task(_every(SWEEP_SECONDS, lambda: sign_due_notices(control)), name="notices"),
    ]
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    # The message loop ends by itself only when Redis stays away: then the supervisor starts a new process.
    await asyncio.wait([stopping, loops[0]], return_when=asyncio.FIRST_COMPLETED)
    for task in (*loops, stopping):
        task.cancel()
    await asyncio.gather(*loops, stopping, return_exceptions=True)
    await worker.close()


async def _every(seconds: float, act: Callable[[], Awaitable[Any]]) -> None:
    while True:
        try:
            await act()
        except Exception:  # a loop that must not end: the next round tries again
            log.exception("a round failed")
        await asyncio.sleep(seconds)


async def _receive(ctx: dict[str, Any], raw: str) -> None:
    """A message that cannot be read is logged and dropped: nothing in it could be trusted."""
    try:
        message = decode_message(raw)
    except msgspec.DecodeError as error:
        log.warning("unreadable message", error=str(error))
        return
    await apply(ctx["control"], message)


async def _advance(ctx: dict[str, Any], job_id: str) -> None:
    await advance(ctx["control"], job_id)


async def _sign_status(ctx: dict[str, Any], number: str) -> None:
    await sign_list(ctx["control"], int(number))


async def _sign_notice(ctx: dict[str, Any], notice_id: str) -> None:
    await sign_notice(ctx["control"], notice_id)
