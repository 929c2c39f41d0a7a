// Brings one file of a known SHA-256 into a folder: goes on where an earlier attempt stopped, tries again what may pass,
// and puts nothing in place that is not the file. What the file is for is its caller's business.
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../common/errors.ts';
import { asDiskError } from '../zoo/file-sink.ts';
import { request, type Environment } from './request.ts';

export interface DownloadOptions {
  readonly url: URL;
  readonly sha256: string;
  /** Where the part of the file waits between attempts, and the file goes when it is whole. */
  readonly folder: string;
  readonly maxBytes: number;
  readonly env: Environment;
  readonly signal: AbortSignal;
  /** Attempts in a row that brought nothing before it is given up. */
  readonly attempts: number;
  /** How long a server may send nothing, in ms. */
  readonly idleMs: number;
  /** Waits before another attempt, the first being number 1. */
  readonly pause: (attempt: number) => Promise<void>;
  /** Refuses what the disk has no room for. */
  readonly requireFreeBytes: (bytes: number) => Promise<void>;
  readonly onProgress?: (bytes: number, totalBytes: number) => void;
}

const refused = (message: string, fix: string): AppError => new AppError('DOWNLOAD_REFUSED', message, fix);
const failed = (message: string, cause?: unknown): AppError => new AppError('DOWNLOAD_FAILED', message, 'Run the same command again: it goes on where it stopped.', { cause });

/** A part on disk, and the version of the file on the server that it is of. */
class Part {
  readonly file: string;
  private readonly tagFile: string;

  constructor({ folder, sha256 }: DownloadOptions) {
    this.file = path.join(folder, `${sha256}.part`);
    this.tagFile = path.join(folder, `${sha256}.etag`);
  }

  /** The strong entity tag that the part was sent under, if there is a part. */
  async tag(url: URL): Promise<string | undefined> {
    if ((await this.bytes()) === 0) return undefined;
    const [address, tag] = (await readFile(this.tagFile, 'utf8').catch(() => '')).split('\n');
    return address === url.href && tag?.startsWith('"') === true ? tag : undefined;
  }

  async bytes(): Promise<number> {
    return (await stat(this.file).catch(() => undefined))?.size ?? 0;
  }

  /** Emptied before the tag is written: a tag never stands beside bytes of another version. */
  async restart(url: URL, tag: string | null): Promise<void> {
    await rm(this.tagFile, { force: true });
    await writeFile(this.file, '');
    if (tag?.startsWith('"') === true) await writeFile(this.tagFile, `${url.href}\n${tag}`);
  }

  async remove(): Promise<void> {
    await rm(this.file, { force: true });
    await rm(this.tagFile, { force: true });
  }
}

async function hashOf(file: string): Promise<Hash> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash;
}

interface Answer {
  readonly response: Response;
  readonly fromByte: number;
  readonly totalBytes: number | undefined;
}

/** What the server sends, from which byte on, and how long the file is as far as it says. */
function readAnswer(response: Response, bytesThere: number, tag: string | undefined, url: URL): Answer {
  const { status, headers } = response;
  if (headers.get('content-encoding') !== null) throw refused(`${url.href} is sent compressed, although it was not asked for.`, 'Store the file without a content encoding.');
  if (status === 206 && tag !== undefined) {
    const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '');
    const sentTag = headers.get('etag');
    if (Number(range?.[1]) !== bytesThere || (sentTag !== null && sentTag !== tag)) throw new StalePartError();
    return { response, fromByte: bytesThere, totalBytes: Number(range?.[2]) };
  }
  if (status === 200) {
    const length = headers.get('content-length');
    return { response, fromByte: 0, totalBytes: length === null ? undefined : Number(length) };
  }
  if (status === 416) throw new StalePartError();
  if (status >= 500 || status === 408 || status === 429) throw failed(`${url.href}: the server answered ${status}.`);
  throw refused(`${url.href}: the server answered ${status}.`, status === 404 ? 'Correct the address.' : 'Give an address, and for s3 keys, that may read the file.');
}

/** The part is of no use for what the server has now. */
class StalePartError extends Error {}

