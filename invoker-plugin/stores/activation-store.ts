// Where activation records go, and which of them. A record is stored at most once; storing never delays an answer.
import type { ActivationMessage } from '../../common/messages/activation-message.ts';
import type { WhiskActivation } from '../../common/messages/acknowledgement.ts';

export interface ActivationStore {
  /** Takes the record over; when it is written is the store's business. */
  store(activation: WhiskActivation): void;
  /** Resolves when everything taken so far is written or given up. */
  close(): Promise<void>;
}

/** For deployments that keep no records, and for the embedded mode. */
export const noActivationStore: ActivationStore = { store: () => undefined, close: () => Promise.resolve() };

/** OpenWhisk's words (`whisk.activation.store-blocking-result-level` and `...-non-blocking-...`). */
export const storeLevels = ['STORE_ALWAYS', 'STORE_FAILURES', 'STORE_FAILURES_NOT_APPLICATION_ERRORS'] as const;
export type StoreLevel = (typeof storeLevels)[number];

export interface StorePolicy {
  readonly blocking: StoreLevel;
  readonly nonBlocking: StoreLevel;
}

export const storeEverything: StorePolicy = { blocking: 'STORE_ALWAYS', nonBlocking: 'STORE_ALWAYS' };

/** Whether the record is to be stored (ActivationStore.scala, storeAfterCheck). */
export function isToBeStored(message: ActivationMessage, activation: WhiskActivation, policy: StorePolicy): boolean {
  const [, , extraLogging] = message.transid as readonly unknown[];
  if (extraLogging === true) return true;
  if (message.user.limits['storeActivations'] === false) return false;
  const { statusCode } = activation.response;
  switch (message.blocking ? policy.blocking : policy.nonBlocking) {
    case 'STORE_ALWAYS':
      return true;
    case 'STORE_FAILURES':
      return statusCode !== 0;
    case 'STORE_FAILURES_NOT_APPLICATION_ERRORS':
      return statusCode > 1;
  }
}
