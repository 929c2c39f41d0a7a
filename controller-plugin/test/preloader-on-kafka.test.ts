// The Proactive Pre-loader on a real broker: exact rates, and nothing lost over a restart or a death.
import { strict as assert } from 'node:assert';
import { eventually } from '../../common/testing/eventually.ts';
import { MemoryCatalog } from '../embedded/memory-catalog.ts';
import { KafkaBus } from '../../common/bus/kafka-bus.ts';
import { SystemClock } from '../../common/clock.ts';
import { createLogger } from '../../common/logger.ts';
import { invokerTopic } from '../../common/messages/activation-message.ts';
import { encode } from '../../common/messages/codec.ts';
import { healthTopic } from '../../common/messages/ping-message.ts';
import { openWhiskTopicSettings } from '../../common/messages/topics.ts';
import { createRandom } from '../../common/random.ts';
import { testBroker } from '../../common/testing/kafka-for-tests.ts';
import { defaultPreloaderConfig } from '../core/config.ts';
import { hourMs } from '../core/hourly-counts.ts';
import { observedRate } from '../core/observed-rate.ts';
import { Preloader } from '../preloader.ts';
import { activationMessage, invokerInstance } from '../testing/stock-records.ts';

const key = 'guest/hello@0.0.1';
const start = 480_000 * hourMs;

describe('the Proactive Pre-loader on Kafka', function () {
  this.timeout(60_000);
  let address: string;
  let opened: KafkaBus[];
  let prefix: string;

  before(async function () {
    address = await testBroker(this);
  });
  beforeEach(() => {
    opened = [];
    prefix = `preloader-${process.pid}-${Date.now()}-`;
  });
  afterEach(() => Promise.all(opened.map((bus) => bus.close())));

  const connect = async (): Promise<KafkaBus> => {
    const bus = await KafkaBus.connect({ brokers: [address], clientId: 'preloader-test', logger: createLogger('test', 'silent'), topicPrefix: prefix, timing: { heartbeatIntervalMs: 300, sessionTimeoutMs: 6000 } });
    opened.push(bus);
    return bus;
  };
  const startedOn = async (bus: KafkaBus): Promise<Preloader> => {
    const preloader = new Preloader({ bus, clock: new SystemClock(), logger: createLogger('test', 'silent'), catalog: new MemoryCatalog(), invokers: [], config: defaultPreloaderConfig, keepHistoriesEveryMs: 50 });
    await preloader.start();
    return preloader;
  };

  it('knows the rate of a known arrival process within 1 %, over a restart and a death', async () => {
    const random = createRandom(13);
    let at = start;
    const times = Array.from({ length: 1500 }, () => Math.round((at += random.exponential(900))));
    const stock = await connect();
    await stock.ensureTopic(invokerTopic(0), openWhiskTopicSettings.invoker);
    const publish = async (from: number, to: number): Promise<void> => {
      await Promise.all(times.slice(from, to).map((time, index) => stock.publish(invokerTopic(0), encode(activationMessage('hello', time, from + index)))));
      await stock.publish(healthTopic, encode({ name: invokerInstance(0), isEnabled: true }));
    };
    const readTo = (preloader: Preloader, count: number): Promise<void> =>
      eventually(() => preloader.view.state.histories.get(key)?.lastArrivalAt === times[count - 1], `${count} arrivals are known`, 30_000);

    const first = await startedOn(await connect());
    await publish(0, 500);
    await readTo(first, 500);
    await first.stop();

    const dyingBus = await connect();
    const dying = await startedOn(dyingBus);
    await publish(500, 1000);
    await readTo(dying, 1000);
    const readAt = performance.timeOrigin + performance.now();
    await eventually(() => (dying.view.historiesKeptAt ?? 0) > readAt, 'the places are kept');
    await publish(1000, 1200);
    await readTo(dying, 1200);
    // Its connection goes first: whatever it had not kept by now it can never keep.
    await dyingBus.close();

    const next = await startedOn(await connect());
    await publish(1200, 1500);
    await readTo(next, 1500);
    const history = next.view.state.histories.get(key)!;
    const { arrivals, ratePerMs } = observedRate(history, times.at(-1)!, 168);
    assert.equal(arrivals, times.length);
    const truePerMs = (times.length - 1) / (times.at(-1)! - times[0]!);
    assert.ok(Math.abs(ratePerMs / truePerMs - 1) < 0.01, `${ratePerMs} for ${truePerMs}`);
    assert.ok(next.arrivals < 600, `${next.arrivals} arrivals were read, of which 300 are new`);
    await Promise.all([next.stop(), dying.stop()]);
  });
});
