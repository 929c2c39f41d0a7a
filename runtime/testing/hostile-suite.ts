// What hostile actions try, and what becomes of it: black-box tests over HTTP against the real runtime, in containers
// from a factory. docs/security.md names the tests of this suite by their titles.
import { environment, Tenants, type HostileFactory, type HostileRequest } from './hostile/tenants.ts';
import { describeExhaustion } from './hostile/exhaustion.ts';
import { describeHostileInput } from './hostile/input.ts';
import { describeIntrusion } from './hostile/intrusion.ts';
import { describeLeftovers } from './hostile/leftovers.ts';

/** One container for the tests of a section; each begins with a stem cell. */
export interface Section {
  readonly tenants: () => Tenants;
  /** A further container, removed when the section ends. */
  readonly another: (request?: Partial<HostileRequest>) => Promise<Tenants>;
}

export function describeHostileActions(create: HostileFactory): void {
  const section = (title: string, describeTests: (section: Section) => void): void => {
    describe(title, function () {
      this.timeout(60_000);
      let tenants: Tenants | undefined;
      const others: Tenants[] = [];
      const another: Section['another'] = async (request = {}) => {
        const other = new Tenants(await create({ environment, ...request }));
        others.push(other);
        return other;
      };
      before(async () => {
        tenants = new Tenants(await create({ environment }));
      });
      beforeEach(() => tenants?.reset());
      after(async () => {
        await Promise.all([tenants, ...others].map((one) => one?.container.remove()));
      });
      describeTests({
        tenants: () => {
          if (tenants === undefined) throw new Error('The container has not started.');
          return tenants;
        },
        another,
      });
    });
  };
  section('a hostile action that looks around', describeIntrusion);
  section('a hostile action that leaves something behind', describeLeftovers);
  section('a hostile action that uses up what there is', describeExhaustion);
  section('hostile input', describeHostileInput);
}
