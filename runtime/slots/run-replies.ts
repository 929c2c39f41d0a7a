// How the replies of finished activations leave the slot: end markers first, on both streams, then the replies. What
// ends together leaves together, so that overlapping activations share their writes.
import { writeLogMarkers } from './log-markers.ts';
import type { RanReply } from './messages.ts';
import type { SlotChannel } from './slot-channel.ts';

export class RunReplies {
  private readonly channel: SlotChannel;
  private underWay = 0;
  private finished: RanReply[] = [];
  private markersDue = 0;
  private isFlushDue = false;

  constructor(channel: SlotChannel) {
    this.channel = channel;
  }

  begin(): void {
    this.underWay += 1;
  }

  /** @param isLogged whether the activation's log is to be ended */
  end(reply: RanReply, isLogged: boolean): void {
    this.underWay -= 1;
    this.finished.push(reply);
    if (isLogged) this.markersDue += 1;
    // The last one waits for nobody: user code may block or end this process right after.
    if (this.underWay === 0) this.flush();
    else this.flushThisTurn();
  }

  private flushThisTurn(): void {
    if (this.isFlushDue) return;
    this.isFlushDue = true;
    setImmediate(() => {
      this.isFlushDue = false;
      this.flush();
    });
  }

  private flush(): void {
    const { finished, markersDue } = this;
    if (finished.length === 0) return;
    this.finished = [];
    this.markersDue = 0;
    const written = writeLogMarkers(markersDue);
    if (written === undefined) this.send(finished);
    else
      void written.then(() => {
        this.send(finished);
      });
  }

  private send(replies: readonly RanReply[]): void {
    for (const reply of replies) this.channel.addRan(reply);
    this.channel.flush();
  }
}
