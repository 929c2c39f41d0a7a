import { strict as assert } from 'node:assert';
import { mayUseWellKnownKey } from '../api/browser-origin.ts';

describe('a key that everybody knows', () => {
  const allowed: [what: string, origin: string | undefined, host: string | undefined][] = [
    ['a client that is no browser', undefined, 'anything:3233'],
    ['a page of this machine', 'http://localhost:8000', 'localhost:3233'],
    ['a page of this machine, by a name of its own', 'http://app.localhost', 'localhost:3233'],
    ['a page of this machine, by number', 'http://127.0.0.1:3233', '127.0.0.1:3233'],
    ['a page of this machine, by its new number', 'http://[::1]:3233', '[::1]:3233'],
    ['the console, by the number of the server', 'http://192.0.2.7:3233', '192.0.2.7:3233'],
    ['the console, by the new number of the server', 'http://[2001:db8::7]:3233', '[2001:db8::7]:3233'],
  ];
  for (const [what, origin, host] of allowed) {
    it(`serves ${what}`, () => {
      assert.equal(mayUseWellKnownKey(origin, host), true);
    });
  }

  const refused: [what: string, origin: string, host: string | undefined][] = [
    ['another site', 'https://site.example', 'localhost:3233'],
    ['a site whose name leads here', 'http://site.example:3233', 'site.example:3233'],
    ['a site whose name looks like this machine', 'http://localhost.site.example', 'localhost:3233'],
    ['a site whose name looks like a number', 'http://127.0.0.1.site.example', 'localhost:3233'],
    ['another machine', 'http://192.0.2.8:3233', '192.0.2.7:3233'],
    ['another server of that machine', 'http://192.0.2.7:80', '192.0.2.7:3233'],
    ['a page that came from nowhere', 'null', 'localhost:3233'],
    ['what is no origin', '', 'localhost:3233'],
  ];
  for (const [what, origin, host] of refused) {
    it(`does not serve ${what}`, () => {
      assert.equal(mayUseWellKnownKey(origin, host), false);
    });
  }
});
