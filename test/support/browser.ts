// A real Chromium for tests of pages: the machine's own, driven by playwright-core, which brings none. Where there is none the
// suite is skipped and says so; INSTAINFER_TEST_BROWSER=required makes that a failure.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/opt/google/chrome/chrome'];

/** For a `before` hook, to be closed after. INSTAINFER_TEST_CHROMIUM names another program. */
export async function testBrowser(context: Mocha.Context): Promise<Browser> {
  const executablePath = process.env['INSTAINFER_TEST_CHROMIUM'] ?? places.find((place) => existsSync(place));
  if (executablePath === undefined) {
    if (process.env['INSTAINFER_TEST_BROWSER'] === 'required') throw new Error(`There is no Chromium at ${places.join(', ')}, and INSTAINFER_TEST_CHROMIUM names none.`);
    console.error('    skipped: there is no Chromium (apt-get install chromium, or name one in INSTAINFER_TEST_CHROMIUM)');
    return context.skip();
  }
  // Chromium's sandbox does not start as root, and tests look at pages of their own only.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** Keeps a picture of the whole page in the folder INSTAINFER_SCREENSHOTS, for people to look at; none where that is not set. */
export async function takePicture(page: Page, name: string): Promise<void> {
  const folder = process.env['INSTAINFER_SCREENSHOTS'];
  if (folder !== undefined) await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
}

export interface WatchedPage {
  readonly page: Page;
  /** Everything the page has complained of so far: errors, failed requests, requests to elsewhere. */
  readonly complaints: readonly string[];
}

export interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
  /** Runs before any script of the page. */
  readonly firstScript?: string;
}

/** A page at one width, in light or dark. */
export async function openPage(browser: Browser, url: string, { width = 1280, height = 900, colorScheme = 'light', firstScript }: PageOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
  if (firstScript !== undefined) await context.addInitScript(firstScript);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('requestfailed', (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText ?? 'failed'}`));
  const home = url.startsWith('file:') ? url : new URL(url).origin;
  page.on('request', (request) => {
    if (!request.url().startsWith(home) && !request.url().startsWith('data:')) complaints.push(`asks ${request.url()}`);
  });
  await page.goto(url);
  return { page, complaints };
}
