// Checks what a slot says: it runs user code, and user code that wants to can write to the channel. Written by hand
// rather than with zod, which would cost every idle container 13 MB and 50 ms of its start for these four messages.
import type { LoadedArtifact, LoadedPart } from '../protocol.ts';
import { maxMessageLength, maxReportedArtifacts, type SlotMessage } from './messages.ts';

const maxNameLength = 300;
const maxParts = 16;

type Fields = Readonly<Record<string, unknown>>;

/** The message in what a slot has written; undefined when it is none of ours. Unknown fields are dropped. */
export function checkedMessage(json: unknown): SlotMessage | undefined {
  if (!isFields(json)) return undefined;
  if (json['type'] === 'ready') return { type: 'ready' };
  const { id } = json;
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) return undefined;
  switch (json['type']) {
    case 'loaded':
      return withArtifacts(json, (artifacts) => (isAmount(json['evictionMs']) ? { type: 'loaded', id, artifacts, evictionMs: json['evictionMs'], ...diskBytesIn(json) } : undefined));
    case 'initialised': {
      const { loadMs, evictionMs } = json;
      return withArtifacts(json, (artifacts) => (isAmount(loadMs) && isAmount(evictionMs) ? { type: 'initialised', id, artifacts, loadMs, evictionMs, ...diskBytesIn(json) } : undefined));
    }
    case 'failed':
      return isText(json['message'], maxMessageLength) ? { type: 'failed', id, message: json['message'] } : undefined;
    default:
      return undefined;
  }
}

/** Artifacts as a slot reports them; undefined when they are none. */
export function checkedArtifacts(json: unknown): LoadedArtifact[] | undefined {
  if (!Array.isArray(json) || json.length > maxReportedArtifacts) return undefined;
  const artifacts: LoadedArtifact[] = [];
  for (const item of json as unknown[]) {
    if (!isFields(item)) return undefined;
    const { name, kind, loadMs, bytes } = item;
    if (!isText(name, maxNameLength) || (kind !== 'model' && kind !== 'library' && kind !== 'pipeline') || !isAmount(loadMs) || !isAmount(bytes)) return undefined;
    const parts = item['parts'] === undefined ? undefined : checkedParts(item['parts']);
    if (parts === undefined && item['parts'] !== undefined) return undefined;
    artifacts.push({ name, kind, loadMs, bytes, ...(parts === undefined ? {} : { parts }) });
  }
  return artifacts;
}

function checkedParts(json: unknown): LoadedPart[] | undefined {
  if (!Array.isArray(json) || json.length > maxParts) return undefined;
  const parts: LoadedPart[] = [];
  for (const item of json as unknown[]) {
    if (!isFields(item)) return undefined;
    const { name, resident, loadMs, bytes, fileBytes } = item;
    if (!isText(name, maxNameLength) || typeof resident !== 'boolean' || !isAmount(loadMs) || !isAmount(bytes) || !isAmount(fileBytes)) return undefined;
    parts.push({ name, resident, loadMs, bytes, fileBytes });
  }
  return parts;
}

function withArtifacts(json: Fields, build: (artifacts: LoadedArtifact[]) => SlotMessage | undefined): SlotMessage | undefined {
  const artifacts = checkedArtifacts(json['artifacts']);
  return artifacts === undefined ? undefined : build(artifacts);
}

/** Left out where it is no amount: it says how the load went, not whether it did. */
const diskBytesIn = ({ diskBytes }: Fields): { diskBytes?: number } => (isAmount(diskBytes) ? { diskBytes } : {});

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const isText = (value: unknown, maxLength: number): value is string => typeof value === 'string' && value.length <= maxLength;
const isAmount = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value < Infinity;
