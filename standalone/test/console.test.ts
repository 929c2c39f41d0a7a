// The console, as people use it: in a real Chromium, over a running system with real containers.
import { strict as assert } from 'node:assert';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { inferenceCode } from '../../runtime/testing/driven-runtime.ts';
import { writeTinyStore } from '../../runtime/testing/tiny-store.ts';
import { contrast } from '../../test/support/contrast.ts';
import { openPage, takePicture, testBrowser, type PageOptions, type WatchedPage } from '../../test/support/browser.ts';
import { megabytes, otherKey, ServedSystem } from '../testing/served-system.ts';

describe('the console', function () {
  this.timeout(60_000);
  let browser: Browser;
  let served: ServedSystem;
  let storeDir: string;
  let watched: WatchedPage;
  let page: Page;

  before(async function () {
    browser = await testBrowser(this);
    storeDir = mkdtempSync(path.join(tmpdir(), 'console-store-'));
    chmodSync(storeDir, 0o755);
    writeTinyStore(storeDir, { models: ['one', 'two'] });
    served = await ServedSystem.start({ environment: { INSTAINFER_MODEL_STORE: storeDir }, scheduler: { poolMemoryBytes: 1024 * megabytes, stemCellCount: 2, stemCellMemoryBytes: 256 * megabytes } });
    await served.create('echo', 'function main(p) { return p; }');
    await served.create('picky', 'function main() { return { error: "I do not like it" }; }');
  });
  after(async () => {
    await browser?.close();
    await served?.stop();
    if (storeDir !== undefined) rmSync(storeDir, { recursive: true });
  });

  const visit = async (options?: PageOptions): Promise<void> => {
    watched = await openPage(browser, `${served.address}/`, options);
    page = watched.page;
    page.setDefaultTimeout(20_000);
  };
  const open = async (options?: PageOptions): Promise<void> => {
    await visit(options);
    await page.getByText('Live', { exact: true }).waitFor();
  };
  const card = (name: string) => page.locator('#actions > li').filter({ has: page.getByRole('heading', { name, exact: true }) });
  const createInferring = (name: string): Promise<unknown> => served.create(name, inferenceCode('one'), { annotations: [{ key: 'preload', value: { models: [{ name: 'one', store: 'one' }] } }] });
  /** Chromium itself complains of each answer that is no success. */
  const forgive = (expected: RegExp): void => {
    watched = { page, complaints: watched.complaints.filter((text) => !expected.test(text)) };
  };
  afterEach(async function () {
    // Every test's page has to have been content, whatever it was about.
    if (page === undefined || page.isClosed()) return;
    await page.context().close();
    if (this.currentTest?.state === 'passed') assert.deepEqual(watched.complaints, []);
  });

  it('shows the containers, the actions and the memory, and keeps up with what happens', async () => {
    await open();
    await card('echo').getByText('not called yet').waitFor();
    assert.equal(await page.locator('#who').textContent(), 'namespace guest');
    await page.locator('#containers > li').first().waitFor();
    await served.call('/namespaces/_/actions/echo?blocking=true', { method: 'POST', body: {} });
    await card('echo').getByText(/last call .* ago/).waitFor();
    await card('echo').getByText(/starts: 1 (prewarmed|cold)/).waitFor();
    await page.locator('#activations tr').filter({ hasText: 'echo' }).getByText('success').waitFor();
    await page.locator('#containers').getByText('warm for echo').waitFor();
    for (const chart of ['#windows-chart', '#starts-chart', '#memory-chart']) await page.locator(`${chart} svg`).waitFor();
    await served.create('newcomer', 'function main() { return {}; }');
    // A deployment is a step of the scheduler like any other.
    await card('newcomer').waitFor();
  });

  it('has what was there before it was opened', async () => {
    const { activationId } = (await served.call('/namespaces/_/actions/echo', { method: 'POST', body: {} })).body as { activationId: string };
    await served.recordOf(activationId);
    await open();
    await page.locator(`#activations tr[title="${activationId}"]`).waitFor();
  });

  it('loads and off-loads at the push of a button', async () => {
    await createInferring('inferring');
    await open();
    const residents = page.locator('#containers .residents li').filter({ hasText: 'inferring' });
    // One just deployed may be loaded before anybody asks.
    await card('inferring').getByText(/ready in|not loaded/).waitFor();
    const load = async (): Promise<void> => {
      // The server says no while no container is idle: as a person does, it is asked again.
      while ((await residents.count()) === 0) {
        await card('inferring').getByRole('button', { name: 'Load inferring ahead' }).click();
        await residents.first().getByText(/MB, worth .* for /).waitFor({ timeout: 2000 }).catch(() => undefined);
      }
      forgive(/ 409 /);
    };
    await load();
    while ((await residents.count()) > 0) {
      // By its name: others may come and go meanwhile.
      const name = (await residents.first().getByRole('button').getAttribute('aria-label')) ?? '';
      assert.match(name, /^Off-load inferring from c\d+$/);
      await page.getByRole('button', { name, exact: true }).click();
      await page.locator('#notice').getByText(/Off-loading inferring/).waitFor();
      await page.getByRole('button', { name, exact: true }).waitFor({ state: 'detached' });
    }
    await card('inferring').getByText('not loaded').waitFor();
    await load();
    await served.call('/namespaces/_/actions/inferring?blocking=true', { method: 'POST', body: {} });
    await card('inferring').getByText('starts: 1 preloaded').waitFor();
  });

  it('says why nothing was loaded', async () => {
    await createInferring('everywhere');
    await open();
    const button = card('everywhere').getByRole('button', { name: 'Load everywhere ahead' });
    await page.locator('#containers > li').first().waitFor();
    // Until every container has it.
    for (;;) {
      await button.click();
      const notice = page.locator('#notice');
      await notice.filter({ hasText: /./ }).waitFor();
      if (/No idle container/.test((await notice.textContent()) ?? '')) break;
      await page.locator('#containers').filter({ hasText: 'loads everywhere' }).waitFor({ state: 'detached' });
    }
    forgive(/ 409 /);
  });

  it('invokes with the keyboard alone, and shows the record', async () => {
    await open();
    await card('echo').getByRole('button', { name: 'Invoke echo' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Invoke guest/echo' }).waitFor();
    assert.equal(await page.evaluate('document.activeElement.id'), 'parameters');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('{"word": ');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText(/The parameters are no JSON/).waitFor();
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('{"word": "<b>grüezi</b>"}');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.locator('#invoke-result').getByText('"word": "<b>grüezi</b>"').waitFor();
    assert.match((await page.locator('#invoke-result').textContent()) ?? '', /"startType"/);
    await page.keyboard.press('Escape');
    assert.equal(await page.getByRole('dialog').count(), 0);
    // The button that opened it, while states have come in between.
    assert.equal(await page.evaluate('document.activeElement.ariaLabel'), 'Invoke echo');
  });

  it('shows the failure of an action as its record', async () => {
    await open();
    await card('picky').getByRole('button', { name: 'Invoke picky' }).click();
    await page.getByRole('button', { name: 'Invoke', exact: true }).click();
    await page.locator('#invoke-result').getByText('I do not like it').waitFor();
    await page.locator('#activations td.failed').getByText('application error').waitFor();
    forgive(/ 502 /);
  });

  it('asks for a key where the one it has is nobody\'s, and shows that namespace and no other\'s names', async () => {
    await visit({ firstScript: "if (sessionStorage.length === 0) sessionStorage.setItem('instainfer-key', 'no:body')" });
    await page.getByLabel('UUID:KEY').fill(otherKey);
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByText('namespace other').waitFor();
    await page.getByText('None yet. Create one').waitFor();
    assert.doesNotMatch((await page.locator('main').textContent()) ?? '', /echo|inferring/);
    forgive(/ 401 /);
  });

  it('comes back by itself when the connection was lost', async () => {
    await open();
    served.dropConnections();
    await page.getByText('The server does not answer. Trying again').waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    forgive(/ERR_/);
  });

  for (const { title, width, colorScheme } of [
    { title: 'a phone', width: 360, colorScheme: 'dark' },
    { title: 'a phone', width: 360, colorScheme: 'light' },
    { title: 'a desk', width: 1280, colorScheme: 'light' },
    { title: 'a desk', width: 1280, colorScheme: 'dark' },
  ] as const) {
    it(`fits ${title} in ${colorScheme} colours, without scrolling sideways and with text that can be read`, async () => {
      await open({ width, colorScheme });
      await page.locator('#memory-chart svg').waitFor();
      await page.locator('#containers > li').first().waitFor();
      assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= width);
      const colours = await page.evaluate<string[]>('[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]');
      assert.ok(contrast(colours[0] ?? '', colours[1] ?? '') >= 7);
      for (const button of await page.getByRole('button').all()) assert.ok(((await button.boundingBox())?.height ?? 0) >= 24);
      await takePicture(page, `console-${width}-${colorScheme}`);
    });
  }
});
