// Where the files that ship beside the code are: the build lies one folder below the package, the files do not move there.
import path from 'node:path';

const packageRoot = path.resolve(import.meta.dirname, '../..');

/** The five-minute trace of InstaInfer's demo; see the README beside it. */
export const shippedTraceFile = path.join(packageRoot, 'lab/traces/azure-2019-5min.csv');

/** Latencies the simulator uses unless told otherwise. */
export const shippedProfileFile = path.join(packageRoot, 'lab/profiles/default.json');
