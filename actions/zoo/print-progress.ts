// Shows a person how far the building of models is. It decides nothing about it.
import pc from 'picocolors';
import type { ZooProgress } from './build-zoo.ts';

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** Lines for a log, and one line that is written over again for a terminal. */
export function printProgressTo(output: NodeJS.WriteStream): (progress: ZooProgress) => void {
  const isTerminal = output.isTTY;
  let lastStep = '';
  return (progress) => {
    const clear = isTerminal ? '\r\x1b[K' : '';
    switch (progress.kind) {
      case 'waiting':
        output.write(`${clear}Another builder is at work on this store; waiting for it.\n`);
        break;
      case 'skipped':
        output.write(`${clear}${pc.dim(`${progress.model}: there already`)}\n`);
        break;
      case 'step': {
        const percent = progress.fraction === undefined ? '' : ` ${Math.round(progress.fraction * 100)} %`;
        if (isTerminal) output.write(`${clear}${progress.model}: ${progress.step}${percent}`);
        else if (lastStep !== `${progress.model} ${progress.step}`) output.write(`${progress.model}: ${progress.step}\n`);
        lastStep = `${progress.model} ${progress.step}`;
        break;
      }
      case 'built': {
        const { name, plain, externalData = [], form } = progress.model;
        const chosen = form === undefined ? 'no loading form' : `${form.kind}, loads in ${form.measured.onPathLoadMs.toFixed(1)} ms`;
        output.write(`${clear}${pc.green(name)}: ${megabytes([plain, ...externalData].reduce((sum, file) => sum + file.bytes, 0))}; ${chosen} (${seconds(progress.tookMs)})\n`);
        break;
      }
    }
  };
}
