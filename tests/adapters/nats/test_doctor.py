import pytest
from nats.js import JetStreamContext

from adapters.nats.connection import NatsConnection
from adapters.nats.doctor import Finding, Mark, examine
from adapters.nats.publisher import JetStreamPublisher
from adapters.nats.stream_settings import StreamSettings
from tests.adapters.nats.conftest import StartBroker
from tests.event_entries import an_entry
from tests.servers import LOOPBACK, NatsServer, free_port

pytestmark = pytest.mark.anyio


async def findings_of(url: str, monitor_url: str | None = None) -> list[Finding]:
    connection = NatsConnection(url)
    try:
        return await examine(connection, monitor_url=monitor_url)
    finally:
        await connection.close()


async def test_a_broker_as_it_should_be_has_nothing_to_remedy(broker: NatsServer) -> None:
    before_the_first_event = await findings_of(broker.url, broker.monitor_url)
    connection = NatsConnection(broker.url)
    await JetStreamPublisher(connection).publish([an_entry(1, cash_out=1)])
    await connection.close()
    afterwards = await findings_of(broker.url, broker.monitor_url)
    for findings in (before_the_first_event, afterwards):
        assert [(finding.mark, finding.remedy) for finding in findings] == [(Mark.GOOD, "")] * 3
    assert "made with the first event" in before_the_first_event[1].fact
    assert "1 events" in afterwards[1].fact


async def test_looking_changes_nothing(broker: NatsServer, streams: JetStreamContext) -> None:
    await findings_of(broker.url, broker.monitor_url)
    assert await streams.streams_info() == []


async def test_a_broker_that_is_away_is_one_bad_finding_without_the_password() -> None:
    (finding,) = await findings_of(f"nats://us:secret@{LOOPBACK}:{free_port()}")
    assert finding.mark is Mark.BAD
    assert "cannot be reached" in finding.fact
    assert "secret" not in str(finding)


async def test_without_a_monitoring_address_the_sync_setting_is_unknown(broker: NatsServer) -> None:
    findings = await findings_of(broker.url)
    assert findings[-1].mark is Mark.UNKNOWN
    assert "sync_interval: always" in findings[-1].remedy


@pytest.mark.parametrize(
    "monitor_url", ["http://127.0.0.1:1", "ftp://127.0.0.1", "http://", "file:///etc/hostname"]
)
async def test_a_wrong_monitoring_address_is_an_unknown_and_not_a_failure(
    broker: NatsServer, monitor_url: str
) -> None:
    findings = await findings_of(broker.url, monitor_url)
    assert findings[-1].mark is Mark.UNKNOWN


async def test_a_broker_that_syncs_now_and_then_is_warned_about(
    start_broker: StartBroker,
) -> None:
    findings = await findings_of(*start_broker('jetstream { store_dir: "FOLDER" }\n'))
    assert findings[-1].mark is Mark.WARNING
    assert "power cut" in findings[-1].fact


async def test_a_broker_without_jetstream_is_bad(
    start_broker: StartBroker,
) -> None:
    url, monitor_url = start_broker("")
    findings = await findings_of(url, monitor_url)
    assert [finding.mark for finding in findings] == [Mark.GOOD, Mark.BAD]
    connection = NatsConnection(url)
    publisher = JetStreamPublisher(connection)
    assert await publisher.publish([an_entry(1, cash_out=1)]) == []
    assert not await publisher.healthy()
    await connection.close()


async def test_a_stream_that_takes_no_batches_is_good_enough_and_can_be_made_faster(
    connection: NatsConnection, streams: JetStreamContext
) -> None:
    await streams.add_stream(StreamSettings().config.evolve(allow_atomic=False))
    found = (await examine(connection))[1]
    assert found.mark is Mark.GOOD
    assert "one by one" in found.fact
    assert "allow_atomic" in found.remedy


async def test_a_stream_that_does_not_fit_is_a_warning_with_every_reason(
    connection: NatsConnection, streams: JetStreamContext
) -> None:
    await streams.add_stream(
        name="CASH_OUT", subjects=["cash_out.failed"], retention="workqueue", no_ack=True
    )
    wanted = StreamSettings(replicas=3)
    warning = (await examine(connection, wanted))[1]
    assert warning.mark is Mark.WARNING
    reasons = ("subjects", "duplicate window", "not acknowledge", "3", "take events from another")
    assert all(reason in warning.fact for reason in reasons)
