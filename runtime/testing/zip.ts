// Makes small action archives for tests.
import { buffer } from 'node:stream/consumers';
import yazl from 'yazl';

/** File contents by name in the archive; a link is `{ link: target }`, a mode comes as `{ text, mode }`. */
export type ZipContents = Readonly<Record<string, string | Buffer | { readonly link: string } | { readonly text: string; readonly mode: number }>>;

export async function zip(contents: ZipContents): Promise<Buffer> {
  const archive = new yazl.ZipFile();
  for (const [name, content] of Object.entries(contents)) {
    if (typeof content === 'string' || Buffer.isBuffer(content)) archive.addBuffer(Buffer.from(content), name);
    else if ('link' in content) archive.addBuffer(Buffer.from(content.link), name, { mode: 0o120777 });
    else archive.addBuffer(Buffer.from(content.text), name, { mode: 0o100000 | content.mode });
  }
  archive.end();
  return buffer(archive.outputStream);
}

export const zipBase64 = async (contents: ZipContents): Promise<string> => (await zip(contents)).toString('base64');
