// Media types as OpenWhisk's controller tells them apart: which are text, which JSON, and which bytes.
// Wire facts: MediaType.scala of Apache Pekko HTTP, whose table decides for OpenWhisk's WebActions.scala.

export interface MediaType {
  /** `main/sub` in lower case, without parameters. */
  readonly name: string;
  readonly isJson: boolean;
  /** Whether it travels as base64 in JSON. */
  readonly isBinary: boolean;
  /** What is written into a content-type header of text: a charset, where the type leaves it open. */
  readonly header: string;
}

/** Text that may come in any charset. */
const openTexts = ['atom+xml', 'base64', 'javascript', 'problem+xml', 'rss+xml', 'soap+xml', 'vnd.google-earth.kml+xml', 'x-latex', 'x-vrml', 'xhtml+xml', 'xml', 'xml-dtd'];
/** Text whose charset is fixed. */
const fixedTexts = ['json', 'json-patch+json', 'merge-patch+json', 'problem+json', 'vnd.api+json', 'x-www-form-urlencoded'];

const token = "[\\w!#$%&'*+.^`|~-]+";
const pattern = new RegExp(`^\\s*(${token})/(${token})\\s*((?:;.*)?)$`);

/** Undefined for what is no media type. */
export function mediaTypeOf(header: string): MediaType | undefined {
  const [, main, sub, parameters = ''] = pattern.exec(header) ?? [];
  if (main === undefined || sub === undefined) return undefined;
  const name = `${main}/${sub}`.toLowerCase();
  const isOpen = name.startsWith('text/') || openTexts.some((text) => name === `application/${text}`);
  const isFixed = fixedTexts.some((text) => name === `application/${text}`);
  return { name, isJson: name === 'application/json' || name.endsWith('+json'), isBinary: !isOpen && !isFixed, header: isOpen ? `${name}; charset=UTF-8` : isFixed ? name : `${name}${parameters}` };
}
