// Reads what an action's archive declares in its `instainfer.json`. The same rules as `artifactsSchema` of the protocol,
// to which a test holds it; zod itself would cost every slot 13 MB and 50 ms of its start.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Artifacts, ModelArtifact } from '../protocol.ts';

export const noArtifacts: Artifacts = { models: [], libraries: [] };

const maxItems = 64;
const maxPipelines = 8;
const maxNameLength = 200;
const maxPathLength = 1000;
const maxLibraryLength = 214;

/** @throws Error saying what is wrong in the file */
export function readDeclaration(actionDir: string): Artifacts {
  let text: string;
  try {
    text = readFileSync(path.join(actionDir, 'instainfer.json'), 'utf8');
  } catch {
    return noArtifacts;
  }
  return parseDeclaration(JSON.parse(text));
}

/** @throws Error */
export function parseDeclaration(json: unknown): Artifacts {
  const { models, libraries, pipelines } = fieldsOf(json, 'it');
  return {
    models: listOf(models, 'models').map(modelOf),
    libraries: listOf(libraries, 'libraries').map((name) => textOf(name, 'a name of libraries', maxLibraryLength)),
    ...(pipelines === undefined ? {} : { pipelines: listOf(pipelines, 'pipelines', maxPipelines).map(modelOf) }),
  };
}

function modelOf(json: unknown): ModelArtifact {
  const model = fieldsOf(json, 'a model');
  const name = textOf(model['name'], 'the name of a model', maxNameLength);
  const { path: file, store } = model;
  if ((file === undefined) === (store === undefined)) throw wrong('a model', 'needs exactly one of "path" (a file in the action archive) and "store" (a name in the model store)');
  return file === undefined ? { name, store: textOf(store, `the store name of ${name}`, maxNameLength) } : { name, path: textOf(file, `the path of ${name}`, maxPathLength) };
}

function fieldsOf(json: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw wrong(what, 'is no object');
  return json as Readonly<Record<string, unknown>>;
}

function listOf(json: unknown, what: string, maxLength = maxItems): unknown[] {
  if (json === undefined) return [];
  if (!Array.isArray(json) || json.length > maxLength) throw wrong(what, `is no list of at most ${maxLength}`);
  return json;
}

function textOf(json: unknown, what: string, maxLength: number): string {
  if (typeof json !== 'string' || json.length < 1 || json.length > maxLength) throw wrong(what, `is no text of 1 to ${maxLength} characters`);
  return json;
}

const wrong = (what: string, rule: string): Error => new Error(`instainfer.json: ${what} ${rule}.`);
