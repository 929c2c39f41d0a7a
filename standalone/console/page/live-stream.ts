// Server-sent events read with fetch, which, other than EventSource, can send the visitor's key. It comes back by itself when
// the server was away.
import type { ActivationView, HistoryView, SystemStatus } from '../../inspection/views.ts';
import { ServerError, type ServerAccess } from './server.ts';

export interface StreamListener {
  history(view: HistoryView): void;
  status(view: SystemStatus): void;
  activation(view: ActivationView): void;
  connected(): void;
  lost(): void;
  /** The key is nobody's. Resolves when there is another one. */
  refused(): Promise<void>;
}

const againAfterMs = 1000;

/** Never returns. */
export async function follow(server: ServerAccess, listener: StreamListener): Promise<never> {
  for (;;) {
    try {
      const response = await server.request('GET', '/instainfer/v1/events');
      listener.connected();
      await readEvents(response, listener);
      listener.lost();
    } catch (error) {
      if (error instanceof ServerError && error.status === 401) {
        await listener.refused();
        continue;
      }
      listener.lost();
    }
    await new Promise((resolve) => setTimeout(resolve, againAfterMs));
  }
}

async function readEvents(response: Response, listener: StreamListener): Promise<void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) return;
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) dispatch(event, listener);
  }
}

function dispatch(event: string, listener: StreamListener): void {
  const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(event) ?? [];
  if (data === undefined) return;
  // The server of this very page wrote it.
  const view: unknown = JSON.parse(data);
  if (name === 'history') listener.history(view as HistoryView);
  else if (name === 'status') listener.status(view as SystemStatus);
  else if (name === 'activation') listener.activation(view as ActivationView);
}
