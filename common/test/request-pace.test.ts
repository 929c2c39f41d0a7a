// How often a connection to Kafka asks.
import { strict as assert } from 'node:assert';
import { RequestPace } from '../bus/kafka/request-pace.ts';

/** Requests made as soon as they may be, and the times between them once they do not go at once any more. */
function requestsOf(pace: RequestPace, from: number, count: number): number[] {
  const at: number[] = [];
  let now = from;
  for (let index = 0; index < count; index += 1) {
    now += pace.note(now);
    at.push(now);
  }
  return at;
}

describe('the pace of requests', () => {
  it('lets a few go at once after a silence, and then one every five milliseconds', () => {
    const at = requestsOf(new RequestPace(), 1000, 30);
    assert.deepEqual(at.slice(0, 10), new Array(10).fill(1000));
    assert.deepEqual(at.slice(10, 14), [1005, 1010, 1015, 1020]);
    assert.equal(at.at(-1), 1000 + 20 * 5);
  });

  it('holds nothing up that comes less often than that', () => {
    const pace = new RequestPace();
    for (let now = 1000; now < 2000; now += 5) assert.equal(pace.note(now), 0);
  });

  it('forgets a busy time after a short silence', () => {
    const pace = new RequestPace();
    requestsOf(pace, 1000, 100);
    assert.equal(pace.note(1600), 0);
  });
});
