import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { AppError } from '../../../common/errors.ts';
import { shippedTraceFile } from '../../shipped-files.ts';
import { parseAzureTrace, readAzureTrace, type TraceFunction } from '../../traces/azure-2019.ts';

const header = 'HashOwner,HashApp,HashFunction,Trigger,1,2,3';

async function collect(lines: AsyncIterable<TraceFunction>): Promise<TraceFunction[]> {
  const functions: TraceFunction[] = [];
  for await (const traceFunction of lines) functions.push(traceFunction);
  return functions;
}
const parse = async (...lines: string[]): Promise<TraceFunction[]> => collect(parseAzureTrace(lines, 'x.csv'));

const refusal = async (work: Promise<unknown>): Promise<AppError> => {
  const thrown: unknown = await work.then(
    () => assert.fail('accepted'),
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof AppError, String(thrown));
  assert.equal(thrown.code, 'BAD_TRACE');
  assert.ok(!thrown.message.includes('\n') && thrown.fix.length > 0);
  return thrown;
};

describe('parseAzureTrace', () => {
  it('yields each function with its counts', async () => {
    assert.deepEqual(await parse(header, 'o,a,f,http,1,0,2', 'o,a,g,timer,0,0,0'), [
      { functionKey: 'o/a/f', functionHash: 'f', trigger: 'http', countsPerMinute: [1, 0, 2] },
      { functionKey: 'o/a/g', functionHash: 'g', trigger: 'timer', countsPerMinute: [0, 0, 0] },
    ]);
  });

  it('takes any number of minutes, a byte order mark, quotes around fields and blank lines', async () => {
    const minutes = Array.from({ length: 1440 }, (_, index) => index + 1);
    const functions = await parse(`\uFEFFHashOwner,HashApp,HashFunction,"Trigger",${minutes.join(',')}`, '', `"o",a,f,http,${minutes.join(',')}`, '');
    assert.deepEqual(functions[0]?.countsPerMinute, minutes);
  });

  it('keeps two applications apart that share a HashFunction', async () => {
    const functions = await parse(header, 'o,a,f,http,1,0,2', 'o,b,f,http,1,0,2');
    assert.deepEqual(functions.map(({ functionKey }) => functionKey), ['o/a/f', 'o/b/f']);
  });

  it('returns the counts that were written, whatever they are', async () => {
    const counts = fc.array(fc.nat({ max: 999_999_999 }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(counts, async (written) => {
        const names = written.map((_, index) => index + 1).join(',');
        const [only] = await parse(`HashOwner,HashApp,HashFunction,Trigger,${names}`, `o,a,f,http,${written.join(',')}`);
        assert.deepEqual(only?.countsPerMinute, written);
      }),
    );
  });

  for (const [title, lines, message] of [
    ['an empty file', [], 'Trace x.csv: the file is empty.'],
    ['a file with a header only', [header], 'Trace x.csv: there is no function below the header.'],
    ['a wrong column name', ['HashOwner,HashApp,Function,Trigger,1'], "Trace x.csv, line 1, column 3: the header says 'Function' instead of 'HashFunction'."],
    ['a header without minutes', ['HashOwner,HashApp,HashFunction,Trigger'], 'Trace x.csv, line 1: the header ends after 4 columns.'],
    ['a gap in the minutes', ['HashOwner,HashApp,HashFunction,Trigger,1,3'], "Trace x.csv, line 1, column 6: the header says '3' instead of '2'."],
    ['a file of another schema', ['app,func,end_timestamp,duration'], "Trace x.csv, line 1, column 1: the header says 'app' instead of 'HashOwner'."],
    ['a short row', [header, 'o,a,f,http,1,0'], 'Trace x.csv, line 2: 6 columns where the header has 7.'],
    ['a long row', [header, 'o,a,f,http,1,0,2,3'], 'Trace x.csv, line 2: 8 columns where the header has 7.'],
    ['a blank count', [header, 'o,a,f,http,1,,2'], "Trace x.csv, line 2, column 6 (minute 2): '' is no count of invocations."],
    ['a count that is not a number', [header, 'o,a,e,http,1,1,2', 'o,a,f,http,1,0,NaN'], "Trace x.csv, line 3, column 7 (minute 3): 'NaN' is no count of invocations."],
    ['a negative count', [header, 'o,a,f,http,-1,0,2'], "Trace x.csv, line 2, column 5 (minute 1): '-1' is no count of invocations."],
    ['a fractional count', [header, 'o,a,f,http,1,0.5,2'], "Trace x.csv, line 2, column 6 (minute 2): '0.5' is no count of invocations."],
    ['an exponent', [header, 'o,a,f,http,1e3,0,2'], "Trace x.csv, line 2, column 5 (minute 1): '1e3' is no count of invocations."],
    ['a blank name', [header, 'o,,f,http,1,0,2'], 'Trace x.csv, line 2, column 2: HashApp is blank.'],
    ['a function that comes twice', [header, 'o,a,f,http,1,0,2', 'o,a,g,http,1,0,2', 'o,a,f,timer,1,0,2'], 'Trace x.csv, line 4: the function of line 2 again.'],
  ] as const) {
    it(`refuses ${title}, saying where`, async () => {
      assert.equal((await refusal(parse(...lines))).message, message);
    });
  }
});

describe('readAzureTrace', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'instainfer-trace-'));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const write = (name: string, content: string | Buffer): string => {
    const file = path.join(folder, name);
    writeFileSync(file, content);
    return file;
  };

  it('reads a file with either kind of line end', async () => {
    const file = write('crlf.csv', `${header}\r\no,a,f,http,1,0,2\r\n`);
    assert.deepEqual((await collect(readAzureTrace(file))).map(({ countsPerMinute }) => countsPerMinute), [[1, 0, 2]]);
  });

  it('refuses an empty file, a binary one, a folder and one that is not there', async () => {
    const binary = write('trace.csv.xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04]));
    for (const [file, part] of [
      [write('empty.csv', ''), 'the file is empty'],
      [binary, 'this is a binary file'],
      [folder, 'cannot be read'],
      [path.join(folder, 'absent.csv'), 'cannot be read'],
    ] as const) {
      const error = await refusal(collect(readAzureTrace(file)));
      assert.ok(error.message.includes(part), error.message);
    }
  });

  it('finds in the shipped trace the 8 functions and 114 invocations of the original demo', async () => {
    const functions = await collect(readAzureTrace(shippedTraceFile));
    const perMinute = [0, 1, 2, 3, 4].map((minute) => functions.reduce((sum, { countsPerMinute }) => sum + (countsPerMinute[minute] ?? 0), 0));
    assert.equal(functions.length, 8);
    assert.deepEqual(perMinute, [26, 15, 11, 32, 30]);
  });
});
