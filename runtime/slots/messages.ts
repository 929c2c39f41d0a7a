// The messages between the proxy and a slot: what both sides share. What comes from a slot is checked in
// `slot-message-check.ts`.
import type { Artifacts, InitValue, LoadedArtifact } from '../protocol.ts';

/**
 * When a slot initialises ONNX Runtime: before anything is asked of it, or when something asks for it. The latter is
 * 9 MB less in every stem cell, and costs its first load 80 ms of processor time (docs/runtime.md).
 */
export type OnnxRuntimeStart = 'ahead' | 'on-demand';

/** How a slot is set up; it travels in the slot's environment as JSON, under {@link slotSettingsVariable}. */
export interface SlotSettings {
  /** The slot's own folder: its working directory, HOME and TMPDIR; removed with it. */
  readonly directory: string;
  readonly modelStore: string | undefined;
  /** `stock`: as an action on the stock runtime does it, nothing is prepared and models are opened the default way. */
  readonly loading: 'mapped' | 'stock';
  readonly onnxRuntime: OnnxRuntimeStart;
  readonly evictBeforeLoad: boolean;
  /** Bound of what an action archive may unpack to. */
  readonly maxArchiveBytes: number;
  /** The container's memory: what could never fit is refused before it is loaded. */
  readonly limitBytes: number;
}
export const slotSettingsVariable = 'INSTAINFER_SLOT';

/** An action's code as /init brings it. */
export interface ActionCode {
  readonly main: string;
  readonly code: string;
  readonly binary: boolean;
}

/** `id` comes back in the reply. `residentModels` are resident elsewhere in the container. */
export type ToSlot =
  | { readonly type: 'load'; readonly id: number; readonly artifacts: Artifacts; readonly archive: ActionCode | undefined; readonly residentModels: readonly string[] }
  /** `action` is undefined when the slot has unpacked this very code already. */
  | {
      readonly type: 'init';
      readonly id: number;
      readonly main: string;
      readonly action: ActionCode | undefined;
      readonly env: Readonly<Record<string, string>>;
      readonly residentModels: readonly string[];
    }
  /** New environment for a slot that was frozen with its code initialised. */
  | { readonly type: 'wake'; readonly id: number; readonly env: Readonly<Record<string, string>> }
  /** Gives parts of pipelines up, such as `stable-diffusion/unet`; the answer is `loaded`, with what is left. */
  | { readonly type: 'release'; readonly id: number; readonly parts: readonly string[] }
  | { readonly type: 'run'; readonly id: number; readonly body: Buffer };

/** Bounds of what a slot may tell the proxy; the slot keeps to them itself, or its message would be dropped. */
export const maxReportedArtifacts = 128;
export const maxMessageLength = 100_000;
/** Far beyond what OpenWhisk takes (1 MB unless configured otherwise); a larger result fails its activation. */
export const maxReplyBodyBytes = 64 * 1024 * 1024;

/**
 * `evictionMs`: time spent on emptying the page cache for a cold load; a condition of the experiment, no part of it.
 * `diskBytes`: what loads had read from the disk; absent where nothing was loaded, or the kernel does not count it.
 */
export type SlotMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'loaded'; readonly id: number; readonly artifacts: LoadedArtifact[]; readonly evictionMs: number; readonly diskBytes?: number | undefined }
  | { readonly type: 'initialised'; readonly id: number; readonly artifacts: LoadedArtifact[]; readonly loadMs: number; readonly evictionMs: number; readonly diskBytes?: number | undefined }
  /** A load or an init did not work; `message` is for the person who wrote the action. */
  | { readonly type: 'failed'; readonly id: number; readonly message: string };

const runStatuses = [200, 403, 500, 502] as const;
export type RunStatus = (typeof runStatuses)[number];
export const isRunStatus = (status: number): status is RunStatus => (runStatuses as readonly number[]).includes(status);

/** The answer to a run; it does not travel as JSON. */
export interface RanReply {
  readonly type: 'ran';
  readonly id: number;
  readonly status: RunStatus;
  readonly body: Uint8Array;
  readonly artifacts: LoadedArtifact[];
  readonly loadMs: number;
  readonly evictionMs: number;
  readonly diskBytes?: number | undefined;
}
export type FromSlot = SlotMessage | RanReply;
export type SlotReply = Exclude<FromSlot, { type: 'ready' }>;

/** Every value as OpenWhisk's runtimes export it: null as "", objects as JSON, the rest as text. */
export function environmentOf(env: InitValue['env']): Record<string, string> {
  const entries = Object.entries(env ?? {}).map(([key, value]): [string, string] => [key, environmentText(value)]);
  return Object.fromEntries(entries);
}

function environmentText(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
