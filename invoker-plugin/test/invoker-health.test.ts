// The stand-in's judgement of invokers, held against the sentences of OpenWhisk's InvokerSupervisionTests.
import { strict as assert } from 'node:assert';
import { InvokerHealth, type HealthResult } from '../testing/invoker-health.ts';

describe('the stand-in\'s judgement of an invoker', () => {
  let health: InvokerHealth;
  let now = 0;
  beforeEach(() => {
    now = 0;
    health = new InvokerHealth(10_000);
    assert.equal(health.ping(true, now), true);
  });
  const hear = (result: HealthResult, times: number): void => {
    for (let time = 0; time < times; time += 1) health.result(result, now);
  };

  it('starts unhealthy and is healthy after one success', () => {
    assert.equal(health.state, 'unhealthy');
    hear('success', 1);
    assert.equal(health.state, 'up');
  });

  it('stays unhealthy until four system errors are out of the last ten: at the seventh success', () => {
    hear('systemError', 4);
    hear('success', 6);
    assert.equal(health.state, 'unhealthy');
    hear('success', 1);
    assert.equal(health.state, 'up');
  });

  it('reverts to unhealthy on a system error during the start', () => {
    hear('success', 1);
    hear('systemError', 1);
    assert.equal(health.state, 'unhealthy');
  });

  it('is unresponsive after more than three timeouts', () => {
    hear('success', 10);
    hear('timeout', 4);
    assert.equal(health.state, 'unresponsive');
  });

  it('is offline after ten seconds of silence, and unhealthy at the next ping', () => {
    hear('success', 1);
    health.tick(10_001);
    assert.equal(health.state, 'down');
    health.ping(true, 10_002);
    assert.equal(health.state, 'unhealthy');
  });

  it('is offline at once after a disabled ping, and stays so whatever is acknowledged', () => {
    hear('success', 1);
    health.ping(false, 1);
    hear('success', 3);
    assert.equal(health.state, 'down');
  });
});