/** Writes the body behind what is there; @returns the length of the file. */
async function receive({ response, fromByte, totalBytes }: Answer, file: FileHandle, hash: Hash, options: DownloadOptions, onBytes: () => void): Promise<number> {
  const { url, maxBytes, onProgress } = options;
  let bytes = fromByte;
  for await (const chunk of response.body ?? []) {
    onBytes();
    if (bytes + chunk.length > Math.min(maxBytes, totalBytes ?? maxBytes)) throw refused(`${url.href} is longer than ${totalBytes ?? maxBytes} bytes.`, 'Check the address, or allow more with --max-bytes.');
    for (let done = 0; done < chunk.length; ) done += (await file.write(chunk, done, chunk.length - done, bytes + done)).bytesWritten;
    hash.update(chunk);
    bytes += chunk.length;
    onProgress?.(bytes, totalBytes ?? bytes);
  }
  if (totalBytes !== undefined && bytes !== totalBytes) throw failed(`${url.href} ended after ${bytes} of ${totalBytes} bytes.`);
  return bytes;
}

/** One attempt; resolves when the part is the whole file, with its checksum found right. */
async function attemptOnce(part: Part, options: DownloadOptions): Promise<void> {
  const { url, sha256, maxBytes, env, idleMs, requireFreeBytes } = options;
  const tag = await part.tag(url);
  const bytesThere = tag === undefined ? 0 : await part.bytes();
  const headers = new Headers({ 'accept-encoding': 'identity', ...(tag === undefined ? {} : { range: `bytes=${bytesThere}-`, 'if-range': tag }) });
  const idle = new AbortController();
  let timer = setTimeout(() => idle.abort(), idleMs);
  const onBytes = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => idle.abort(), idleMs);
  };
  try {
    const answer = readAnswer(await request(url, headers, env, AbortSignal.any([options.signal, idle.signal])), bytesThere, tag, url);
    const { fromByte, totalBytes, response } = answer;
    if ((totalBytes ?? 0) > maxBytes) throw refused(`${url.href} has ${totalBytes} bytes; at most ${maxBytes} are allowed.`, 'Check the address, or allow more with --max-bytes.');
    await requireFreeBytes((totalBytes ?? 0) - fromByte);
    if (fromByte === 0) await part.restart(url, response.headers.get('etag'));
    const hash = await hashOf(part.file);
    const file = await open(part.file, 'r+');
    try {
      await receive(answer, file, hash, options, onBytes);
      await file.sync();
    } finally {
      await file.close();
    }
    if (hash.digest('hex') === sha256) return;
    // What was there before may be what is wrong, after a crash of the machine for instance.
    if (fromByte > 0) throw new StalePartError();
    await part.remove();
    throw refused(`${url.href} has another SHA-256 than ${sha256}.`, 'Check the address and the checksum.');
  } finally {
    clearTimeout(timer);
    idle.abort();
  }
}

/** AppErrors that may not pass, and full disks, end it; everything else is the network's. */
function isWorthAnother(thrown: unknown, signal: AbortSignal): boolean {
  if (signal.aborted) return false;
  if (thrown instanceof AppError) return thrown.code === 'DOWNLOAD_FAILED';
  return asDiskError(thrown, '') === thrown;
}

/**
 * Resolves to the downloaded file. A part that was left is gone on with where the server still has that very version
 * (If-Range with a strong entity tag); otherwise it is sent whole again.
 * @throws AppError DOWNLOAD_REFUSED, DOWNLOAD_FAILED, DISK_FULL
 */
export async function download(options: DownloadOptions): Promise<string> {
  const { url, sha256, folder, attempts, signal, pause } = options;
  await mkdir(folder, { recursive: true });
  const part = new Part(options);
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    const before = await part.bytes();
    try {
      await attemptOnce(part, options);
      const whole = path.join(folder, sha256);
      await rename(part.file, whole);
      await part.remove();
      return whole;
    } catch (thrown) {
      if (thrown instanceof StalePartError) await part.remove();
      if (!isWorthAnother(thrown, signal)) throw asDiskError(thrown, part.file);
      if ((await part.bytes()) > before) attempt = 0;
      else if (attempt >= attempts) throw thrown instanceof AppError ? thrown : failed(`${url.href} cannot be downloaded: ${thrown instanceof Error ? thrown.message : String(thrown)}.`, thrown);
      await pause(Math.max(1, attempt));
    }
  }
}
