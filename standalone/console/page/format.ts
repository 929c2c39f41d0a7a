// Numbers and names as the console writes them.

export const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`;

/** Such as `0.4 ms`, `120 ms`, `3.2 s`, `5 min`, `2 h`. */
export function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}

/** Such as `every 4.0 s`, of a rate per ms. */
export const rate = (perMs: number): string => (perMs === 0 ? 'not expected' : `every ${duration(1 / perMs)}`);

export const clockTime = (at: number): string => new Date(at).toLocaleTimeString();

/** An action key without its version, and without the namespace where that is the visitor's. */
export function actionName(actionKey: string, namespace: string): string {
  const name = actionKey.replace(/@[^@/]*$/, '');
  return name.startsWith(`${namespace}/`) ? name.slice(namespace.length + 1) : name;
}
