// The reports of the lab and of the demo in a real browser: at two widths, in light and dark, without a network.
import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { runSimCommand } from '../../demo/sim/run-sim.ts';
import { runLabCommand } from '../../lab/lab-command.ts';
import { contrast } from '../support/contrast.ts';
import { openPage, takePicture, testBrowser } from '../support/browser.ts';

const silent = { stdout: { write: (): void => undefined }, stderr: { write: (): void => undefined } };

describe('reports', function () {
  this.timeout(60_000);
  let browser: Browser;
  let folder: string;

  before(async function () {
    browser = await testBrowser(this);
    folder = mkdtempSync(path.join(tmpdir(), 'reports-'));
    await runLabCommand(['compare', '--memory', '50%,100%', '--seeds', '2', '--report', path.join(folder, 'lab.html')], {}, { ...silent, clock: () => 0, peakMemoryBytes: () => 0 });
    assert.equal(await runSimCommand(['--compare', '--out', path.join(folder, 'sim')], {}, silent), 0);
  });
  after(async () => {
    await browser?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  for (const { name, file, charts } of [
    { name: 'of the lab', file: 'lab.html', charts: 5 },
    { name: 'of a replay', file: 'sim/report.html', charts: 3 },
  ]) {
    for (const [width, colorScheme] of [[1280, 'light'], [1280, 'dark'], [400, 'light'], [400, 'dark']] as const) {
      it(`${name} can be read at ${width} px in ${colorScheme} colours: nothing sticks out, every series differs from the page and its text is clear`, async () => {
        const { page, complaints } = await openPage(browser, pathToFileURL(path.join(folder, file)).href, { width, colorScheme });
        try {
          assert.equal(await page.locator('figure svg').count(), charts);
          assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= width);
          // What is too wide for a phone scrolls within its own box.
          for (const box of await page.locator('.scroll').all()) assert.ok(((await box.boundingBox())?.width ?? 0) <= width);
          const colours = await page.evaluate<{ page: string; text: string; faint: string; series: string[] }>(
            `(() => { const style = getComputedStyle(document.documentElement); const of = (name) => style.getPropertyValue(name).trim();
              return { page: of('--page'), text: of('--text'), faint: of('--faint'), series: [0, 1, 2, 3, 4, 5, 6, 7].map((index) => of('--c' + index)) }; })()`,
          );
          assert.ok(contrast(colours.text, colours.page) >= 7);
          assert.ok(contrast(colours.faint, colours.page) >= 4.5);
          // WCAG 2.2, 1.4.11: parts of graphics that have to be told from what is around them.
          for (const series of colours.series) assert.ok(contrast(series, colours.page) >= 3, `${series} on ${colours.page}`);
          assert.deepEqual(complaints, []);
          await takePicture(page, `report-${file.replace(/\W+/g, '-')}-${width}-${colorScheme}`);
        } finally {
          await page.context().close();
        }
      });
    }
  }

  it('show the same to who tells red from green badly: no two neighbouring series become one', async () => {
    const { page } = await openPage(browser, pathToFileURL(path.join(folder, 'lab.html')).href);
    const session = await page.context().newCDPSession(page);
    try {
      for (const type of ['deuteranopia', 'protanopia', 'tritanopia'] as const) {
        await session.send('Emulation.setEmulatedVisionDeficiency', { type });
        const lines = page.locator('ul.legend').first().locator('li');
        const seen: number[][] = [];
        for (let index = 0; index < (await lines.count()); index += 1) {
          const box = await lines.nth(index).locator('svg').boundingBox();
          assert.ok(box !== null);
          seen.push(await middlePixel(await page.screenshot({ clip: { x: box.x + box.width / 2 - 2, y: box.y + box.height / 2 - 1, width: 3, height: 2 } })));
        }
        // Dashed lines repeat the colours of full ones: eight are to be told apart by colour.
        for (const [left, one] of seen.slice(0, 8).entries()) {
          for (const [right, other] of seen.slice(0, 8).entries()) if (left < right) assert.ok(distance(one, other) > 20, `${type}: series ${left} ${one.join()} and ${right} ${other.join()}`);
        }
      }
    } finally {
      await page.context().close();
    }
  });
});

async function middlePixel(png: Buffer): Promise<number[]> {
  const { default: sharp } = await import('sharp');
  const { data } = await sharp(png).removeAlpha().resize(1, 1).raw().toBuffer({ resolveWithObject: true });
  return [...data];
}

/** Of two colours of 0 to 255, as the eye weighs them ("redmean", T. Riemersma): 0 for equal ones, 765 for black and white. */
function distance([r1 = 0, g1 = 0, b1 = 0]: readonly number[], [r2 = 0, g2 = 0, b2 = 0]: readonly number[]): number {
  const red = (r1 + r2) / 2;
  return Math.sqrt((2 + red / 256) * (r1 - r2) ** 2 + 4 * (g1 - g2) ** 2 + (2 + (255 - red) / 256) * (b1 - b2) ** 2);
}
