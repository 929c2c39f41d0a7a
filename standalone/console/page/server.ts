// The server, as this page talks to it: with the visitor's key.
import type { ActionView } from '../../inspection/views.ts';

/** OpenWhisk's public guest key, which a server takes unless its operator has changed it. */
const guestKey = '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP';
const storedAs = 'instainfer-key';

export class ServerError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class ServerAccess {
  private key = sessionStorage.getItem(storedAs) ?? guestKey;

  use(key: string): void {
    this.key = key;
    sessionStorage.setItem(storedAs, key);
  }

  /** @throws ServerError whatever is not a success; its message is the server's */
  async request(method: 'GET' | 'POST', route: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const response = await fetch(route, {
      method,
      // The browser would ask for a name and a password itself where the key is refused.
      credentials: 'omit',
      headers: { authorization: `Basic ${btoa(this.key)}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (response.ok) return response;
    const text = await response.text();
    throw new ServerError(response.status, messageOf(text) ?? `The server answered ${response.status}.`);
  }

  async load(actionKey: string): Promise<string> {
    return containerOf(await this.request('POST', '/instainfer/v1/load', { action: actionKey }));
  }

  async offload(container: string, actionKey: string): Promise<string> {
    return containerOf(await this.request('POST', '/instainfer/v1/offload', { action: actionKey, container }));
  }

  /** Through OpenWhisk's API, as any client does; the record of the activation, or its id where it takes longer. */
  async invoke({ qualifiedName }: ActionView, parameters: object): Promise<unknown> {
    const [namespace = '_', ...name] = qualifiedName.split('/').map(encodeURIComponent);
    const route = `/api/v1/namespaces/${namespace}/actions/${name.join('/')}?blocking=true`;
    try {
      return await (await this.request('POST', route, parameters)).json();
    } catch (error) {
      // An action that fails is answered with 502 and its record.
      if (error instanceof ServerError && error.message.startsWith('{')) return JSON.parse(error.message) as unknown;
      throw error;
    }
  }
}

async function containerOf(response: Response): Promise<string> {
  return ((await response.json()) as { container: string }).container;
}

/** The `error` of an answer; the answer itself where it is a record. */
function messageOf(text: string): string | undefined {
  try {
    const body = JSON.parse(text) as { error?: unknown; activationId?: unknown };
    if (typeof body.activationId === 'string') return text;
    return typeof body.error === 'string' ? body.error : undefined;
  } catch {
    return undefined;
  }
}
