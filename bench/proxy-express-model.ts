// A model of the architecture of OpenWhisk's stock Node.js runtime: Express, `express.json` up to 48 MB, the action's
// code in the same process, its state checked before each run, an end marker on both streams after it. It is our own
// minimal program and NOT the stock runtime, which does more for each request; what it costs is a lower bound of that.
// It runs as a process of its own, on PORT, and tells its port over the channel when there is one.
import type { AddressInfo } from 'node:net';
import express, { type ErrorRequestHandler } from 'express';

type State = 'stem' | 'starting' | 'ready' | 'running' | 'stopped';
type Action = (parameters: unknown) => unknown;

const marker = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';
const concurrent = process.env['__OW_ALLOW_CONCURRENT'] === 'true';
let state: State = 'stem';
let action: Action | undefined;

function initialise({ main, code }: { main?: unknown; code?: unknown }): string | undefined {
  if (typeof main !== 'string' || typeof code !== 'string') return 'Missing main/no code to execute.';
  state = 'starting';
  // The architecture in question evaluates the action's source in the server's own process.
  action = (0, eval)(`(() => { ${code}\n; return ${main}; })()`) as Action;
  state = 'ready';
  return undefined;
}

async function runAction(body: Record<string, unknown>): Promise<{ status: number; result: unknown }> {
  if (action === undefined || (state !== 'ready' && !(state === 'running' && concurrent))) return { status: 403, result: { error: `System not ready, status is ${state}.` } };
  state = 'running';
  for (const [key, value] of Object.entries(body)) {
    if (key !== 'value' && typeof value === 'string') process.env[`__OW_${key.toUpperCase()}`] = value;
  }
  try {
    const result = await action(body['value'] ?? {});
    state = 'ready';
    return typeof result === 'object' ? { status: 200, result } : { status: 502, result: { error: 'The action did not return a dictionary.' } };
  } catch (error) {
    state = 'stopped';
    return { status: 502, result: { error: `An error has occurred: ${String(error)}` } };
  } finally {
    console.log(marker);
    console.error(marker);
  }
}

const app = express();
app.use(express.json({ limit: '48mb' }));
app.post('/init', (request, response) => {
  const { value = {} } = request.body as { value?: object };
  const error = initialise(value);
  response.status(error === undefined ? 200 : 403).json(error === undefined ? { OK: true } : { error });
});
app.post('/run', async (request, response) => {
  const { status, result } = await runAction(request.body as Record<string, unknown>);
  response.status(status).json(result);
});
app.use(((_error: unknown, _request, response, _next) => {
  response.status(500).json({ error: 'Bad request.' });
}) satisfies ErrorRequestHandler);

const server = app.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
server.timeout = 0;
process.on('disconnect', () => process.exit(0));
